// Exact k-means on a line.
//
// In one dimension the best clustering is a partition of the sorted values into intervals, so it is
// found by dynamic programming instead of by luck: the result is the optimum, and the same for any
// order of the values. The split points of that program are monotone, which divide and conquer
// turns into O(K n log n); see Grønlund, Larsen, Mathiasen, Nielsen, Schneider and Song, "Fast
// exact k-means, k-medians and Bregman divergence clustering in 1D", arXiv:1701.07204.
//
// For one K most of that table is never needed. KMeans1D first brackets every border between two
// clusters: solved on a coarse grid of positions, the program gives a clustering (its inertia
// bounds the optimum from above) and, when each border is allowed to swallow its whole grid cell
// for free, a bound from below for every cell; cells whose bound exceeds the clustering cannot hold
// the border. The grid is then refined inside the brackets, until it is the points themselves. A
// bracket shrinks with the square root of the grid, so millions of points cost little more than
// their sorting.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"

namespace deixis {

// Weighted points on a line: sorted, equal values merged, points of weight 0 left out.
class LinePoints {
 public:
  // `weights` is empty (every value counts 1) or as long as `values`, none negative. Weights that
  // are all 0 count as all 1: values that nothing cares about still deserve sensible centroids.
  // Positive ones count at least 1e-8 of the largest.
  // kInvalidData for no values, for a NaN or an infinity, for a negative weight. O(n log n).
  static Result<LinePoints> Create(std::span<const float> values,
                                   std::span<const float> weights = {});

  int64_t size() const { return static_cast<int64_t>(values_.size()); }
  float value(int64_t i) const { return values_[i]; }
  double weight(int64_t i) const { return weight_sums_[i + 1] - weight_sums_[i]; }
  double total_weight() const { return weight_sums_.back(); }
  // Weighted mean, and sum of weighted squared distances to it, of the points [begin, end), not
  // empty. Cost is O(end - begin) and exact to rounding; Mean is O(1).
  double Mean(int64_t begin, int64_t end) const;
  double Cost(int64_t begin, int64_t end) const;

  // Prefix sums over the first i points, i in 0..size(): of the weights, and of weight times the
  // distance from center() and its square.
  std::span<const double> weight_sums() const { return weight_sums_; }
  std::span<const double> moment_sums() const { return moment_sums_; }
  std::span<const double> square_sums() const { return square_sums_; }
  double center() const { return center_; }

 private:
  std::vector<float> values_;        // strictly ascending
  std::vector<double> weight_sums_;  // size() + 1
  std::vector<double> moment_sums_;  // size() + 1
  std::vector<double> square_sums_;  // size() + 1
  double center_ = 0;                // near the mean: sums about it cancel less
};

struct Clusters {
  std::vector<float> centroids;  // strictly ascending; at most K, fewer when there are fewer points
  std::vector<int64_t> ends;     // cluster c holds the points [ends[c-1], ends[c]) of LinePoints
  double inertia = 0;            // sum of weighted squared distances to the centroid
};

// The optimum for one K, 1 <= k <= 256.
Clusters KMeans1D(const LinePoints& points, int k);

// The optimum for every K up to `max_k` from one table: O(max_k n log n) time and 4 max_k n bytes,
// for rows and groups rather than for whole tensors of millions.
class KMeansTable {
 public:
  KMeansTable(const LinePoints& points, int max_k);
  int max_k() const { return max_k_; }
  // 1 <= k <= max_k(). `points` is the one the table was made from.
  Clusters Cut(const LinePoints& points, int k) const;

 private:
  int max_k_;
  int64_t stride_;
  std::vector<uint32_t> splits_;  // [max_k, n + 1]: where the last of k clusters of j points begins
};

// Lloyd's iteration from `centroids` (ascending) until nothing moves or `max_rounds` passed. The
// inertia never rises. Clusters that lose all their points are dropped.
Clusters LloydPolish(const LinePoints& points, std::span<const float> centroids, int max_rounds);

// index[i] of the nearest of the ascending `centroids` (at most 256); on a tie the lower one.
void AssignNearest(std::span<const float> values, std::span<const float> centroids,
                   std::span<uint8_t> indices);

}  // namespace deixis
