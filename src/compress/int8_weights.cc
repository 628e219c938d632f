#include "compress/int8_weights.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "compress/int8_codebook.h"

namespace deixis {
namespace {

constexpr int kNumCentroids = 256;
constexpr int kZeroIndex = 128;
// Steps tried: the first keeps the largest weight, the last clips it to two thirds.
constexpr int kClippings = 32;
constexpr int kLevelsPerStep = 2;

// The step s that minimises Σ importance (w - s round(w / s))²; 1 for a row of zeros.
double BestStep(std::span<const float> row, std::span<const float> importance) {
  double largest = 0;
  for (const float weight : row) largest = std::max(largest, std::fabs(double{weight}));
  if (!(largest > 0)) return 1;
  double best_step = largest / kMaxInt8Magnitude;
  double best_error = INFINITY;
  for (int t = 0; t < kClippings; ++t) {
    const double step = largest / (kMaxInt8Magnitude + kLevelsPerStep * t);
    double error = 0;
    for (size_t i = 0; i < row.size(); ++i) {
      const double difference = row[i] - step * RoundToInt8(row[i] / step);
      error += (importance.empty() ? 1.0 : double{importance[i]}) * difference * difference;
    }
    if (error >= best_error) continue;
    best_error = error;
    best_step = step;
  }
  return best_step;
}

}  // namespace

int IndexOfInt8(double value) { return kZeroIndex + static_cast<int>(RoundToInt8(value)); }

Palettization QuantizeToInt8(std::span<const float> weights, const Shape& shape,
                             std::span<const float> importance, std::span<const uint8_t> pruned,
                             ThreadPool& pool) {
  const int64_t rows = shape.at(0);
  const auto length = static_cast<int64_t>(weights.size()) / rows;
  Palettization result;
  result.shape = shape;
  result.num_centroids = kNumCentroids;
  result.group_rows = rows;
  for (int c = 0; c < kNumCentroids; ++c) {
    result.centroids.push_back(static_cast<float>(c - kZeroIndex));
  }
  result.scale.resize(rows);
  result.indices.resize(weights.size());
  result.pruned.assign(pruned.begin(), pruned.end());
  result.zero_index = {kZeroIndex};
  pool.ParallelFor(rows, [&](int64_t o, int) {
    std::vector<float> row(weights.begin() + o * length, weights.begin() + (o + 1) * length);
    for (int64_t i = 0; i < length && !pruned.empty(); ++i) {
      if (pruned[o * length + i] != 0) row[i] = 0;
    }
    // Rounded to float first: the integers are those of the scale that is stored.
    const auto step = static_cast<float>(BestStep(row, importance));
    result.scale[o] = std::isnormal(step) ? step : 1.0f;
    for (int64_t i = 0; i < length; ++i) {
      result.indices[o * length + i] =
          static_cast<uint8_t>(IndexOfInt8(double{row[i]} / result.scale[o]));
    }
  });
  return result;
}

}  // namespace deixis
