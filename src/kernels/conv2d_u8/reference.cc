// The convolution of bytes as plain loops, summed in int64: the oracle of the fast paths.
#include <algorithm>
#include <cmath>

#include "kernels/conv2d_u8/conv2d_u8.h"

namespace deixis {
namespace {

int64_t Sum(const Conv2dShape& shape, std::span<const int8_t> weights,
            const NhwcView<const uint8_t>& input, int64_t n, int64_t oy, int64_t ox, int64_t o) {
  int64_t sum = 0;
  for (int64_t r = 0; r < shape.filter_height; ++r) {
    for (int64_t s = 0; s < shape.filter_width; ++s) {
      const uint8_t* pixel = input.Pixel(n, oy * shape.stride + r - shape.padding,
                                         ox * shape.stride + s - shape.padding);
      for (int64_t c = 0; c < shape.in_channels; ++c) {
        const int64_t at =
            ((o * shape.in_channels + c) * shape.filter_height + r) * shape.filter_width + s;
        sum += int64_t{weights[at]} * pixel[c];
      }
    }
  }
  return sum;
}

// body(n, oy, ox, o, acc * scale + bias) for every output.
template <typename T, typename Body>
void ForEachOutput(const Conv2dShape& shape, std::span<const int8_t> weights,
                   std::span<const float> scale, std::span<const float> bias,
                   const NhwcView<const uint8_t>& input, const NhwcView<T>& output,
                   const Body& body) {
  for (int64_t n = 0; n < output.batch; ++n) {
    for (int64_t oy = 0; oy < output.height; ++oy) {
      for (int64_t ox = 0; ox < output.width; ++ox) {
        for (int64_t o = 0; o < shape.out_channels; ++o) {
          const auto acc = static_cast<int32_t>(Sum(shape, weights, input, n, oy, ox, o));
          const float scaled = static_cast<float>(acc) * scale[o];
          body(n, oy, ox, o, scaled + (bias.empty() ? 0.0f : bias[o]));
        }
      }
    }
  }
}

}  // namespace

void Conv2dU8Reference(const Conv2dShape& shape, std::span<const int8_t> weights,
                       std::span<const float> scale, std::span<const float> bias,
                       const NhwcView<const uint8_t>& input, const NhwcView<uint8_t>& output,
                       const EpilogueU8& epilogue) {
  ForEachOutput(shape, weights, scale, bias, input, output,
                [&](int64_t n, int64_t oy, int64_t ox, int64_t o, float value) {
                  if (epilogue.residual.data != nullptr) {
                    const float residual = epilogue.residual.Pixel(n, oy, ox)[o];
                    const float added = residual * epilogue.residual_scale;
                    value = value + added;
                  }
                  const float clamped = std::clamp(value, 0.0f, 255.0f);
                  output.Pixel(n, oy, ox)[o] = static_cast<uint8_t>(std::nearbyint(clamped));
                });
}

void Conv2dU8ToF32Reference(const Conv2dShape& shape, std::span<const int8_t> weights,
                            std::span<const float> scale, std::span<const float> bias,
                            const NhwcView<const uint8_t>& input, const NhwcView<float>& output) {
  ForEachOutput(shape, weights, scale, bias, input, output,
                [&](int64_t n, int64_t oy, int64_t ox, int64_t o, float value) {
                  output.Pixel(n, oy, ox)[o] = value;
                });
}

}  // namespace deixis
