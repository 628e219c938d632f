// Packs int8 weights, or 4-bit indices with their codebooks, into the panels that every
// instruction set reads.
#include <algorithm>

#include "kernels/conv2d_u8/conv2d_u8.h"

namespace deixis {
namespace {

constexpr int64_t kGranule = PackedConv2dU8::kPanelGranule;

// Everything but the weights.
PackedConv2dU8 PackEpilogue(const Conv2dShape& shape, WeightForm8 form,
                            std::span<const float> scale, std::span<const float> bias) {
  const int64_t padded = (shape.out_channels + kGranule - 1) / kGranule * kGranule;
  PackedConv2dU8 packed;
  packed.shape = shape;
  packed.form = form;
  packed.scale.assign(static_cast<size_t>(padded), 0.0f);
  packed.bias.assign(static_cast<size_t>(padded), 0.0f);
  std::copy(scale.begin(), scale.end(), packed.scale.begin());
  std::copy(bias.begin(), bias.end(), packed.bias.begin());
  // One step at least, so that a panel has an address even when sums are empty.
  packed.weights.assign(
      static_cast<size_t>(padded * std::max<int64_t>(packed.stored_channel_bytes(), 4)), 0);
  return packed;
}

// body(at, value): the place of a weight within its panel as if panels were int8, counted as step,
// byte within the step, and the panel's first byte; and the element of `values` that goes there.
template <typename T, typename Body>
void ForEachWeight(const PackedConv2dU8& packed, std::span<const T> values, const Body& body) {
  const Conv2dShape& shape = packed.shape;
  for (int64_t o = 0; o < shape.out_channels; ++o) {
    const int64_t first = o / PackedConv2dU8::kPanelChannels * PackedConv2dU8::kPanelChannels;
    const int64_t width =
        std::min(PackedConv2dU8::kPanelChannels, packed.padded_out_channels() - first);
    const int64_t panel_begin = first * packed.stored_channel_bytes();
    for (int64_t c = 0; c < shape.in_channels; ++c) {
      for (int64_t r = 0; r < shape.filter_height; ++r) {
        for (int64_t s = 0; s < shape.filter_width; ++s) {
          const int64_t in_row = s * shape.in_channels + c;
          const int64_t step = r * packed.row_steps() + in_row / 4;
          const int64_t at =
              ((o * shape.in_channels + c) * shape.filter_height + r) * shape.filter_width + s;
          body(panel_begin, step, width, (o - first) * 4 + in_row % 4, values[at]);
        }
      }
    }
  }
}

}  // namespace

PackedConv2dU8 PackConv2dU8(const Conv2dShape& shape, std::span<const int8_t> weights,
                            std::span<const float> scale, std::span<const float> bias) {
  PackedConv2dU8 packed = PackEpilogue(shape, WeightForm8::kInt8, scale, bias);
  ForEachWeight(packed, weights,
                [&](int64_t panel, int64_t step, int64_t width, int64_t byte, int8_t weight) {
                  packed.weights[panel + step * 4 * width + byte] = static_cast<uint8_t>(weight);
                });
  return packed;
}

PackedConv2dU8 PackConv2dU8Codebook(const Conv2dShape& shape, std::span<const uint8_t> indices,
                                    std::span<const int8_t> codebooks, std::span<const float> scale,
                                    std::span<const float> bias) {
  PackedConv2dU8 packed = PackEpilogue(shape, WeightForm8::kCodebook4, scale, bias);
  packed.tables.assign(
      static_cast<size_t>(packed.padded_out_channels() / kCodebookChannels * kCodebookSize), 0);
  std::copy(codebooks.begin(), codebooks.end(), packed.tables.begin());
  ForEachWeight(packed, indices,
                [&](int64_t panel, int64_t step, int64_t width, int64_t byte, uint8_t index) {
                  const int shift = step % 2 == 0 ? 0 : 4;
                  packed.weights[panel + step / 2 * 4 * width + byte] |=
                      static_cast<uint8_t>(index << shift);
                });
  return packed;
}

}  // namespace deixis
