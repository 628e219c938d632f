#include "base/dtype.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "base/rng.h"

namespace deixis {
namespace {

// binary16 and bfloat16 by their definition: sign, exponent, mantissa, in double arithmetic.
struct SmallFloat {
  int exponent_bits;
  int mantissa_bits;

  double Value(uint16_t bits) const {
    const int exponent = (bits >> mantissa_bits) & ((1 << exponent_bits) - 1);
    const int mantissa = bits & ((1 << mantissa_bits) - 1);
    const int bias = (1 << (exponent_bits - 1)) - 1;
    const double sign = (bits & 0x8000) != 0 ? -1 : 1;
    if (exponent == (1 << exponent_bits) - 1) {
      return mantissa != 0 ? std::numeric_limits<double>::quiet_NaN()
                           : sign * std::numeric_limits<double>::infinity();
    }
    if (exponent == 0) return sign * std::ldexp(mantissa, 1 - bias - mantissa_bits);
    return sign * std::ldexp(mantissa + (1 << mantissa_bits), exponent - bias - mantissa_bits);
  }

  // Of the finite values and infinity, which stands where the next value would, the nearest to a
  // positive `value`, the one with an even mantissa at a tie. By bisection over the bits, which are
  // in the order of the values.
  uint16_t Nearest(double value) const {
    const auto infinity = static_cast<uint16_t>(((1 << exponent_bits) - 1) << mantissa_bits);
    const auto at = [&](uint16_t bits) {
      return bits < infinity ? Value(bits)
                             : 2 * Value(static_cast<uint16_t>(infinity - 1)) -
                                   Value(static_cast<uint16_t>(infinity - 2));
    };
    if (value >= at(infinity)) return infinity;
    uint16_t low = 0;
    uint16_t high = infinity;
    while (high - low > 1) {
      const auto middle = static_cast<uint16_t>((low + high) / 2);
      (at(middle) <= value ? low : high) = middle;
    }
    const double to_low = value - at(low);
    const double to_high = at(high) - value;
    if (to_low != to_high) return to_low < to_high ? low : high;
    return (low & 1) == 0 ? low : high;
  }
};

constexpr SmallFloat kHalf = {5, 10};
constexpr SmallFloat kBFloat16 = {8, 7};

template <typename Widen, typename Narrow>
void ExpectEveryPatternConverts(const SmallFloat& reference, Widen widen, Narrow narrow) {
  for (uint32_t pattern = 0; pattern <= 0xFFFF; ++pattern) {
    const auto bits = static_cast<uint16_t>(pattern);
    const float value = widen(bits);
    const double expected = reference.Value(bits);
    if (std::isnan(expected)) {
      EXPECT_TRUE(std::isnan(value)) << pattern;
      EXPECT_TRUE(std::isnan(reference.Value(narrow(value)))) << pattern;
      continue;
    }
    ASSERT_EQ(value, expected) << pattern;
    ASSERT_EQ(std::signbit(value), std::signbit(expected)) << pattern;
    ASSERT_EQ(narrow(value), bits) << pattern;  // there and back
  }
}

// Around every representable value: itself, the tie above it, and the floats next to that tie.
template <typename Narrow>
void ExpectRoundsToNearestEven(const SmallFloat& reference, Narrow narrow) {
  const auto expect = [&](float value) {
    const uint16_t expected = reference.Nearest(static_cast<double>(value));
    ASSERT_EQ(narrow(value), expected) << value;
    ASSERT_EQ(narrow(-value), expected | 0x8000) << value;
  };
  const int infinity = ((1 << reference.exponent_bits) - 1) << reference.mantissa_bits;
  for (int bits = 0; bits + 1 < infinity; ++bits) {
    const double low = reference.Value(static_cast<uint16_t>(bits));
    const double high = reference.Value(static_cast<uint16_t>(bits + 1));
    const auto tie = static_cast<float>((low + high) / 2);
    expect(tie);
    expect(std::nextafter(tie, 0.0f));
    expect(std::nextafter(tie, std::numeric_limits<float>::infinity()));
  }
  Rng rng(1);
  for (int i = 0; i < 200000; ++i) {
    const auto pattern = static_cast<uint32_t>(rng.NextBits() & 0x7FFFFFFF);
    const float value = std::bit_cast<float>(pattern);
    if (!std::isnan(value)) expect(value);
  }
  expect(std::numeric_limits<float>::max());
  expect(std::numeric_limits<float>::infinity());
}

TEST(DTypeTest, EveryHalfConverts) { ExpectEveryPatternConverts(kHalf, HalfToFloat, FloatToHalf); }
TEST(DTypeTest, EveryBFloat16Converts) {
  ExpectEveryPatternConverts(kBFloat16, BFloat16ToFloat, FloatToBFloat16);
}
TEST(DTypeTest, HalfRoundsToNearestEven) { ExpectRoundsToNearestEven(kHalf, FloatToHalf); }
TEST(DTypeTest, BFloat16RoundsToNearestEven) {
  ExpectRoundsToNearestEven(kBFloat16, FloatToBFloat16);
}

TEST(DTypeTest, KnownHalves) {
  EXPECT_EQ(FloatToHalf(1.0f), 0x3C00);
  EXPECT_EQ(FloatToHalf(-2.0f), 0xC000);
  EXPECT_EQ(FloatToHalf(65504.0f), 0x7BFF);
  EXPECT_EQ(FloatToHalf(65520.0f), 0x7C00);  // the tie goes to the even side: infinity
  EXPECT_EQ(HalfToFloat(0x0001), 0x1.0p-24f);
}

TEST(DTypeTest, NaNsThatWouldLoseTheirMantissaStayNaN) {
  const float quiet_low_bits = std::bit_cast<float>(0x7F800001u);
  EXPECT_TRUE(std::isnan(HalfToFloat(FloatToHalf(quiet_low_bits))));
  EXPECT_TRUE(std::isnan(BFloat16ToFloat(FloatToBFloat16(quiet_low_bits))));
  EXPECT_TRUE(std::isnan(BFloat16ToFloat(FloatToBFloat16(std::bit_cast<float>(0xFFFFFFFFu)))));
}

TEST(DTypeTest, NamesAndSizes) {
  for (const DType dtype : kAllDTypes) {
    EXPECT_EQ(DTypeFromSafetensorsName(SafetensorsName(dtype)), dtype);
  }
  EXPECT_EQ(DTypeFromSafetensorsName("F8_E4M3"), std::nullopt);
  EXPECT_EQ(SizeOf(DType::kF64), 8);
  EXPECT_EQ(SizeOf(DType::kBF16), 2);
  EXPECT_EQ(SizeOf(DType::kBool), 1);
  EXPECT_EQ(TorchName(DType::kBF16), "bfloat16");
  EXPECT_TRUE(IsFloat(DType::kF16));
  EXPECT_FALSE(IsFloat(DType::kI8));
}

}  // namespace
}  // namespace deixis
