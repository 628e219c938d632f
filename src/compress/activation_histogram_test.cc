#include "compress/activation_histogram.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "base/rng.h"

namespace deixis {
namespace {

using ::testing::ElementsAre;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

using Bin = ActivationHistogram::Bin;

MATCHER_P2(BinIs, value, count, "") { return arg.value == value && arg.count == count; }

bool Same(const ActivationHistogram& a, const ActivationHistogram& b) {
  const std::vector<Bin> left = a.Bins();
  const std::vector<Bin> right = b.Bins();
  return a.count() == b.count() && a.min() == b.min() && a.max() == b.max() &&
         a.bin_width() == b.bin_width() && a.num_not_finite() == b.num_not_finite() &&
         std::equal(
             left.begin(), left.end(), right.begin(), right.end(),
             [](const Bin& x, const Bin& y) { return x.value == y.value && x.count == y.count; });
}

TEST(ActivationHistogramTest, NothingAndOnlyZeros) {
  ActivationHistogram histogram;
  EXPECT_TRUE(histogram.Bins().empty());
  EXPECT_EQ(histogram.count(), 0);
  histogram.Add(std::vector<float>{0.0f, -0.0f, 0.0f});
  EXPECT_THAT(histogram.Bins(), ElementsAre(BinIs(0.0, 3)));
  EXPECT_EQ(histogram.min(), 0.0f);
  EXPECT_EQ(histogram.max(), 0.0f);
  EXPECT_EQ(histogram.bin_width(), 0.0);
}

TEST(ActivationHistogramTest, CountsByHand) {
  ActivationHistogram histogram;
  // 1 lies below 2 = 8192 bins of 2^-12; each value is in the bin that begins with it.
  histogram.Add(std::vector<float>{1.0f, 0.5f, 0.5f, 0.0f, -0.25f});
  EXPECT_EQ(histogram.bin_width(), 0x1p-12);
  EXPECT_EQ(histogram.count(), 5);
  EXPECT_EQ(histogram.min(), -0.25f);
  EXPECT_EQ(histogram.max(), 1.0f);
  // Middles of the bins, but nothing outside what was seen.
  EXPECT_THAT(histogram.Bins(),
              ElementsAre(BinIs(-0.25, 1), BinIs(0.0, 1), BinIs(0.5 + 0x1p-13, 2), BinIs(1.0, 1)));
}

TEST(ActivationHistogramTest, WidensByMergingBinsInPairs) {
  ActivationHistogram histogram;
  histogram.Add(std::vector<float>{1.0f, 1.0f + 0x1p-12f, 1.0f + 0x1p-11f});
  EXPECT_EQ(histogram.Bins().size(), 3u);
  histogram.Add(std::vector<float>{3.0f});  // below 4: bins of 2^-11
  EXPECT_EQ(histogram.bin_width(), 0x1p-11);
  EXPECT_THAT(histogram.Bins(), ElementsAre(BinIs(1.0 + 0x1p-12, 2),
                                            BinIs(1.0 + 0x1p-11 + 0x1p-12, 1), BinIs(3.0, 1)));
  histogram.Add(std::vector<float>{1e30f});  // all that came before shares the first bin
  ASSERT_EQ(histogram.Bins().size(), 2u);
  EXPECT_EQ(histogram.Bins()[0].count, 4);
  EXPECT_EQ(histogram.Bins()[1].value, double{1e30f});
}

TEST(ActivationHistogramTest, NeitherOrderNorDivisionMatters) {
  Rng rng(7);
  std::vector<float> values;
  for (int i = 0; i < 5000; ++i) {
    const double magnitude = std::exp2(rng.Uniform(-30, 20));
    values.push_back(static_cast<float>(i % 5 == 0 ? 0.0 : i % 3 == 0 ? -magnitude : magnitude));
  }
  values.insert(values.end(), {kNaN, kInfinity, -kInfinity, 1e-45f, 3.4e38f});
  ActivationHistogram whole;
  whole.Add(values);
  std::sort(values.begin(), values.end(),
            [](float a, float b) { return std::fabs(a) > std::fabs(b) || std::isnan(b); });
  ActivationHistogram falling;
  falling.Add(values);
  EXPECT_TRUE(Same(whole, falling));
  std::vector<ActivationHistogram> parts(7);
  for (size_t i = 0; i < values.size(); ++i) parts[i % 7].Add(std::span(&values[i], 1));
  ActivationHistogram merged;
  for (const ActivationHistogram& part : parts) merged.Merge(part);
  EXPECT_TRUE(Same(whole, merged));
  // The comparison sees a single count.
  merged.Add(std::vector<float>{1.0f});
  EXPECT_FALSE(Same(whole, merged));
}

TEST(ActivationHistogramTest, MergesWithNothingAndWithZeros) {
  ActivationHistogram values;
  values.Add(std::vector<float>{2.0f, 5.0f});
  ActivationHistogram merged = values;
  merged.Merge(ActivationHistogram());
  EXPECT_TRUE(Same(merged, values));
  ActivationHistogram into;
  into.Merge(values);
  EXPECT_TRUE(Same(into, values));
  ActivationHistogram zeros;
  zeros.Add(std::vector<float>{0.0f});
  into.Merge(zeros);
  EXPECT_EQ(into.min(), 0.0f);
  EXPECT_EQ(into.count(), 3);
}

TEST(ActivationHistogramTest, EveryMiddleIsWithinHalfABin) {
  Rng rng(11);
  for (int i = 0; i < 2000; ++i) {
    const auto value = static_cast<float>(rng.Uniform(-1, 1) * std::exp2(rng.Uniform(-110, 120)));
    ActivationHistogram histogram;
    histogram.Add(std::vector<float>{value, std::copysign(2 * value, -value)});
    double nearest = kInfinity;
    for (const Bin& bin : histogram.Bins()) {
      nearest = std::min(nearest, std::fabs(bin.value - double{value}));
    }
    EXPECT_LE(nearest, histogram.bin_width() / 2) << value;
    EXPECT_LE(histogram.bin_width(), 4 * std::fabs(value) / 8192) << value;
  }
}

TEST(ActivationHistogramTest, TheEndsOfFloat) {
  ActivationHistogram histogram;
  histogram.Add(std::vector<float>{std::numeric_limits<float>::denorm_min()});
  ASSERT_EQ(histogram.Bins().size(), 1u);
  EXPECT_EQ(histogram.Bins()[0].value, double{std::numeric_limits<float>::denorm_min()});
  histogram.Add(
      std::vector<float>{std::numeric_limits<float>::max(), std::numeric_limits<float>::lowest()});
  EXPECT_EQ(histogram.count(), 3);
  EXPECT_EQ(histogram.num_not_finite(), 0);
  EXPECT_EQ(histogram.Bins().size(), 3u);
}

TEST(ActivationHistogramTest, WhatIsNotFiniteIsCountedApart) {
  ActivationHistogram histogram;
  histogram.Add(std::vector<float>{kNaN, kInfinity, -kInfinity, -kNaN});
  EXPECT_EQ(histogram.num_not_finite(), 4);
  EXPECT_EQ(histogram.count(), 0);
  EXPECT_TRUE(histogram.Bins().empty());
  histogram.Add(std::vector<float>{1.0f, kNaN});
  EXPECT_EQ(histogram.num_not_finite(), 5);
  EXPECT_EQ(histogram.max(), 1.0f);
}

}  // namespace
}  // namespace deixis
