// The order in which the u8 convolution reads the weights of a layer, which is also one of the ways
// in which a file may keep them, so that a mapped file needs no packing.
//
// Card:
//   panel     up to kChannels (64) consecutive output channels, the next multiple of kGranule (16)
//             wide; panels follow each other
//   step      one quad of one filter row: the row's K_w * C_in inputs (filter column outside, input
//             channel inside), padded to a multiple of 4, give row_steps() quads; K_h rows follow
//             each other
//   weights   int8: [num_steps()][width][4], four weights of a channel together
//   indices   4 bits: [ceil(num_steps() / 2)][width][4] bytes: the low half of a byte belongs to an
//             even step, the high half to the next one
#pragma once

#include <algorithm>
#include <cstdint>

namespace deixis {

// What one lookup of the byte shuffle that decodes indices can hold: int8 centroids, of this many
// consecutive output channels (4i to 4i + 3).
inline constexpr int64_t kCodebookSize = 16;
inline constexpr int64_t kCodebookChannels = 4;

struct WeightPanels {
  static constexpr int64_t kChannels = 64;
  static constexpr int64_t kGranule = 16;

  int64_t out_channels = 0;
  int64_t in_channels = 0;
  int64_t filter_height = 1;
  int64_t filter_width = 1;

  int64_t padded_channels() const { return (out_channels + kGranule - 1) / kGranule * kGranule; }
  int64_t row_steps() const { return (filter_width * in_channels + 3) / 4; }
  int64_t num_steps() const { return filter_height * row_steps(); }
  // Of one output channel.
  int64_t weight_channel_bytes() const { return 4 * num_steps(); }
  int64_t index_channel_bytes() const { return 4 * ((num_steps() + 1) / 2); }
  // Of the whole layer, as 4-bit indices.
  int64_t index_bytes() const { return padded_channels() * index_channel_bytes(); }

  // Where a weight lies within its panel.
  struct Place {
    int64_t panel_channel;  // the panel's first
    int64_t width;          // of the panel
    int64_t step;
    int64_t byte;  // within the step, 0..4 * width - 1
  };

  // body(at, place) for every weight, `at` counting through [C_out, C_in, K_h, K_w].
  template <typename Body>
  void ForEachWeight(const Body& body) const {
    int64_t at = 0;
    for (int64_t o = 0; o < out_channels; ++o) {
      const int64_t first = o / kChannels * kChannels;
      const int64_t width = std::min(kChannels, padded_channels() - first);
      for (int64_t c = 0; c < in_channels; ++c) {
        for (int64_t r = 0; r < filter_height; ++r) {
          for (int64_t s = 0; s < filter_width; ++s, ++at) {
            const int64_t in_row = s * in_channels + c;
            body(at, Place{.panel_channel = first,
                           .width = width,
                           .step = r * row_steps() + in_row / 4,
                           .byte = (o - first) * 4 + in_row % 4});
          }
        }
      }
    }
  }

  // The byte of a weight's 4-bit index, and how far its bits are shifted in it.
  struct IndexPlace {
    int64_t byte;
    int shift;
  };
  IndexPlace PlaceOfIndex(const Place& place) const {
    return {.byte = place.panel_channel * index_channel_bytes() + place.step / 2 * 4 * place.width +
                    place.byte,
            .shift = place.step % 2 == 0 ? 0 : 4};
  }
};

}  // namespace deixis
