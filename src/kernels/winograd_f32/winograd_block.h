// How a Winograd convolution is cut: tiles of the output, blocks of tiles, and the layout of the
// scratch memory between the steps of a block. Shared by every instruction set.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/winograd_f32/winograd_f32.h"

namespace deixis {

struct WinogradTile {
  int64_t n = 0;
  int64_t y = 0;  // of the tile's first output
  int64_t x = 0;
};

struct WinogradGrid {
  int64_t output_tile = 1;
  int64_t rows = 0;  // of tiles, per image
  int64_t columns = 0;
  int64_t num_tiles = 0;  // of all images

  WinogradGrid() = default;
  WinogradGrid(int64_t tile, const NhwcExtents& output)
      : output_tile(tile),
        rows((output.height + tile - 1) / tile),
        columns((output.width + tile - 1) / tile),
        num_tiles(output.batch * rows * columns) {}

  WinogradTile Tile(int64_t index) const {
    return {.n = index / columns / rows,
            .y = index / columns % rows * output_tile,
            .x = index % columns * output_tile};
  }
};

// Where the intermediate values of a block of tiles lie, in floats.
//
// Card:
//   V  transformed inputs: [position][tile][C_in, whole cache lines]
//   M  products of one panel: [position][tile][width]
// A tile has (m + 2)^2 positions. From one to the next it is a cache line more than the tiles need:
// with strides of a power of two, all positions of a tile would fall into a few sets of the cache.
struct WinogradLayout {
  static constexpr int64_t kLine = kVectorAlignment / sizeof(float);

  int64_t num_positions = 0;
  int64_t tiles_per_block = 0;
  int64_t input_stride = 0;  // from tile to tile of V
  int64_t max_width = 0;     // of a panel

  int64_t InputPositionStride() const { return tiles_per_block * input_stride + kLine; }
  int64_t ProductPositionStride(int64_t width) const { return tiles_per_block * width + kLine; }
  int64_t input_elements() const { return num_positions * InputPositionStride(); }
  int64_t product_elements() const { return num_positions * ProductPositionStride(max_width); }
};

struct WinogradBlock {
  WinogradGrid grid;
  WinogradLayout layout;
  int64_t tile_begin = 0;
  int64_t tile_end = 0;

  int64_t num_tiles() const { return tile_end - tile_begin; }
};

struct WinogradPanel {
  WinogradPanel(const PackedWinogradF32& packed, int64_t panel)
      : first(panel * PackedWinogradF32::kPanelChannels),
        width(std::min(PackedWinogradF32::kPanelChannels, packed.padded_out_channels() - first)),
        weights(packed.weights.data() + first * packed.num_positions() * packed.shape.in_channels) {
  }

  int64_t first;  // output channel
  int64_t width;
  const float* weights;
};

}  // namespace deixis
