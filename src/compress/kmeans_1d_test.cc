#include "compress/kmeans_1d.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>

#include "base/rng.h"

namespace deixis {
namespace {

using ::testing::HasSubstr;

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

std::vector<float> NormalValues(int64_t n, uint64_t seed) {
  Rng rng(seed);
  std::vector<float> values(n);
  for (float& value : values) value = static_cast<float>(0.02 * rng.Normal());
  return values;
}

std::vector<float> RandomWeights(int64_t n, uint64_t seed) {
  Rng rng(seed);
  std::vector<float> weights(n);
  for (float& weight : weights) weight = static_cast<float>(std::pow(rng.Unit(), 4) + 1e-3);
  return weights;
}

// Values of the kinds that upset clustering, n of each.
std::vector<std::pair<std::string, std::vector<float>>> HardCases(int64_t n, uint64_t seed) {
  Rng rng(seed);
  std::vector<std::pair<std::string, std::vector<float>>> cases;
  const auto add = [&](const char* name, auto&& value) {
    std::vector<float> values(n);
    for (int64_t i = 0; i < n; ++i) values[i] = static_cast<float>(value(i));
    cases.emplace_back(name, std::move(values));
  };
  add("normal", [&](int64_t) { return rng.Normal(); });
  add("uniform", [&](int64_t) { return rng.Unit(); });
  add("heavy duplicates", [&](int64_t) { return std::round(rng.Normal() * 6); });
  add("two far heaps", [&](int64_t i) { return rng.Normal() + (i % 2 == 0 ? 1000 : -1000); });
  add("heaps", [&](int64_t i) { return 10.0 * static_cast<double>(i % 7) + 0.01 * rng.Normal(); });
  add("heavy tails", [&](int64_t) { return std::pow(rng.Normal(), 7); });
  add("one outlier", [&](int64_t i) { return i == 0 ? 1e6 : rng.Normal(); });
  add("doubling gaps", [&](int64_t i) { return std::exp2(static_cast<double>(i % 100) - 50); });
  add("even spacing", [&](int64_t i) { return i; });  // every border is a near tie
  add("far from zero", [&](int64_t) { return 1000 + rng.Normal() * 0.1; });
  add("sparse", [&](int64_t i) { return i % 10 == 0 ? rng.Normal() : 0.0; });
  return cases;
}

TEST(KMeans1DTest, EqualsTheReferenceOnHardCases) {
  for (uint64_t seed = 0; seed < 3; ++seed) {
    for (const auto& [name, values] : HardCases(33, seed)) {
      for (const bool weighted : {false, true}) {
        const LinePoints points =
            *LinePoints::Create(values, weighted ? RandomWeights(33, seed) : std::vector<float>());
        const KMeansTable table(points, 8);
        const double tolerance = 1e-12 * points.Cost(0, points.size());
        for (int k = 1; k <= 8; ++k) {
          const double expected = ReferenceInertia(points, k);
          EXPECT_NEAR(KMeans1D(points, k).inertia, expected, tolerance) << name << " " << k;
          EXPECT_NEAR(table.Cut(points, k).inertia, expected, tolerance) << name << " " << k;
        }
      }
    }
  }
}

// Large enough for several levels of brackets; the table knows nothing of them.
TEST(KMeans1DTest, BracketsFindWhatTheWholeTableFinds) {
  for (const int64_t n : {1535, 1536, 4608, 20011}) {
    for (const auto& [name, values] : HardCases(n, 7)) {
      for (const bool weighted : {false, true}) {
        const LinePoints points =
            *LinePoints::Create(values, weighted ? RandomWeights(n, 8) : std::vector<float>());
        const KMeansTable table(points, 20);
        for (const int k : {2, 3, 5, 16, 20}) {
          const Clusters expected = table.Cut(points, k);
          const Clusters found = KMeans1D(points, k);
          EXPECT_LE(found.inertia, expected.inertia + 1e-12 * points.Cost(0, points.size()))
              << name << " n=" << n << " k=" << k << " weighted=" << weighted;
        }
      }
    }
  }
}

TEST(KMeans1DTest, AMillionPointsAgreeWithTheWholeTable) {
  const LinePoints points = *LinePoints::Create(NormalValues(1'000'000, 2));
  const Clusters expected = KMeansTable(points, 16).Cut(points, 16);
  const Clusters found = KMeans1D(points, 16);
  EXPECT_EQ(found.ends, expected.ends);
  EXPECT_EQ(found.inertia, expected.inertia);
}

TEST(KMeans1DTest, ManyClustersOfManyPoints) {
  const LinePoints points = *LinePoints::Create(NormalValues(5000, 3));
  const KMeansTable table(points, 256);
  for (const int k : {64, 255, 256}) {
    EXPECT_NEAR(KMeans1D(points, k).inertia, table.Cut(points, k).inertia,
                1e-12 * points.Cost(0, points.size()));
  }
}

TEST(KMeans1DTest, InertiaNeverRisesWithK) {
  const LinePoints points = *LinePoints::Create(NormalValues(3000, 4));
  double last = INFINITY;
  for (int k = 1; k <= 256; k = k < 20 ? k + 1 : k * 2) {
    const double inertia = KMeans1D(points, k).inertia;
    EXPECT_LT(inertia, last) << k;
    last = inertia;
  }
}

TEST(KMeans1DTest, OrderDoesNotMatterToTheLastBit) {
  std::vector<float> values = NormalValues(6000, 5);
  for (size_t i = 0; i < values.size(); i += 3) values[i] = 0.01f;  // equal values, unequal weights
  const std::vector<float> weights = RandomWeights(6000, 6);
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  Rng(7).Shuffle(order);
  std::vector<float> shuffled_values, shuffled_weights;
  for (const size_t i : order) {
    shuffled_values.push_back(values[i]);
    shuffled_weights.push_back(weights[i]);
  }
  const Clusters a = KMeans1D(*LinePoints::Create(values, weights), 16);
  const Clusters b = KMeans1D(*LinePoints::Create(shuffled_values, shuffled_weights), 16);
  EXPECT_EQ(a.centroids, b.centroids);
  EXPECT_EQ(a.ends, b.ends);
  EXPECT_EQ(a.inertia, b.inertia);
}

TEST(KMeans1DTest, HandComputed) {
  const LinePoints points = *LinePoints::Create(std::vector<float>{9, 1, 2, 10, 0});
  const Clusters two = KMeans1D(points, 2);
  EXPECT_EQ(two.centroids, (std::vector<float>{1, 9.5f}));
  EXPECT_EQ(two.ends, (std::vector<int64_t>{3, 5}));
  EXPECT_DOUBLE_EQ(two.inertia, 2.5);
  const Clusters one = KMeans1D(points, 1);
  EXPECT_FLOAT_EQ(one.centroids[0], 4.4f);
}

TEST(KMeans1DTest, WeightsCountAsRepetition) {
  const LinePoints weighted =
      *LinePoints::Create(std::vector<float>{0, 1, 5, 6}, std::vector<float>{3, 1, 2, 0});
  const LinePoints repeated = *LinePoints::Create(std::vector<float>{0, 0, 0, 1, 5, 5});
  EXPECT_EQ(weighted.size(), 3);
  for (int k = 1; k <= 3; ++k) {
    EXPECT_EQ(KMeans1D(weighted, k).centroids, KMeans1D(repeated, k).centroids);
  }
}

TEST(KMeans1DTest, FewerDistinctValuesThanClusters) {
  const LinePoints points = *LinePoints::Create(std::vector<float>{2, 1, 2, 1, 1, -0.0f, 0.0f});
  const Clusters clusters = KMeans1D(points, 16);
  EXPECT_EQ(clusters.centroids, (std::vector<float>{0, 1, 2}));
  EXPECT_EQ(clusters.inertia, 0);
  const LinePoints equal = *LinePoints::Create(std::vector<float>(100, 0.1f));
  EXPECT_EQ(KMeans1D(equal, 4).centroids, std::vector<float>{0.1f});
}

TEST(LinePointsTest, WeightsThatAreAllZeroCountAsOnes) {
  const LinePoints points =
      *LinePoints::Create(std::vector<float>{1, 2, 3}, std::vector<float>{0, 0, 0});
  EXPECT_EQ(points.size(), 3);
  EXPECT_EQ(points.total_weight(), 3);
}

TEST(LinePointsTest, RefusesWhatIsNoNumber) {
  const auto message = [](std::vector<float> values, std::vector<float> weights = {}) {
    const Result<LinePoints> points = LinePoints::Create(values, weights);
    EXPECT_FALSE(points.ok());
    return points.ok() ? "" : points.error().message;
  };
  EXPECT_THAT(message({}), HasSubstr("found none"));
  EXPECT_THAT(message({1, NAN}), HasSubstr("value 1"));
  EXPECT_THAT(message({-INFINITY, 1}), HasSubstr("finite"));
  EXPECT_THAT(message({1, 2}, {1}), HasSubstr("expected 2 weights, found 1"));
  EXPECT_THAT(message({1, 2}, {1, -1}), HasSubstr("at least 0"));
  EXPECT_THAT(message({1, 2}, {NAN, 1}), HasSubstr("at least 0"));
}

TEST(LinePointsTest, RadixSortKeepsEveryValue) {
  const std::vector<float> values = NormalValues(5000, 9);
  std::vector<float> sorted = values;
  std::sort(sorted.begin(), sorted.end());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  const LinePoints points = *LinePoints::Create(values);
  ASSERT_EQ(points.size(), static_cast<int64_t>(sorted.size()));
  for (size_t i = 0; i < sorted.size(); ++i) EXPECT_EQ(points.value(i), sorted[i]);
  EXPECT_EQ(points.total_weight(), 5000);
}

TEST(LloydPolishTest, NeverRaisesTheInertia) {
  const std::vector<float> values = NormalValues(2000, 10);
  const LinePoints points = *LinePoints::Create(values, RandomWeights(2000, 11));
  const std::vector<float> start = {-0.05f, -0.04f, 0.0f, 0.001f, 0.09f};
  double last = INFINITY;
  for (int rounds = 1; rounds < 30; ++rounds) {
    const double inertia = LloydPolish(points, start, rounds).inertia;
    EXPECT_LE(inertia, last * (1 + 1e-12));
    last = inertia;
  }
  EXPECT_GE(last, KMeans1D(points, 5).inertia * (1 - 1e-12));
  // The optimum is where it stays.
  const Clusters best = KMeans1D(points, 5);
  EXPECT_EQ(LloydPolish(points, best.centroids, 10).ends, best.ends);
}

TEST(LloydPolishTest, DropsClustersWithoutPoints) {
  const LinePoints points = *LinePoints::Create(std::vector<float>{0, 1, 2});
  EXPECT_EQ(LloydPolish(points, std::vector<float>{-100, 1, 100, 200}, 5).centroids,
            std::vector<float>{1});
}

TEST(AssignNearestTest, EqualsTheSearchOfAllCentroids) {
  const std::vector<float> values = NormalValues(777, 12);
  for (const int k : {1, 2, 3, 16, 17, 255, 256}) {
    const Clusters clusters = KMeans1D(*LinePoints::Create(values), k);
    std::vector<uint8_t> indices(values.size());
    AssignNearest(values, clusters.centroids, indices);
    for (size_t i = 0; i < values.size(); ++i) {
      const float assigned = std::fabs(values[i] - clusters.centroids[indices[i]]);
      for (const float centroid : clusters.centroids) {
        EXPECT_LE(assigned, std::fabs(values[i] - centroid) + 1e-9f);
      }
    }
  }
  std::vector<uint8_t> tie(1);
  AssignNearest(std::vector<float>{1.5f}, std::vector<float>{1, 2}, tie);
  EXPECT_EQ(tie[0], 0);
}

}  // namespace
}  // namespace deixis
