#include "compress/entropy_constrained.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/rng.h"
#include "compress/prune.h"
#include "format/rans.h"

namespace deixis {
namespace {

constexpr int64_t kRows = 16;
constexpr int64_t kLength = 288;

std::vector<float> SomeWeights(uint64_t seed) {
  Rng rng(seed);
  std::vector<float> weights(kRows * kLength);
  for (float& weight : weights) weight = static_cast<float>(0.05 * rng.Normal());
  return weights;
}

Palettization Palettized(const std::vector<float>& weights, std::span<const uint8_t> pruned = {},
                         int k = 16) {
  ThreadPool pool(1);
  PalettizeOptions options;
  options.num_centroids = k;
  return *Palettize(weights, {kRows, kLength}, options, {}, pruned, pool);
}

EntropyOutcome MustConstrain(Palettization& p, const std::vector<float>& weights, double lambda,
                             int max_rounds = 30, bool force_zero = true, int threads = 1) {
  ThreadPool pool(threads);
  EntropyOptions options;
  options.lambda = lambda;
  options.max_rounds = max_rounds;
  options.force_zero = force_zero;
  const Result<EntropyOutcome> outcome = ConstrainEntropy(p, weights, {}, options, pool);
  EXPECT_TRUE(outcome.ok());
  return outcome.value();
}

TEST(IndexEntropyTest, HandComputed) {
  Palettization p;
  p.shape = {1, 8};
  p.num_centroids = 4;
  p.indices = {0, 0, 0, 0, 1, 1, 2, 3};  // 1/2, 1/4, 1/8, 1/8
  EXPECT_DOUBLE_EQ(IndexEntropy(p), 1.75);
  p.indices.assign(8, 2);
  EXPECT_DOUBLE_EQ(IndexEntropy(p), 0);
}

TEST(ConstrainEntropyTest, AHigherPriceGivesFewerBitsAndMoreError) {
  const std::vector<float> weights = SomeWeights(1);
  const Palettization start = Palettized(weights);
  double last_bits = 4;
  double last_error = SquaredError(start, weights) * (1 - 1e-9);
  for (const double lambda : {1.0, 2.0, 4.0, 10.0, 30.0}) {
    Palettization p = start;
    const EntropyOutcome outcome = MustConstrain(p, weights, lambda);
    EXPECT_LT(outcome.bits_per_weight, last_bits) << lambda;
    EXPECT_GT(outcome.distortion, last_error) << lambda;
    EXPECT_NEAR(outcome.bits_per_weight, IndexEntropy(p), 1e-9);
    EXPECT_NEAR(outcome.distortion, SquaredError(p, weights), 1e-9 * outcome.distortion);
    last_bits = outcome.bits_per_weight;
    last_error = outcome.distortion;
  }
}

// Distortion falls by a factor 4 per bit along a quantizer's curve, so distortion * 4^bits compares
// quantizers of slightly different sizes.
TEST(ConstrainEntropyTest, IsMoreExactThanPlainClusteringOfTheSameBits) {
  const std::vector<float> weights = SomeWeights(2);
  const Palettization plain = Palettized(weights, {}, 16);
  const double plain_figure = SquaredError(plain, weights) * std::pow(4, IndexEntropy(plain));
  Palettization p = Palettized(weights, {}, 32);
  const EntropyOutcome outcome = MustConstrain(p, weights, 4.0);
  EXPECT_LT(outcome.bits_per_weight, IndexEntropy(plain) + 0.5);
  EXPECT_LT(outcome.distortion * std::pow(4, outcome.bits_per_weight), 0.95 * plain_figure);
}

TEST(ConstrainEntropyTest, TheContainersCoderReachesTheEntropy) {
  const std::vector<float> weights = SomeWeights(10);
  Palettization p = Palettized(weights);
  const EntropyOutcome outcome = MustConstrain(p, weights, 3.0);
  const auto coded = static_cast<double>(RansEncode(p.indices, p.num_centroids).size());
  // Its table and states take 2 K + 16 bytes.
  EXPECT_LT(coded, outcome.bits_per_weight * kRows * kLength / 8 * 1.01 + 64);
}

TEST(ConstrainEntropyTest, TheObjectiveNeverRises) {
  const std::vector<float> weights = SomeWeights(3);
  double last = INFINITY;
  for (int rounds = 1; rounds < 12; ++rounds) {
    Palettization p = Palettized(weights);
    const double objective = MustConstrain(p, weights, 2.0, rounds).objective;
    EXPECT_LE(objective, last * (1 + 1e-9));
    last = objective;
  }
}

TEST(ConstrainEntropyTest, TheForcedZeroIsTheSameIndexEverywhereAndOrdered) {
  const std::vector<float> weights = SomeWeights(4);
  Palettization p = Palettized(weights);
  MustConstrain(p, weights, 1.0);
  const int zero = p.ZeroIndex(0);
  ASSERT_GE(zero, 0);
  for (int64_t group = 0; group < p.num_groups(); ++group) {
    const auto codebook = std::as_const(p).Codebook(group);
    EXPECT_EQ(p.ZeroIndex(group), zero);
    EXPECT_EQ(codebook[zero], 0.0f);
    EXPECT_TRUE(std::ranges::is_sorted(codebook));
  }
  EXPECT_GT(Sparsity(p), 0.05);
}

TEST(ConstrainEntropyTest, PrunedWeightsStayZero) {
  const std::vector<float> weights = SomeWeights(5);
  const std::vector<uint8_t> mask = *MagnitudeMask(weights, 0.5);
  Palettization p = Palettized(weights, mask);
  MustConstrain(p, weights, 1.0);
  const std::vector<float> dense = DenseWeights(p);
  for (size_t i = 0; i < dense.size(); ++i) {
    if (mask[i] == 0) continue;
    EXPECT_EQ(dense[i], 0.0f) << i;
  }
}

TEST(ConstrainEntropyTest, WeightsOfOneSignKeepTheirOrder) {
  std::vector<float> weights = SomeWeights(6);
  for (float& weight : weights) weight = std::fabs(weight) + 1.0f;
  Palettization p = Palettized(weights);
  MustConstrain(p, weights, 1.0);
  for (int64_t group = 0; group < p.num_groups(); ++group) {
    EXPECT_TRUE(std::ranges::is_sorted(std::as_const(p).Codebook(group)));
  }
}

TEST(ConstrainEntropyTest, PriceZeroIsPlainClustering) {
  const std::vector<float> weights = SomeWeights(7);
  Palettization p = Palettized(weights);
  const double error = SquaredError(p, weights);
  const EntropyOutcome outcome = MustConstrain(p, weights, 0.0, 30, false);
  EXPECT_LE(outcome.distortion, error * (1 + 1e-6));
}

TEST(ConstrainEntropyTest, ThreadsDoNotChangeTheAnswer) {
  const std::vector<float> weights = SomeWeights(8);
  Palettization one = Palettized(weights);
  Palettization four = one;
  MustConstrain(one, weights, 1.0, 30, true, 1);
  MustConstrain(four, weights, 1.0, 30, true, 4);
  EXPECT_EQ(one.indices, four.indices);
  EXPECT_EQ(one.centroids, four.centroids);
  EXPECT_EQ(one.scale, four.scale);
}

TEST(ConstrainEntropyTest, RefusesANegativePrice) {
  const std::vector<float> weights = SomeWeights(9);
  Palettization p = Palettized(weights);
  ThreadPool pool(1);
  for (const double lambda : {-1.0, std::nan(""), HUGE_VAL}) {
    EntropyOptions options;
    options.lambda = lambda;
    EXPECT_EQ(ConstrainEntropy(p, weights, {}, options, pool).error().code, ErrorCode::kUsage);
  }
}

}  // namespace
}  // namespace deixis
