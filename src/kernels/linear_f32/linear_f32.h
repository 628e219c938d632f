// y = x * W^T + b for float rows: the head of a network, and any product with a fixed matrix. A row
// is a pixel of a 1x1 convolution, so it runs there.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/conv2d_f32/conv2d_f32.h"

namespace deixis {

// `weights` is [C_out, C_in]; `bias` is [C_out], or empty for zeros.
PackedConv2dF32 PackLinearF32(int64_t in_channels, int64_t out_channels,
                              std::span<const float> weights, std::span<const float> bias = {});

// `input` is [num_rows, C_in], `output` [num_rows, C_out], both dense. Does not allocate.
void LinearF32(const PackedConv2dF32& packed, const float* input, float* output, int64_t num_rows,
               ThreadPool* pool = nullptr);

// Plain loops, summed in float64.
void LinearF32Reference(int64_t in_channels, int64_t out_channels, std::span<const float> weights,
                        std::span<const float> bias, const float* input, float* output,
                        int64_t num_rows);

}  // namespace deixis
