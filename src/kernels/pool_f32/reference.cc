// Pooling as plain loops: the oracle of the fast paths.
#include <cmath>
#include <limits>

#include "kernels/pool_f32/pool_f32.h"

namespace deixis {
namespace {

float WindowMax(const MaxPoolShape& shape, const NhwcView<const float>& input, int64_t n,
                int64_t oy, int64_t ox, int64_t c) {
  float largest = -std::numeric_limits<float>::infinity();
  for (int64_t r = 0; r < shape.filter_size; ++r) {
    for (int64_t s = 0; s < shape.filter_size; ++s) {
      const int64_t y = oy * shape.stride + r - shape.padding;
      const int64_t x = ox * shape.stride + s - shape.padding;
      if (y < 0 || y >= input.height || x < 0 || x >= input.width) continue;
      const float value = input.Pixel(n, y, x)[c];
      if (value > largest || std::isnan(value)) largest = value;
      if (std::isnan(largest)) return largest;
    }
  }
  return largest;
}

}  // namespace

void MaxPoolF32Reference(const MaxPoolShape& shape, const NhwcView<const float>& input,
                         const NhwcView<float>& output) {
  for (int64_t n = 0; n < output.batch; ++n) {
    for (int64_t oy = 0; oy < output.height; ++oy) {
      for (int64_t ox = 0; ox < output.width; ++ox) {
        for (int64_t c = 0; c < output.channels; ++c) {
          output.Pixel(n, oy, ox)[c] = WindowMax(shape, input, n, oy, ox, c);
        }
      }
    }
  }
}

void GlobalAveragePoolF32Reference(const NhwcView<const float>& input, float* output) {
  for (int64_t n = 0; n < input.batch; ++n) {
    for (int64_t c = 0; c < input.channels; ++c) {
      double sum = 0;
      for (int64_t y = 0; y < input.height; ++y) {
        for (int64_t x = 0; x < input.width; ++x) sum += input.Pixel(n, y, x)[c];
      }
      output[n * input.channels + c] =
          static_cast<float>(sum / static_cast<double>(input.height * input.width));
    }
  }
}

}  // namespace deixis
