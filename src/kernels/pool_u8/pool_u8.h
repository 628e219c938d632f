// Pooling of u8 activations in NHWC. Both poolings commute with a scale and a zero point, so
// neither needs to know them.
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

// The mean of each channel over all pixels of an image, [N, H, W, C] -> [N, C], dense, rounded to
// nearest with ties up: floor((sum + H * W / 2) / (H * W)), all in integers. 0 < H * W < 2^24.
void GlobalAveragePoolU8(const NhwcView<const uint8_t>& input, uint8_t* output);
void GlobalAveragePoolU8Reference(const NhwcView<const uint8_t>& input, uint8_t* output);

}  // namespace deixis
