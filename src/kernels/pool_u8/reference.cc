// Pooling of bytes as plain loops: the oracle of the fast paths.
#include <algorithm>
#include <cmath>

#include "kernels/pool_u8/pool_u8.h"

namespace deixis {

void MaxPoolU8Reference(const MaxPoolShape& shape, const NhwcView<const uint8_t>& input,
                        const NhwcView<uint8_t>& output) {
  for (int64_t n = 0; n < output.batch; ++n) {
    for (int64_t oy = 0; oy < output.height; ++oy) {
      for (int64_t ox = 0; ox < output.width; ++ox) {
        for (int64_t c = 0; c < output.channels; ++c) {
          uint8_t largest = 0;
          for (int64_t r = 0; r < shape.filter_size; ++r) {
            for (int64_t s = 0; s < shape.filter_size; ++s) {
              const int64_t y = oy * shape.stride + r - shape.padding;
              const int64_t x = ox * shape.stride + s - shape.padding;
              if (y < 0 || y >= input.height || x < 0 || x >= input.width) continue;
              largest = std::max(largest, input.Pixel(n, y, x)[c]);
            }
          }
          output.Pixel(n, oy, ox)[c] = largest;
        }
      }
    }
  }
}

void GlobalAveragePoolU8Reference(const AverageU8& average, const NhwcView<const uint8_t>& input,
                                  uint8_t* output) {
  for (int64_t n = 0; n < input.batch; ++n) {
    for (int64_t c = 0; c < input.channels; ++c) {
      int64_t sum = 0;
      for (int64_t y = 0; y < input.height; ++y) {
        for (int64_t x = 0; x < input.width; ++x) sum += input.Pixel(n, y, x)[c];
      }
      const float scaled = static_cast<float>(sum) * average.factor;
      const float value = scaled + average.offset;
      output[n * input.channels + c] =
          static_cast<uint8_t>(std::lrint(std::min(std::max(value, 0.0f), 255.0f)));
    }
  }
}

}  // namespace deixis
