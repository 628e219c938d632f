// Pooling of float images in NHWC.
#pragma once

#include <cstdint>

#include "base/thread_pool.h"
#include "kernels/nhwc.h"

namespace deixis {

struct MaxPoolShape {
  int64_t filter_size = 3;
  int64_t stride = 2;
  int64_t padding = 1;  // at most filter_size / 2, so that no window is empty

  int64_t OutputExtent(int64_t input_extent) const {
    const int64_t span = input_extent + 2 * padding - filter_size;
    return span < 0 ? 0 : span / stride + 1;
  }
};

// The largest value of each window; padding never counts, so the input needs no border. A NaN in a
// window makes its output NaN, as in PyTorch. Does not allocate.
void MaxPoolF32(const MaxPoolShape& shape, const NhwcView<const float>& input,
                const NhwcView<float>& output, ThreadPool* pool = nullptr);
void MaxPoolF32Reference(const MaxPoolShape& shape, const NhwcView<const float>& input,
                         const NhwcView<float>& output);

// The mean of each channel over all pixels of an image: [N, H, W, C] -> output [N, C], dense.
// H * W > 0. Does not allocate.
void GlobalAveragePoolF32(const NhwcView<const float>& input, float* output);
void GlobalAveragePoolF32Reference(const NhwcView<const float>& input, float* output);

}  // namespace deixis
