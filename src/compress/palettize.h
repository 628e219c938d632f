// From dense weights to codebooks and indices.
//
// A Palettization is a weight while it is being worked on: float centroids, one byte per index.
// Every step of compression (clustering, pruning, error feedback, rounding to int8) takes one and
// gives one; Pack makes the PalettizedTensor that is stored and run.
//
//   w[o][i] ~ scale[o] * centroids[o / group_rows][indices[o][i]]
//
// Rows are output channels o in 0..C_out-1, I is the row length, G the number of groups, K the
// number of centroids.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "compress/kmeans_1d.h"
#include "format/palettized.h"

namespace deixis {

enum class Granularity {
  kRow,     // a codebook per output channel, as in the study
  kGroup,   // a codebook per 4 output channels, as the runtime's byte shuffle wants it
  kTensor,  // one codebook
};
inline constexpr int64_t kRowsPerGroup = 4;

// "row", "group" or "tensor".
std::string_view GranularityName(Granularity granularity);

// Rows that share a codebook in a weight of `num_rows` rows: never more than it has.
int64_t GroupRows(Granularity granularity, int64_t num_rows);

struct Palettization {
  Shape shape;
  int num_centroids = 0;  // K, 2..256
  int64_t group_rows = 1;
  std::vector<float> centroids;  // [G, K], ascending within a group; unused ones repeat the largest
  std::vector<float> scale;      // [C_out]
  std::vector<uint8_t> indices;  // [C_out, I]
  // Pruning, kept by every later step. pruned[o][i] = 1: the weight is and stays 0; empty when
  // nothing is pruned. Where a group has pruned weights its centroid number zero_index[group] is
  // and stays exactly 0; -1 (or an empty vector) where no centroid is held.
  std::vector<uint8_t> pruned;
  std::vector<int16_t> zero_index;

  int64_t num_rows() const { return shape.at(0); }
  int64_t row_length() const { return static_cast<int64_t>(indices.size()) / num_rows(); }
  int64_t num_groups() const { return (num_rows() + group_rows - 1) / group_rows; }
  int64_t GroupOfRow(int64_t row) const { return row / group_rows; }
  std::span<const float> Codebook(int64_t group) const {
    return std::span(centroids).subspan(group * num_centroids, num_centroids);
  }
  std::span<float> Codebook(int64_t group) {
    return std::span(centroids).subspan(group * num_centroids, num_centroids);
  }
  int ZeroIndex(int64_t group) const { return zero_index.empty() ? -1 : zero_index[group]; }
};

struct PalettizeOptions {
  int num_centroids = 16;  // K, 2..256
  Granularity granularity = Granularity::kGroup;
  // Where rows share a codebook: normalise each row by a scale of its own, found together with the
  // codebook. Off: one codebook for the weights as they are.
  bool channel_scales = true;
};

// Exact 1-D k-means of each group; with channel scales, clustering and least-squares scales in turn
// (each step lowers the error), ending with an exact clustering.
//   weights     [C_out, I], finite
//   importance  empty, [I] (per input position, e.g. the diagonal of XᵀX), or [C_out, I]; >= 0
//   pruned      empty, or [C_out, I] of 0 and 1: ones are held at exactly 0; one of the K centroids
//               of each group that has any is spent on that 0
// kUsage for K outside 2..256, kInvalidData for lengths that do not fit or values not finite.
Result<Palettization> Palettize(std::span<const float> weights, const Shape& shape,
                                const PalettizeOptions& options, std::span<const float> importance,
                                std::span<const uint8_t> pruned, ThreadPool& pool);

// Steps of which Palettize is made, for those who work on one group at a time.
// -----------------------

// Weighted squared error over all rows (importance as above; empty counts 1).
double SquaredError(const Palettization& palettization, std::span<const float> weights,
                    std::span<const float> importance = {});
// The weight as it stands, [C_out, I].
std::vector<float> DenseWeights(const Palettization& palettization);

// Nearest centroid for every weight that is not pruned.
void Reassign(Palettization& palettization, std::span<const float> weights, ThreadPool& pool);
// Indices fixed: the least-squares scale of each row (a row of which nothing is known keeps its
// own).
void RefitScales(Palettization& palettization, std::span<const float> weights,
                 std::span<const float> importance);
// Indices and scales fixed: the least-squares centroids of each group, but for the one held at 0.
// Sorts the codebook again should the order have changed.
void RefitCentroids(Palettization& palettization, std::span<const float> weights,
                    std::span<const float> importance);
// Restores the ascending order of one group's codebook after its centroids were changed; indices
// and zero_index follow.
void SortCodebook(Palettization& palettization, int64_t group);

// Indices at their true width, the codebook in `codebook_dtype`: kF32, kF16, or kI8, for which
// every centroid must already be an integer of int8 (RoundCodebooksToInt8 in int8_codebook.h).
Result<PalettizedTensor> Pack(const Palettization& palettization, DType codebook_dtype);

}  // namespace deixis
