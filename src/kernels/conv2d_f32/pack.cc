// Packs the weights of a convolution into the panels that every instruction set reads.
#include <algorithm>

#include "kernels/conv2d_f32/conv2d_f32.h"

namespace deixis {

PackedConv2dF32 PackConv2dF32(const Conv2dShape& shape, std::span<const float> weights,
                              std::span<const float> bias) {
  constexpr int64_t kGranule = PackedConv2dF32::kPanelGranule;
  const int64_t padded = (shape.out_channels + kGranule - 1) / kGranule * kGranule;
  const int64_t filter_pixels = shape.filter_height * shape.filter_width;

  PackedConv2dF32 packed{.shape = shape, .weights = {}, .bias = {}};
  // One term at least, so that a panel has an address even when sums are empty.
  packed.weights.assign(static_cast<size_t>(padded * std::max<int64_t>(shape.num_terms(), 1)),
                        0.0f);
  packed.bias.assign(static_cast<size_t>(padded), 0.0f);
  std::copy(bias.begin(), bias.end(), packed.bias.begin());

  for (int64_t o = 0; o < shape.out_channels; ++o) {
    const int64_t first = o / PackedConv2dF32::kPanelChannels * PackedConv2dF32::kPanelChannels;
    const int64_t width = std::min(PackedConv2dF32::kPanelChannels, padded - first);
    float* panel = packed.weights.data() + first * shape.num_terms();
    const float* filter = weights.data() + o * shape.num_terms();
    for (int64_t c = 0; c < shape.in_channels; ++c) {
      for (int64_t rs = 0; rs < filter_pixels; ++rs) {
        panel[(rs * shape.in_channels + c) * width + (o - first)] = filter[c * filter_pixels + rs];
      }
    }
  }
  return packed;
}

}  // namespace deixis
