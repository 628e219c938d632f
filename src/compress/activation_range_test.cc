#include "compress/activation_range.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "base/rng.h"

namespace deixis {
namespace {

ActivationHistogram HistogramOf(const std::vector<float>& values) {
  ActivationHistogram histogram;
  histogram.Add(values);
  return histogram;
}

ActivationQuantization Choose(const std::vector<float>& values, RangeMethod method,
                              double percentile = 99.99) {
  return ChooseQuantization(HistogramOf(values), {.method = method, .percentile = percentile});
}

// Directly from the values, without a histogram.
double MeanSquareOf(const std::vector<float>& values, const ActivationQuantization& quantization) {
  std::vector<float> rounded = values;
  RoundThroughU8(quantization, rounded);
  double sum = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    sum += (double{values[i]} - rounded[i]) * (double{values[i]} - rounded[i]);
  }
  return sum / static_cast<double>(values.size());
}

std::vector<float> Gaussian(int count, uint64_t seed) {
  Rng rng(seed);
  std::vector<float> values;
  for (int i = 0; i < count; ++i) {
    const double radius = std::sqrt(-2 * std::log(rng.Uniform(1e-12, 1)));
    values.push_back(static_cast<float>(radius * std::cos(rng.Uniform(0, 6.283185307))));
  }
  return values;
}

constexpr RangeMethod kMethods[] = {RangeMethod::kMinMax, RangeMethod::kPercentile,
                                    RangeMethod::kMse};

TEST(ActivationRangeTest, MinMaxByHand) {
  // 0..5.1 in 255 steps of 0.02.
  const ActivationQuantization positive = Choose({0, 1, 5.1f}, RangeMethod::kMinMax);
  EXPECT_FLOAT_EQ(positive.scale, 0.02f);
  EXPECT_EQ(positive.zero_point, 0);
  // The range contains 0 although nothing came near it.
  EXPECT_EQ(Choose({4, 5.1f}, RangeMethod::kMinMax), positive);
  // -1..1.55 in steps of 0.01: 100 steps are below zero.
  const ActivationQuantization both = Choose({-1, 1.55f}, RangeMethod::kMinMax);
  EXPECT_FLOAT_EQ(both.scale, 0.01f);
  EXPECT_EQ(both.zero_point, 100);
  const ActivationQuantization negative = Choose({-5.1f, -1}, RangeMethod::kMinMax);
  EXPECT_FLOAT_EQ(negative.scale, 0.02f);
  EXPECT_EQ(negative.zero_point, 255);
}

TEST(ActivationRangeTest, PercentileByHand) {
  std::vector<float> values;
  for (int i = 1; i <= 1000; ++i) values.push_back(static_cast<float>(i));
  // One per cent of 1000 values go: 991 to 1000. A bin is 1/8 wide.
  EXPECT_NEAR(255 * Choose(values, RangeMethod::kPercentile, 99).scale, 990, 0.125);
  EXPECT_NEAR(255 * Choose(values, RangeMethod::kPercentile, 100).scale, 1000, 0.001);
  // Of both signs: half a per cent at each end.
  for (int i = 1; i <= 1000; ++i) values.push_back(static_cast<float>(-i));
  const ActivationQuantization both = Choose(values, RangeMethod::kPercentile, 99);
  EXPECT_NEAR(255 * both.scale, 2 * 990, 0.25);
  EXPECT_NEAR(both.zero_point, 127.5, 0.5);
}

TEST(ActivationRangeTest, AnOutlierIsClippedWhereThatPays) {
  // 100,000 values spread over 0..1, one at 3. With a range of T rounding costs 100,000 (T / 255)^2
  // / 12 = 0.1282 T^2 and clipping (3 - T)^2: least at T = 3 / 1.1282.
  std::vector<float> values;
  for (int i = 0; i < 100'000; ++i) values.push_back(static_cast<float>(i) * 1e-5f);
  values.push_back(3);
  EXPECT_NEAR(255 * Choose(values, RangeMethod::kMse).scale, 3 / 1.1282, 0.03);
  // With 16 times as many values the least would be at 0.98, where they are clipped themselves.
  ActivationHistogram histogram;
  for (int i = 0; i < 16; ++i) histogram.Add(std::span(values).first(100'000));
  histogram.Add(std::span(values).last(1));
  const ActivationQuantization clipped = ChooseQuantization(histogram, {});
  EXPECT_NEAR(255 * clipped.scale, 1, 0.02);
  EXPECT_LT(ErrorOf(histogram, clipped).clipped_fraction, 0.02);
  EXPECT_GT(ErrorOf(histogram, clipped).clipped_fraction, 0);
}

TEST(ActivationRangeTest, LeastSquaresIsNoWorseThanAnyOtherRange) {
  for (const bool rectified : {false, true}) {
    std::vector<float> values = Gaussian(40'000, rectified ? 5 : 6);
    for (float& value : values) value = rectified ? std::max(value, 0.0f) : value + 0.7f;
    const ActivationHistogram histogram = HistogramOf(values);
    const ActivationQuantization best = ChooseQuantization(histogram, {});
    EXPECT_EQ(best.zero_point == 0, rectified);
    const double least = MeanSquareOf(values, best);
    for (int i = 1; i <= 400; ++i) {
      ActivationQuantization other = best;
      other.scale = best.scale * (0.5f + 0.0025f * static_cast<float>(i));
      if (!rectified) {
        // Other ends: the zero point that keeps the lower end, or the upper.
        other.zero_point = static_cast<int>(
            std::lround(static_cast<float>(best.zero_point) * best.scale / other.scale));
        if (other.zero_point > 255) continue;
      }
      EXPECT_LE(least, MeanSquareOf(values, other) * 1.005) << other.scale;
    }
  }
}

TEST(ActivationRangeTest, TheErrorIsThatOfTheValues) {
  const std::vector<float> values = Gaussian(20'000, 9);
  const ActivationHistogram histogram = HistogramOf(values);
  double square = 0;
  for (const float value : values) square += double{value} * value;
  square /= static_cast<double>(values.size());
  for (const RangeMethod method : kMethods) {
    const ActivationQuantization quantization =
        ChooseQuantization(histogram, {.method = method, .percentile = 98});
    const QuantizationError error = ErrorOf(histogram, quantization);
    const double exact = MeanSquareOf(values, quantization);
    EXPECT_NEAR(error.mean_square, exact, 0.01 * exact);
    EXPECT_NEAR(error.sqnr_db, 10 * std::log10(square / exact), 0.05);
    const double expected_clipped = method == RangeMethod::kMinMax       ? 0
                                    : method == RangeMethod::kPercentile ? 0.02
                                                                         : 0.001;
    EXPECT_NEAR(error.clipped_fraction, expected_clipped, 0.1 * expected_clipped + 0.001);
  }
}

TEST(ActivationRangeTest, RoundsToNearestTiesToEvenAndClips) {
  const ActivationQuantization quantization{.scale = 0.5f, .zero_point = 10};
  std::vector<float> values = {0,  0.24f, 0.25f, 0.75f,  -0.25f, 0.3f,
                               -5, -5.3f, -100,  122.5f, 1e30f};
  RoundThroughU8(quantization, values);
  EXPECT_THAT(values, ::testing::ElementsAre(0, 0, 0, 1, 0, 0.5f, -5, -5, -5, 122.5f, 122.5f));
}

TEST(ActivationRangeTest, ZeroStaysZero) {
  for (const RangeMethod method : kMethods) {
    const ActivationQuantization quantization = Choose(Gaussian(1000, 4), method, 99);
    std::vector<float> zero = {0};
    RoundThroughU8(quantization, zero);
    EXPECT_EQ(zero[0], 0);
  }
}

TEST(ActivationRangeTest, DegenerateValues) {
  constexpr float kTiny = std::numeric_limits<float>::denorm_min();
  for (const RangeMethod method : kMethods) {
    // Nothing, zeros, and what is as good as zero.
    for (const std::vector<float>& values :
         {std::vector<float>{}, {0, 0, 0}, {kTiny, 3 * kTiny}, {-1e-38f, 1e-38f}}) {
      EXPECT_EQ(Choose(values, method), ActivationQuantization{}) << values.size();
      const QuantizationError error = ErrorOf(HistogramOf(values), {});
      EXPECT_GE(error.mean_square, 0);
      EXPECT_EQ(error.clipped_fraction, 0);
    }
    // One value, however often: kept but for float's rounding.
    for (const float value : {3.0f, -3.0f, 1e-20f, 3.4e38f, -3.4e38f}) {
      std::vector<float> values(100, value);
      const ActivationQuantization quantization = Choose(values, method);
      EXPECT_TRUE(std::isnormal(quantization.scale)) << value;
      EXPECT_EQ(quantization.zero_point, value < 0 ? 255 : 0);
      RoundThroughU8(quantization, values);
      EXPECT_NEAR(values[0] / value, 1, 1e-5) << value;
    }
    // The widest range there is.
    const ActivationQuantization widest = Choose({3.4e38f, -3.4e38f}, method);
    EXPECT_TRUE(std::isnormal(widest.scale));
    // Nearly all zeros: the few others still have a range.
    std::vector<float> sparse(1'000'000, 0.0f);
    sparse[5] = 2;
    EXPECT_GT(255 * Choose(sparse, method).scale, 1);
  }
}

TEST(ActivationRangeTest, RefusesAPercentileThatIsNone) {
  for (const double percentile : {49.0, 100.5, std::nan("")}) {
    EXPECT_EQ((RangeOptions{.percentile = percentile}).Validate().error().code, ErrorCode::kUsage);
  }
  EXPECT_TRUE(RangeOptions{}.Validate().ok());
}

}  // namespace
}  // namespace deixis
