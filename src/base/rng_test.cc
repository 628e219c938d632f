#include "base/rng.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace deixis {
namespace {

// The first outputs that the authors' reference program gives (splitmix64.c, S. Vigna, 2015).
TEST(RngTest, GivesTheSequenceOfSplitMix64) {
  Rng zero(0);
  EXPECT_EQ(zero.NextBits(), 0xE220A8397B1DCDAFu);
  EXPECT_EQ(zero.NextBits(), 0x6E789E6AA1B965F4u);
  EXPECT_EQ(zero.NextBits(), 0x06C45D188009454Fu);
  Rng other(1234567);
  EXPECT_EQ(other.NextBits(), 6457827717110365317u);
  EXPECT_EQ(other.NextBits(), 3203168211198807973u);
}

TEST(RngTest, BelowStaysBelowAndReachesEverything) {
  Rng rng(1);
  std::vector<int> counts(7, 0);
  for (int i = 0; i < 70000; ++i) ++counts[rng.Below(7)];
  // Binomial with mean 10000 and standard deviation 93: six of them.
  for (const int count : counts) EXPECT_NEAR(count, 10000, 6 * 93);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(rng.Below(1), 0u);
  for (int i = 0; i < 100; ++i) EXPECT_LT(rng.Below(UINT64_MAX), UINT64_MAX);
}

TEST(RngTest, UnitAndNormalHaveTheirMoments) {
  Rng rng(2);
  constexpr int kCount = 100000;
  double unit_sum = 0, normal_sum = 0, normal_squares = 0;
  for (int i = 0; i < kCount; ++i) {
    const double unit = rng.Unit();
    ASSERT_GE(unit, 0.0);
    ASSERT_LT(unit, 1.0);
    unit_sum += unit;
    const double normal = rng.Normal();
    ASSERT_TRUE(std::isfinite(normal));
    normal_sum += normal;
    normal_squares += normal * normal;
  }
  // Six standard errors of each mean.
  EXPECT_NEAR(unit_sum / kCount, 0.5, 6 * std::sqrt(1.0 / 12 / kCount));
  EXPECT_NEAR(normal_sum / kCount, 0, 6 * std::sqrt(1.0 / kCount));
  EXPECT_NEAR(normal_squares / kCount, 1, 6 * std::sqrt(2.0 / kCount));
}

TEST(RngTest, UniformSpansItsRange) {
  Rng rng(3);
  for (int i = 0; i < 1000; ++i) {
    const double value = rng.Uniform(-2, 5);
    EXPECT_GE(value, -2);
    EXPECT_LT(value, 5);
  }
}

TEST(RngTest, ShuffleIsAPermutationAndReachesEveryOne) {
  Rng rng(4);
  std::vector<int> counts(6, 0);
  for (int i = 0; i < 6000; ++i) {
    std::vector<int> items = {0, 1, 2};
    rng.Shuffle(items);
    std::vector<int> sorted = items;
    std::sort(sorted.begin(), sorted.end());
    ASSERT_EQ(sorted, (std::vector<int>{0, 1, 2}));
    ++counts[static_cast<size_t>(items[0] * 2 + (items[1] > items[2] ? 1 : 0))];
  }
  for (const int count : counts) EXPECT_NEAR(count, 1000, 6 * 29);
  std::vector<int> none;
  rng.Shuffle(none);
  EXPECT_TRUE(none.empty());
}

}  // namespace
}  // namespace deixis
