// Packs int8 weights, or 4-bit indices with their codebooks, into the panels that every
// instruction set reads.
#include <algorithm>

#include "kernels/conv2d_u8/conv2d_u8.h"

namespace deixis {
namespace {

// Everything but the weights.
PackedConv2dU8 PackEpilogue(const Conv2dShape& shape, WeightForm8 form,
                            std::span<const float> scale, std::span<const float> bias) {
  PackedConv2dU8 packed;
  packed.shape = shape;
  packed.form = form;
  const auto padded = static_cast<size_t>(packed.layout().padded_channels());
  packed.scale.assign(padded, 0.0f);
  packed.bias.assign(padded, 0.0f);
  std::copy(scale.begin(), scale.end(), packed.scale.begin());
  std::copy(bias.begin(), bias.end(), packed.bias.begin());
  return packed;
}

void AllocatePanels(PackedConv2dU8& packed) {
  // One step at least, so that a panel has an address even when sums are empty.
  const int64_t channel_bytes =
      std::max<int64_t>(Conv2dU8Weights(packed).stored_channel_bytes(), 4);
  packed.own_panels.assign(static_cast<size_t>(packed.layout().padded_channels() * channel_bytes),
                           0);
}

void SetTables(std::span<const int8_t> codebooks, PackedConv2dU8& packed) {
  packed.tables.assign(
      static_cast<size_t>(packed.layout().padded_channels() / kCodebookChannels * kCodebookSize),
      0);
  std::copy(codebooks.begin(), codebooks.end(), packed.tables.begin());
}

}  // namespace

PackedConv2dU8 PackConv2dU8(const Conv2dShape& shape, std::span<const int8_t> weights,
                            std::span<const float> scale, std::span<const float> bias) {
  PackedConv2dU8 packed = PackEpilogue(shape, WeightForm8::kInt8, scale, bias);
  AllocatePanels(packed);
  const int64_t channel_bytes = Conv2dU8Weights(packed).stored_channel_bytes();
  packed.layout().ForEachWeight([&](int64_t at, const WeightPanels::Place& place) {
    packed.own_panels[place.panel_channel * channel_bytes + place.step * 4 * place.width +
                      place.byte] = static_cast<uint8_t>(weights[at]);
  });
  return packed;
}

PackedConv2dU8 PackConv2dU8Codebook(const Conv2dShape& shape, std::span<const uint8_t> indices,
                                    std::span<const int8_t> codebooks, std::span<const float> scale,
                                    std::span<const float> bias) {
  PackedConv2dU8 packed = PackEpilogue(shape, WeightForm8::kCodebook4, scale, bias);
  SetTables(codebooks, packed);
  AllocatePanels(packed);
  const WeightPanels layout = packed.layout();
  layout.ForEachWeight([&](int64_t at, const WeightPanels::Place& place) {
    const auto [byte, shift] = layout.PlaceOfIndex(place);
    packed.own_panels[byte] |= static_cast<uint8_t>(indices[at] << shift);
  });
  return packed;
}

PackedConv2dU8 ViewConv2dU8Codebook(const Conv2dShape& shape, std::span<const uint8_t> panels,
                                    std::span<const int8_t> codebooks, std::span<const float> scale,
                                    std::span<const float> bias) {
  PackedConv2dU8 packed = PackEpilogue(shape, WeightForm8::kCodebook4, scale, bias);
  SetTables(codebooks, packed);
  packed.elsewhere_panels = panels;
  return packed;
}

}  // namespace deixis
