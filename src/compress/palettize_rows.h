// Steps on single rows and groups of a Palettization, shared by the files of this folder.
#pragma once

#include <cstdint>
#include <span>

#include "compress/palettize.h"

namespace deixis {

// Importance of the weights [C_out, I], in whichever extent it was given: empty (all 1), [I], or
// [C_out, I].
class Importance {
 public:
  Importance(std::span<const float> values, int64_t row_length)
      : values_(values),
        row_stride_(static_cast<int64_t>(values.size()) == row_length ? 0 : row_length) {}
  bool uniform() const { return values_.empty(); }
  float at(int64_t row, int64_t i) const {
    return values_.empty() ? 1.0f : values_[row * row_stride_ + i];
  }

 private:
  std::span<const float> values_;
  int64_t row_stride_;
};

struct RowRange {
  int64_t begin = 0;
  int64_t end = 0;
};
RowRange RowsOfGroup(const Palettization& palettization, int64_t group);

// The part of an ascending codebook before the repetitions of its largest entry.
std::span<const float> UsedCentroids(std::span<const float> codebook);

// Nearest used centroid for every weight of the row that is not pruned.
void ReassignRow(Palettization& palettization, const float* weights, int64_t row);
// Least-squares scale of the row, indices fixed.
void RefitScaleOfRow(Palettization& palettization, const float* weights,
                     const Importance& importance, int64_t row);
double SquaredErrorOfRow(const Palettization& palettization, const float* weights,
                         const Importance& importance, int64_t row);

// What the weights of a group ask of each centroid, indices and scales fixed: the error of moving
// centroid k to c is weight[k] * (c - mean[k])² more than at the mean.
struct CentroidTargets {
  std::vector<double> weight;  // [K], 0 for a centroid that no weight uses
  std::vector<double> mean;    // [K]
};
CentroidTargets TargetsOfGroup(const Palettization& palettization, const float* weights,
                               const Importance& importance, int64_t group);

}  // namespace deixis
