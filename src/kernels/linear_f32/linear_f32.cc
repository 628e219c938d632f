#include "kernels/linear_f32/linear_f32.h"

namespace deixis {

PackedConv2dF32 PackLinearF32(int64_t in_channels, int64_t out_channels,
                              std::span<const float> weights, std::span<const float> bias) {
  return PackConv2dF32({.in_channels = in_channels, .out_channels = out_channels}, weights, bias);
}

void LinearF32(const PackedConv2dF32& packed, const float* input, float* output, int64_t num_rows,
               ThreadPool* pool) {
  const NhwcExtents in{.height = 1, .width = num_rows, .channels = packed.shape.in_channels};
  const NhwcExtents out{.height = 1, .width = num_rows, .channels = packed.shape.out_channels};
  Conv2dF32(packed, DenseView(input, in), DenseView(output, out), {}, pool);
}

void LinearF32Reference(int64_t in_channels, int64_t out_channels, std::span<const float> weights,
                        std::span<const float> bias, const float* input, float* output,
                        int64_t num_rows) {
  for (int64_t row = 0; row < num_rows; ++row) {
    for (int64_t o = 0; o < out_channels; ++o) {
      double sum = bias.empty() ? 0.0 : bias[o];
      for (int64_t c = 0; c < in_channels; ++c) {
        sum += static_cast<double>(weights[o * in_channels + c]) * input[row * in_channels + c];
      }
      output[row * out_channels + o] = static_cast<float>(sum);
    }
  }
}

}  // namespace deixis
