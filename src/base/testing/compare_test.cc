// The comparisons themselves: each must fail on what it is there to find.
#include "base/testing/compare.h"

#include <gtest/gtest.h>

namespace deixis::testing {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

bool WithinBound(float actual, float expected, double bound) {
  return !FirstOutOfBound<float, float>(std::span(&actual, 1), std::span(&expected, 1),
                                        std::span(&bound, 1));
}

TEST(FirstOutOfBound, AcceptsWhatIsWithinTheBound) {
  EXPECT_TRUE(WithinBound(1.0f, 1.0f, 0));
  EXPECT_TRUE(WithinBound(1.0f, 1.25f, 0.25));
  EXPECT_TRUE(WithinBound(-1.25f, -1.0f, 0.25));
  EXPECT_TRUE(WithinBound(kNan, kNan, 0));
  EXPECT_TRUE(WithinBound(kInfinity, kInfinity, 0));
}

TEST(FirstOutOfBound, FindsEachKindOfMismatch) {
  EXPECT_FALSE(WithinBound(1.0f, -1.0f, 0.5));   // sign
  EXPECT_FALSE(WithinBound(-3.0f, -1.0f, 0.5));  // both negative
  EXPECT_FALSE(WithinBound(-1.0f, -3.0f, 0.5));
  EXPECT_FALSE(WithinBound(kNan, 1.0f, 1e30));
  EXPECT_FALSE(WithinBound(1.0f, kNan, 1e30));
  EXPECT_FALSE(WithinBound(kInfinity, -kInfinity, 1e30));
  EXPECT_FALSE(WithinBound(kInfinity, 1.0f, 1e30));
  EXPECT_FALSE(WithinBound(1.0f, 1.0f + 1e-6f, 1e-7));
  EXPECT_FALSE(WithinBound(1.0f, 2.0f, std::numeric_limits<double>::quiet_NaN()));
}

TEST(FirstOutOfBound, NamesTheElementAndTheSizes) {
  const std::vector<float> actual = {1, 2, 3};
  const std::vector<float> expected = {1, 2, 4};
  const std::vector<double> bound = {0, 0, 0.5};
  const auto found = FirstOutOfBound<float, float>(actual, expected, bound);
  ASSERT_TRUE(found);
  EXPECT_NE(found->find("element 2"), std::string::npos) << *found;
  EXPECT_TRUE((FirstOutOfBound<float, float>(std::span(actual).first(2), expected, bound)));
}

TEST(FirstBitDifference, FindsAnOffByOneAndASignOfZero) {
  const std::vector<int32_t> actual = {5, -7};
  EXPECT_FALSE((FirstBitDifference<int32_t>(actual, actual)));
  EXPECT_TRUE((FirstBitDifference<int32_t>(actual, std::vector<int32_t>{5, -6})));
  EXPECT_TRUE((FirstBitDifference<int32_t>(actual, std::vector<int32_t>{5, 7})));
  EXPECT_TRUE((FirstBitDifference<int32_t>(actual, std::vector<int32_t>{5})));
  EXPECT_TRUE((FirstBitDifference<float>(std::vector<float>{0.0f}, std::vector<float>{-0.0f})));
}

TEST(SumErrorFactor, GrowsWithTheTerms) {
  EXPECT_NEAR(SumErrorFactor(1), 0x1.0p-24, 1e-14);
  EXPECT_GT(SumErrorFactor(1000), 999 * 0x1.0p-24);
}

TEST(GuardedBuffer, NoticesAWriteOnEitherSide) {
  for (const int64_t misalignment : {0, 4, 28}) {
    GuardedBuffer<float> buffer(5, misalignment);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % 64, misalignment);
    for (float& value : buffer.span()) value = 1;
    EXPECT_TRUE(buffer.GuardsAreIntact());
    reinterpret_cast<unsigned char*>(buffer.data())[5 * sizeof(float)] = 0;
    EXPECT_FALSE(buffer.GuardsAreIntact());
    GuardedBuffer<float> other(5, misalignment);
    reinterpret_cast<unsigned char*>(other.data())[-1] = 0;
    EXPECT_FALSE(other.GuardsAreIntact());
  }
}

}  // namespace
}  // namespace deixis::testing
