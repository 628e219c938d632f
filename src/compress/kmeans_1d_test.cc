#include "compress/kmeans_1d.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/rng.h"

namespace deixis {
namespace {

// The optimum by trying every last cluster: O(K n²) in long double, on the merged points.
double ReferenceInertia(const LinePoints& points, int k) {
  const int64_t n = points.size();
  const auto cost = [&](int64_t begin, int64_t end) {
    long double weight = 0, moment = 0;
    for (int64_t i = begin; i < end; ++i) {
      weight += points.weight(i);
      moment += static_cast<long double>(points.weight(i)) * points.value(i);
    }
    long double total = 0;
    for (int64_t i = begin; i < end; ++i) {
      const long double distance = points.value(i) - moment / weight;
      total += points.weight(i) * distance * distance;
    }
    return total;
  };
  std::vector<std::vector<long double>> best(k + 1, std::vector<long double>(n + 1, INFINITY));
  best[0][0] = 0;
  for (int c = 1; c <= k; ++c) {
    best[c][0] = 0;
    for (int64_t j = 1; j <= n; ++j) {
      for (int64_t i = 0; i < j; ++i) {
        best[c][j] = std::min(best[c][j], best[c - 1][i] + cost(i, j));
      }
    }
  }
  return static_cast<double>(best[k][n]);
}

TEST(KMeans1DTest, EqualsTheReferenceOnRandomWeightedPoints) {
  Rng rng(1);
  for (int trial = 0; trial < 40; ++trial) {
    std::vector<float> values(1 + rng.Below(40)), weights(values.size());
    for (float& value : values) value = static_cast<float>(rng.Normal());
    for (float& weight : weights) weight = static_cast<float>(rng.Uniform(0.1, 3));
    const LinePoints points = *LinePoints::Create(values, weights);
    for (int k = 1; k <= 6; ++k) {
      const double expected = ReferenceInertia(points, k);
      EXPECT_NEAR(KMeans1D(points, k).inertia, expected, 1e-9) << trial << " " << k;
    }
  }
}

}  // namespace
}  // namespace deixis
