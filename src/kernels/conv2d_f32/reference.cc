// The convolution as plain loops, summed in float64: the oracle of the fast paths.
#include "kernels/conv2d_f32/conv2d_f32.h"

namespace deixis {
namespace {

double Sum(const Conv2dShape& shape, std::span<const float> weights,
           const NhwcView<const float>& input, int64_t n, int64_t oy, int64_t ox, int64_t o) {
  double sum = 0;
  for (int64_t r = 0; r < shape.filter_height; ++r) {
    for (int64_t s = 0; s < shape.filter_width; ++s) {
      const int64_t y = oy * shape.stride + r - shape.padding;
      const int64_t x = ox * shape.stride + s - shape.padding;
      if (y < 0 || y >= input.height || x < 0 || x >= input.width) continue;
      for (int64_t c = 0; c < shape.in_channels; ++c) {
        const int64_t at =
            ((o * shape.in_channels + c) * shape.filter_height + r) * shape.filter_width + s;
        sum += static_cast<double>(weights[at]) * input.Pixel(n, y, x)[c];
      }
    }
  }
  return sum;
}

}  // namespace

void Conv2dF32Reference(const Conv2dShape& shape, std::span<const float> weights,
                        std::span<const float> bias, const NhwcView<const float>& input,
                        const NhwcView<float>& output, const EpilogueF32& epilogue) {
  for (int64_t n = 0; n < output.batch; ++n) {
    for (int64_t oy = 0; oy < output.height; ++oy) {
      for (int64_t ox = 0; ox < output.width; ++ox) {
        for (int64_t o = 0; o < shape.out_channels; ++o) {
          double value = Sum(shape, weights, input, n, oy, ox, o);
          if (!bias.empty()) value += bias[o];
          if (epilogue.residual.data != nullptr) value += epilogue.residual.Pixel(n, oy, ox)[o];
          if (epilogue.relu && value < 0) value = 0;
          output.Pixel(n, oy, ox)[o] = static_cast<float>(value);
        }
      }
    }
  }
}

}  // namespace deixis
