// A palettized weight: every weight is an index into a small codebook of centroids.
//
// Card (the file form is in docs/format.md):
//   shape        [C_out, C_in, K_h, K_w] or [C_out, C_in]; one row per output channel, I = row
//   length granularity  how many consecutive rows share one codebook: group_rows = 1 (row), 4
//   (group, as the
//                runtime's byte shuffle wants it) or C_out (tensor); the last group may be short
//   indices      U8, bits_per_index = ceil(log2 K) bits each, little-endian bit order, every row
//                starting at a byte: row_bytes = ceil(I * bits / 8); C_out * row_bytes in all
//   codebook     [G, K], G = ceil(C_out / group_rows); I8, F16 or F32, ascending within a group
//   scale        F32 [C_out]; all ones where a codebook needs none
//   weight       w[o][i] = scale[o] * codebook[o / group_rows][index[o][i]]
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "base/tensor.h"

namespace deixis {

inline constexpr int kMaxCentroids = 256;

struct PalettizedTensor {
  Shape shape;
  int num_centroids = 0;   // K, 2..256
  int64_t group_rows = 1;  // rows that share a codebook
  Tensor indices;          // U8 [C_out * row_bytes]
  Tensor codebook;         // I8, F16 or F32 [G, K]
  Tensor scale;            // F32 [C_out]

  int64_t num_rows() const { return shape.at(0); }
  int64_t row_length() const;
  int64_t num_groups() const { return (num_rows() + group_rows - 1) / group_rows; }
  int bits_per_index() const;
  int64_t row_bytes() const { return (row_length() * bits_per_index() + 7) / 8; }
  // What the three tensors take on disk.
  int64_t num_bytes() const;
};

// ceil(log2(num_centroids)), at least 1.
int BitsPerIndex(int num_centroids);

// Packs `indices` (row-major [rows, row_length], each below 2^bits) and unpacks them again.
std::vector<uint8_t> PackIndices(std::span<const uint8_t> indices, int64_t row_length, int bits);
std::vector<uint8_t> UnpackIndices(std::span<const uint8_t> packed, int64_t num_rows,
                                   int64_t row_length, int bits);

// Proves shapes, dtypes and every index (< K). All that use a PalettizedTensor may then trust it.
Status Validate(const PalettizedTensor& tensor, const std::string& name);

// The weights as float, row-major in `shape`.
std::vector<float> Dequantize(const PalettizedTensor& tensor);

}  // namespace deixis
