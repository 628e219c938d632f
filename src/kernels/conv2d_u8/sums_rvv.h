// The sums of the u8 convolution with the vector extension of RISC-V (sums_rvv.S). In assembly, for
// Highway 1.0.3 and the compilers of its time know no common set of intrinsics, and this way a
// processor without vectors runs the same program.
#pragma once

#include <cstdint>

extern "C" {

// sums[p][c] = the sum over `num_rows` filter rows of `row_steps` quads of pixel p's input bytes
// times channel c's weights, for 4 pixels and `num_channels` channels, dense. pixels[p]: the first
// input byte under the filter; weights: int8, the first step's first channel, [4] per channel, the
// next step `weight_stride` bytes further. 1 <= num_channels <= DeixisLanesRvv().
void DeixisSumsRvv(const uint8_t* const* pixels, int64_t input_row_stride, int64_t num_rows,
                   int64_t row_steps, const uint8_t* weights, int64_t weight_stride,
                   int64_t num_channels, int32_t* sums);

int64_t DeixisLanesRvv();
}
