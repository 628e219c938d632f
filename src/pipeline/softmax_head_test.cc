#include "pipeline/softmax_head.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <span>
#include <vector>

#include "base/rng.h"

namespace deixis {
namespace {

TEST(MinimizeLbfgs, FindsTheFootOfACurvedValley) {
  // Rosenbrock's function, least at (1, 1).
  const auto function = [](const Eigen::VectorXf& x, Eigen::VectorXf& gradient) {
    const double a = 1 - x[0];
    const double b = x[1] - double{x[0]} * x[0];
    gradient[0] = static_cast<float>(-2 * a - 400 * b * x[0]);
    gradient[1] = static_cast<float>(200 * b);
    return a * a + 100 * b * b;
  };
  const Eigen::VectorXf found =
      MinimizeLbfgs(Eigen::Vector2f(-1.2f, 1), function, /*max_steps=*/200);
  EXPECT_NEAR(found[0], 1, 0.01);
  EXPECT_NEAR(found[1], 1, 0.02);
}

// Both coordinates are of one map.
constexpr std::array<int64_t, 1> kOneMap = {2};

// Three clouds of points in a plane.
struct Clouds {
  Eigen::MatrixXf points;
  std::vector<int> labels;
};
Clouds MakeClouds() {
  Rng rng(3);
  Clouds clouds{.points = Eigen::MatrixXf(60, 2), .labels = {}};
  for (int i = 0; i < 60; ++i) {
    const int label = i % 3;
    clouds.points(i, 0) = static_cast<float>(100 + 3 * std::cos(2.1 * label) + rng.Normal());
    clouds.points(i, 1) = static_cast<float>(-50 + 3 * std::sin(2.1 * label) + rng.Normal());
    clouds.labels.push_back(label);
  }
  return clouds;
}

TEST(FitSoftmaxHead, TellsCloudsApart) {
  const Clouds clouds = MakeClouds();
  const SoftmaxHead head = FitSoftmaxHead(clouds.points, kOneMap, clouds.labels, 3, 1e-2);
  const Eigen::MatrixXf logits = head.Logits(clouds.points);
  int right = 0;
  for (int i = 0; i < 60; ++i) {
    Eigen::Index best = 0;
    logits.row(i).maxCoeff(&best);
    right += best == clouds.labels[i];
  }
  EXPECT_GE(right, 50);
}

// At the least cost the biases' gradient vanishes: probabilities add up to the labels' counts.
TEST(FitSoftmaxHead, ProbabilitiesAddUpToTheCounts) {
  const Clouds clouds = MakeClouds();
  const SoftmaxHead head = FitSoftmaxHead(clouds.points, kOneMap, clouds.labels, 3, 1e-1, 200);
  Eigen::MatrixXf shares = head.Logits(clouds.points).array().exp();
  shares.array().colwise() /= shares.rowwise().sum().array().eval();
  for (int label = 0; label < 3; ++label) EXPECT_NEAR(shares.col(label).sum(), 20, 0.2);
}

// What tells the clouds apart counts, not in which unit a feature happens to be large.
TEST(FitSoftmaxHead, AFeatureInSmallUnitsCountsLikeAnyOther) {
  Clouds clouds = MakeClouds();
  const auto right_of = [&] {
    const SoftmaxHead head = FitSoftmaxHead(clouds.points, kOneMap, clouds.labels, 3, 1);
    const Eigen::MatrixXf logits = head.Logits(clouds.points);
    int right = 0;
    for (int i = 0; i < 60; ++i) {
      Eigen::Index best = 0;
      logits.row(i).maxCoeff(&best);
      right += best == clouds.labels[i];
    }
    return right;
  };
  const int right = right_of();
  clouds.points.col(1) *= 0.3f;
  EXPECT_GE(right_of(), right - 2);
}

// Nor how large all features of a map are beside another's: each map is measured by itself.
TEST(FitSoftmaxHead, AMapInTinyUnitsCountsLikeAnyOther) {
  Clouds clouds = MakeClouds();
  const auto cost_of = [&](std::span<const int64_t> map_channels) {
    const SoftmaxHead head = FitSoftmaxHead(clouds.points, map_channels, clouds.labels, 3, 1);
    const Eigen::MatrixXf logits = head.Logits(clouds.points);
    double cost = 0;
    for (int i = 0; i < 60; ++i) {
      cost += std::log(logits.row(i).array().exp().sum()) - logits(i, clouds.labels[i]);
    }
    return cost;
  };
  constexpr std::array<int64_t, 2> kTwoMaps = {1, 1};
  const double cost = cost_of(kTwoMaps);
  clouds.points.col(1) *= 0.01f;
  EXPECT_NEAR(cost_of(kTwoMaps), cost, 0.01 * cost);
  // Measured by the other one it would hardly count.
  EXPECT_GT(cost_of(kOneMap), 1.5 * cost);
}

TEST(FitSoftmaxHead, APenaltyMakesItModest) {
  const Clouds clouds = MakeClouds();
  const float free = FitSoftmaxHead(clouds.points, kOneMap, clouds.labels, 3, 1e-3).weight.norm();
  const float bound = FitSoftmaxHead(clouds.points, kOneMap, clouds.labels, 3, 10).weight.norm();
  EXPECT_LT(bound, 0.5 * free);
}

}  // namespace
}  // namespace deixis
