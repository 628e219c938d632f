#include "compress/int8_codebook.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "compress/palettize_rows.h"

namespace deixis {
namespace {

// Steps tried put the largest centroid between 64 and 127.
constexpr int kNumSteps = 64;
constexpr int kInt8PolishRounds = 6;
constexpr double kWorthwhileGain = 1e-5;

// How much error each centroid of the group carries per squared unit it is moved.
std::vector<double> CentroidWeights(const Palettization& palettization,
                                    const Importance& importance, int64_t group) {
  std::vector<double> weight(palettization.num_centroids, 0.0);
  const int64_t length = palettization.row_length();
  const RowRange rows = RowsOfGroup(palettization, group);
  for (int64_t row = rows.begin; row < rows.end; ++row) {
    const double square = double{palettization.scale[row]} * palettization.scale[row];
    for (int64_t i = 0; i < length; ++i) {
      weight[palettization.indices[row * length + i]] += importance.at(row, i) * square;
    }
  }
  return weight;
}

// The step s that minimises Σ weight (c - s round(c / s))².
double BestStep(std::span<const float> codebook, const std::vector<double>& weight) {
  double largest = 0;
  for (const float centroid : codebook) largest = std::max(largest, std::fabs(double{centroid}));
  if (!(largest > 0)) return 1;
  double best_error = INFINITY;
  double best_step = 1;
  for (int t = 0; t < kNumSteps; ++t) {
    double step = largest / (kMaxInt8Magnitude - t);
    // The integers of this step, then the least-squares step for these integers.
    double product = 0;
    double square = 0;
    for (size_t c = 0; c < codebook.size(); ++c) {
      const double integer = RoundToInt8(codebook[c] / step);
      product += weight[c] * codebook[c] * integer;
      square += weight[c] * integer * integer;
    }
    if (product > 0 && square > 0) step = product / square;
    double error = 0;
    for (size_t c = 0; c < codebook.size(); ++c) {
      const double distance = codebook[c] - step * RoundToInt8(codebook[c] / step);
      error += weight[c] * distance * distance;
    }
    if (error < best_error) {
      best_error = error;
      best_step = step;
    }
  }
  return best_step;
}

// Equal neighbours become one; the free places at the end repeat the largest.
void MergeEqualCentroids(Palettization& palettization, int64_t group) {
  const std::span<float> codebook = palettization.Codebook(group);
  const std::span<const float> used = UsedCentroids(codebook);
  std::vector<float> merged;
  std::vector<uint8_t> new_index(codebook.size());
  for (size_t c = 0; c < used.size(); ++c) {
    if (merged.empty() || used[c] != merged.back()) merged.push_back(used[c]);
    new_index[c] = static_cast<uint8_t>(merged.size() - 1);
  }
  for (size_t c = used.size(); c < codebook.size(); ++c) new_index[c] = new_index[used.size() - 1];
  if (merged.size() == used.size()) return;
  for (size_t c = 0; c < codebook.size(); ++c) {
    codebook[c] = merged[std::min(c, merged.size() - 1)];
  }
  const int zero = palettization.ZeroIndex(group);
  if (zero >= 0) palettization.zero_index[group] = new_index[zero];
  const int64_t length = palettization.row_length();
  const RowRange rows = RowsOfGroup(palettization, group);
  for (int64_t at = rows.begin * length; at < rows.end * length; ++at) {
    palettization.indices[at] = new_index[palettization.indices[at]];
  }
}

double GroupError(const Palettization& palettization, const float* weights,
                  const Importance& importance, int64_t group) {
  double error = 0;
  const RowRange rows = RowsOfGroup(palettization, group);
  for (int64_t row = rows.begin; row < rows.end; ++row) {
    error += SquaredErrorOfRow(palettization, weights, importance, row);
  }
  return error;
}

void PolishGroup(Palettization& palettization, const float* weights, const Importance& importance,
                 int64_t group) {
  const RowRange rows = RowsOfGroup(palettization, group);
  double error = GroupError(palettization, weights, importance, group);
  for (int round = 0; round < kInt8PolishRounds; ++round) {
    for (int64_t row = rows.begin; row < rows.end; ++row) {
      ReassignRow(palettization, weights, row);
      RefitScaleOfRow(palettization, weights, importance, row);
    }
    // For a centroid alone the error is a parabola about the mean of its weights, so the nearest
    // integer is the best one.
    const CentroidTargets targets = TargetsOfGroup(palettization, weights, importance, group);
    const std::span<float> codebook = palettization.Codebook(group);
    for (int c = 0; c < palettization.num_centroids; ++c) {
      if (c == palettization.ZeroIndex(group) || !(targets.weight[c] > 0)) continue;
      codebook[c] = static_cast<float>(RoundToInt8(targets.mean[c]));
    }
    SortCodebook(palettization, group);
    MergeEqualCentroids(palettization, group);
    const double new_error = GroupError(palettization, weights, importance, group);
    const bool worthwhile = new_error < error * (1 - kWorthwhileGain);
    error = new_error;
    if (!worthwhile) break;
  }
}

}  // namespace

void RoundCodebooksToInt8(Palettization& palettization, std::span<const float> importance,
                          ThreadPool& pool) {
  const Importance importance_view(importance, palettization.row_length());
  pool.ParallelFor(palettization.num_groups(), [&](int64_t group, int) {
    const std::span<float> codebook = palettization.Codebook(group);
    const double step = BestStep(codebook, CentroidWeights(palettization, importance_view, group));
    for (float& centroid : codebook) {
      centroid = static_cast<float>(RoundToInt8(centroid / step)) + 0.0f;
    }
    const RowRange rows = RowsOfGroup(palettization, group);
    for (int64_t row = rows.begin; row < rows.end; ++row) {
      palettization.scale[row] = static_cast<float>(palettization.scale[row] * step);
    }
    MergeEqualCentroids(palettization, group);
  });
}

void PolishInt8Codebooks(Palettization& palettization, std::span<const float> weights,
                         std::span<const float> importance, ThreadPool& pool) {
  const Importance importance_view(importance, palettization.row_length());
  pool.ParallelFor(palettization.num_groups(), [&](int64_t group, int) {
    PolishGroup(palettization, weights.data(), importance_view, group);
  });
}

}  // namespace deixis
