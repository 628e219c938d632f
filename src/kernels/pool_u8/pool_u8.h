// Pooling of u8 activations in NHWC. The largest of a window commutes with a scale and a zero
// point; the mean of a whole image gets new ones, for it spans less than the values it is made of.
#pragma once

#include <cstdint>

#include "base/thread_pool.h"
#include "kernels/nhwc.h"
#include "kernels/pool_f32/pool_f32.h"

namespace deixis {

// The largest value of each window; padding never counts, so the input needs no border. Does not
// allocate.
void MaxPoolU8(const MaxPoolShape& shape, const NhwcView<const uint8_t>& input,
               const NhwcView<uint8_t>& output, ThreadPool* pool = nullptr);
void MaxPoolU8Reference(const MaxPoolShape& shape, const NhwcView<const uint8_t>& input,
                        const NhwcView<uint8_t>& output);

// y = clamp(round(sum * factor + offset), 0, 255), the sum exact in int32, the rest float32 with
// every operation rounded by itself and the last rounding to nearest, ties to even.
struct AverageU8 {
  float factor = 0;  // 1 / (H * W) keeps the scale
  float offset = 0;
};

// The sum of each channel over all pixels of an image, requantized: [N, H, W, C] -> [N, C], dense.
// H * W is at most kMaxAveragePixels, so that a sum is exact as float.
inline constexpr int64_t kMaxAveragePixels = (int64_t{1} << 24) / 255;
void GlobalAveragePoolU8(const AverageU8& average, const NhwcView<const uint8_t>& input,
                         uint8_t* output);
void GlobalAveragePoolU8Reference(const AverageU8& average, const NhwcView<const uint8_t>& input,
                                  uint8_t* output);

}  // namespace deixis
