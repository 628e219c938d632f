#include "runtime/error_diffusion.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <numeric>
#include <vector>

#include "base/rng.h"

namespace deixis {
namespace {

TEST(ErrorDiffusionTest, ByHand) {
  // One row: 0.4 rounds to 0 and passes all of it on; 0.8 to 1, short of -0.2; 0.2 to 0.
  std::vector<int8_t> integers(3);
  DiffuseToInt8(std::vector<float>{0.4f, 0.4f, 0.4f}, 3, 1, integers);
  EXPECT_EQ(integers, (std::vector<int8_t>{0, 1, 0}));
  // One column, in steps of a half.
  DiffuseToInt8(std::vector<float>{0.2f, 0.2f, 0.2f}, 1, 0.5, integers);
  EXPECT_EQ(integers, (std::vector<int8_t>{0, 1, 0}));
}

TEST(ErrorDiffusionTest, IntegersStayWhatTheyAre) {
  std::vector<float> plane = {-127, 3, 0, 5, 127, -1};
  std::vector<int8_t> integers(6);
  DiffuseToInt8(plane, 3, 1, integers);
  for (size_t i = 0; i < plane.size(); ++i) EXPECT_EQ(integers[i], plane[i]);
}

TEST(ErrorDiffusionTest, TheSumOfAPlaneIsKept) {
  Rng rng(2);
  for (const int64_t width : {1, 2, 3, 5, 7}) {
    for (int trial = 0; trial < 50; ++trial) {
      std::vector<float> plane(width * width);
      for (float& weight : plane) weight = static_cast<float>(rng.Uniform(-100, 100));
      std::vector<int8_t> integers(plane.size());
      DiffuseToInt8(plane, width, 1, integers);
      const double wanted = std::accumulate(plane.begin(), plane.end(), 0.0);
      const int sum = std::accumulate(integers.begin(), integers.end(), 0);
      // Only the last weight's rounding is left.
      EXPECT_LE(std::fabs(sum - wanted), 0.5 + 1e-3);
      for (size_t i = 0; i < plane.size(); ++i) {
        EXPECT_LE(std::fabs(integers[i] - plane[i]), 2.0);
      }
    }
  }
}

TEST(ErrorDiffusionTest, WhatIsOutOfReachIsClamped) {
  std::vector<int8_t> integers(4);
  DiffuseToInt8(std::vector<float>{1000, -1000, 130, -130}, 2, 1, integers);
  for (const int8_t integer : integers) EXPECT_LE(std::abs(integer), 127);
  EXPECT_EQ(integers[0], 127);
}

}  // namespace
}  // namespace deixis
