#include "network/rejection.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace deixis {
namespace {

// Two categories with mean logits (2, 0) and (0, 2), a variance of 1/4 within each, and all
// pictures around (1, 1) with a variance of 1 and 4.
Rejection MakeRejection(float threshold) {
  return {.means = Tensor::FromVector<float>({2, 2}, {2, 0, 0, 2}),
          .precision = Tensor::FromVector<float>({2, 2}, {4, 0, 0, 4}),
          .background_mean = Tensor::FromVector<float>({2}, {1, 1}),
          .background_precision = Tensor::FromVector<float>({2, 2}, {1, 0, 0, 0.25f}),
          .threshold = threshold};
}

TEST(Rejection, ScoresByHand) {
  const std::optional<Rejection> rejection = MakeRejection(0);
  EXPECT_EQ(KnownScore(rejection, std::vector<float>{2, 0}, -1), 1 + 0.25);
  EXPECT_EQ(KnownScore(rejection, std::vector<float>{1, 1}, -1), -8);
  // Without the first category the second one is far: 4 * (4 + 4).
  EXPECT_EQ(KnownScore(rejection, std::vector<float>{2, 0}, 0), 1 + 0.25 - 32);
  EXPECT_EQ(KnownScore(std::nullopt, std::vector<float>{1, 5, 2}, -1), 5);
  EXPECT_EQ(KnownScore(std::nullopt, std::vector<float>{1, 5, 2}, 1), 2);
  EXPECT_EQ(KnownScore(std::nullopt, std::vector<float>{3}, 0),
            -std::numeric_limits<double>::infinity());
}

TEST(Rejection, UnknownIsNothingOrBelowTheThreshold) {
  EXPECT_FALSE(IsUnknown(std::nullopt, std::vector<float>{-9, -8}, -1));
  EXPECT_TRUE(IsUnknown(std::nullopt, std::vector<float>{1, 3}, 1));
  const std::vector<float> near = {2, 0};
  EXPECT_FALSE(IsUnknown(MakeRejection(1.25f), near, -1));
  EXPECT_TRUE(IsUnknown(MakeRejection(1.26f), near, -1));
  EXPECT_TRUE(IsUnknown(MakeRejection(-100), near, 0));
  EXPECT_TRUE(IsUnknown(MakeRejection(-100), std::vector<float>{NAN, NAN}, -1));
}

TEST(Rejection, NothingIsFoundByItsName) {
  EXPECT_EQ(NothingLabel({"mug", "nothing", "pen"}), 1);
  EXPECT_EQ(NothingLabel({"mug", "nothing else"}), -1);
}

}  // namespace
}  // namespace deixis
