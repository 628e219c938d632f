// A palettized weight: every weight is an index into a small codebook of centroids.
//
// Card (the file form is in docs/format.md):
//   shape        [C_out, C_in, K_h, K_w] or [C_out, C_in]; one row per output channel, I = row
//   length granularity  how many consecutive rows share one codebook: group_rows = 1 (row), 4
//   (group, as the
//                runtime's byte shuffle wants it) or C_out (tensor); the last group may be short
//   indices      U8, bits_per_index = ceil(log2 K) bits each, little-endian bit order, every row
//                starting at a byte: row_bytes = ceil(I * bits / 8); C_out * row_bytes in all
//                or, in panels, 4 bits each in the order of base/weight_panels.h (index_bytes() in
//                all), K then being 9..16; a linear layer counts as a 1x1 convolution, and what
//                pads the panels may be any index
//   codebook     [G, K], G = ceil(C_out / group_rows); I8, F16 or F32, ascending within a group
//   scale        F32 [C_out]; all ones where a codebook needs none
//   weight       w[o][i] = scale[o] * codebook[o / group_rows][index[o][i]]
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "base/tensor.h"
#include "base/weight_panels.h"

namespace deixis {

inline constexpr int kMaxCentroids = 256;

enum class IndexLayout { kRows, kPanels };

struct PalettizedTensor {
  Shape shape;
  int num_centroids = 0;   // K, 2..256
  int64_t group_rows = 1;  // rows that share a codebook
  Tensor indices;          // U8 [C_out * row_bytes], or [panels().index_bytes()]
  Tensor codebook;         // I8, F16 or F32 [G, K]
  Tensor scale;            // F32 [C_out]
  IndexLayout layout = IndexLayout::kRows;

  int64_t num_rows() const { return shape.at(0); }
  int64_t row_length() const;
  int64_t num_groups() const { return (num_rows() + group_rows - 1) / group_rows; }
  int bits_per_index() const;
  int64_t row_bytes() const { return (row_length() * bits_per_index() + 7) / 8; }
  WeightPanels panels() const;
  // What the three tensors take on disk.
  int64_t num_bytes() const;
};

// ceil(log2(num_centroids)), at least 1.
int BitsPerIndex(int num_centroids);

// Packs `indices` (row-major [rows, row_length], each below 2^bits) and unpacks them again.
std::vector<uint8_t> PackIndices(std::span<const uint8_t> indices, int64_t row_length, int bits);
std::vector<uint8_t> UnpackIndices(std::span<const uint8_t> packed, int64_t num_rows,
                                   int64_t row_length, int bits);

// Whether the u8 convolution can decode the indices by byte shuffles: int8 codebooks of at most 16
// centroids, and no four output channels 4i..4i+3 that meet two codebooks.
bool RunsOnIndices(const PalettizedTensor& tensor);

// Every index, row-major in the tensor's shape, whatever its layout. O(n), allocates.
std::vector<uint8_t> UnpackIndices(const PalettizedTensor& tensor);

// The same tensor with its indices in panels. For tensors in rows whose indices have 4 bits.
PalettizedTensor ToPanels(const PalettizedTensor& tensor);

// Proves shapes, dtypes and every index (< K). All that use a PalettizedTensor may then trust it.
Status Validate(const PalettizedTensor& tensor, const std::string& name);

// The weights as float, row-major in `shape`.
std::vector<float> Dequantize(const PalettizedTensor& tensor);

}  // namespace deixis
