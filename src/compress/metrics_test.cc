// The metrics on cases worked out by hand.
#include "compress/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace deixis {
namespace {

TEST(LargestLogit, TakesTheFirstOfEquals) {
  EXPECT_EQ(LargestLogit(std::vector<float>{1, 3, 3, 2}), 1);
  EXPECT_EQ(LargestLogit(std::vector<float>{-4, -2, -3}), 1);
}

TEST(RankOf, CountsLargerLogitsAndEarlierEquals) {
  const std::vector<float> logits = {2, 5, 5, -1};
  EXPECT_EQ(RankOf(logits, 1), 0);
  EXPECT_EQ(RankOf(logits, 2), 1);
  EXPECT_EQ(RankOf(logits, 0), 2);
  EXPECT_EQ(RankOf(logits, 3), 3);
}

TEST(RankOf, IsZeroExactlyForTheLargestLogit) {
  const std::vector<float> logits = {0.5f, 0.25f, 0.5f};
  for (int label = 0; label < 3; ++label) {
    EXPECT_EQ(RankOf(logits, label) == 0, LargestLogit(logits) == label);
  }
}

TEST(CrossEntropy, OfEqualLogitsIsTheLogOfTheirNumber) {
  EXPECT_NEAR(CrossEntropy(std::vector<float>{7, 7, 7, 7}, 2), std::log(4.0), 1e-12);
}

TEST(CrossEntropy, DoesNotOverflow) {
  EXPECT_NEAR(CrossEntropy(std::vector<float>{1000, 0}, 1), 1000.0, 1e-9);
  EXPECT_NEAR(CrossEntropy(std::vector<float>{1000, 0}, 0), 0.0, 1e-9);
}

TEST(KullbackLeibler, IsZeroForTheSameProbabilitiesOnly) {
  EXPECT_NEAR(KullbackLeibler(std::vector<float>{1, 2, 3}, std::vector<float>{11, 12, 13}), 0,
              1e-12);
  EXPECT_GT(KullbackLeibler(std::vector<float>{1, 2, 3}, std::vector<float>{3, 2, 1}), 1);
}

TEST(KullbackLeibler, HandComputed) {
  // p = (1/2, 1/2), q = (1/4, 3/4): (log 2 + log(2/3)) / 2, and the reverse.
  const std::vector<float> p = {0, 0};
  const std::vector<float> q = {0, std::log(3.0f)};
  EXPECT_NEAR(KullbackLeibler(p, q), 0.5 * std::log(4.0 / 3), 1e-7);
  EXPECT_NEAR(KullbackLeibler(q, p), 0.25 * std::log(0.5) + 0.75 * std::log(1.5), 1e-7);
}

TEST(CompareLogits, HandComputed) {
  // The second picture's answer differs, by (log 2 + log(2/3)) / 2 nats.
  const float log3 = std::log(3.0f);
  const std::vector<float> first = {1, 5, 0, 0};
  const std::vector<float> second = {1, 5, 0, log3};
  const LogitComparison comparison = CompareLogits(first, second, 2);
  EXPECT_DOUBLE_EQ(comparison.agreement, 0.5);
  EXPECT_NEAR(comparison.mean_kl_divergence, 0.25 * std::log(4.0 / 3), 1e-7);
  EXPECT_DOUBLE_EQ(CompareLogits(first, first, 2).agreement, 1.0);
  EXPECT_NEAR(CompareLogits(first, first, 2).mean_kl_divergence, 0, 1e-12);
  EXPECT_EQ(CompareLogits({}, {}, 2).agreement, 0);
}

TEST(Quantile, LiesBetweenNeighbours) {
  const std::vector<double> values = {4, 1, 3, 2};
  EXPECT_DOUBLE_EQ(Quantile(values, 0.0), 1.0);
  EXPECT_DOUBLE_EQ(Quantile(values, 0.5), 2.5);
  EXPECT_DOUBLE_EQ(Quantile(values, 0.95), 3.85);
  EXPECT_DOUBLE_EQ(Quantile(values, 1.0), 4.0);
  EXPECT_DOUBLE_EQ(Quantile(std::vector<double>{7}, 0.95), 7.0);
}

TEST(AreaUnderRoc, HandComputed) {
  using Scores = std::vector<double>;
  EXPECT_DOUBLE_EQ(AreaUnderRoc(Scores{0.9, 0.8}, Scores{0.1, 0.2, 0.3}), 1);
  EXPECT_DOUBLE_EQ(AreaUnderRoc(Scores{0.1}, Scores{0.9}), 0);
  EXPECT_DOUBLE_EQ(AreaUnderRoc(Scores{0.5, 0.5}, Scores{0.5}), 0.5);
  // Of six pairs 0.4 wins one, 0.8 all three.
  EXPECT_DOUBLE_EQ(AreaUnderRoc(Scores{0.4, 0.8}, Scores{0.3, 0.5, 0.6}), 4.0 / 6);
  EXPECT_DOUBLE_EQ(AreaUnderRoc(Scores{}, Scores{0.5}), 0);
}

TEST(FalsePositivesAtRecall, HandComputed) {
  using Scores = std::vector<double>;
  const Scores positives = {0.9, 0.8, 0.7, 0.2};
  const Scores negatives = {0.1, 0.3, 0.75, 0.95, 0.0};
  EXPECT_DOUBLE_EQ(FalsePositivesAtRecall(positives, negatives, 0.75), 2.0 / 5);  // at 0.7
  EXPECT_DOUBLE_EQ(FalsePositivesAtRecall(positives, negatives, 0.76), 3.0 / 5);  // at 0.2
  EXPECT_DOUBLE_EQ(FalsePositivesAtRecall(positives, negatives, 0.0), 1.0 / 5);   // at 0.9
  EXPECT_DOUBLE_EQ(FalsePositivesAtRecall(positives, Scores{}, 0.95), 0);
}

}  // namespace
}  // namespace deixis
