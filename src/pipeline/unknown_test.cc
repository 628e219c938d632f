#include "pipeline/unknown.h"

#include <gtest/gtest.h>

#include "base/rng.h"

namespace deixis {
namespace {

TEST(ChooseThreshold, ByHand) {
  UnknownFigures figures;
  const std::vector<double> known = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  const std::vector<double> unknown = {-3, 0, 1.5, 1.8, 20};
  const float threshold = ChooseThreshold(known, unknown, figures);
  // At 2 nine of ten pass and one of five; at 1 all, and three of five.
  EXPECT_LT(threshold, 2);
  EXPECT_GT(threshold, 1.9);
  EXPECT_DOUBLE_EQ(figures.recall, 0.9);
  EXPECT_DOUBLE_EQ(figures.accepted, 0.2);
  EXPECT_DOUBLE_EQ(figures.fpr95, 0.6);
}

TEST(RejectionFrom, WhatLiesBetweenTheCategoriesIsUnknown) {
  Rng rng(1);
  Eigen::MatrixXf logits(90, 3);
  std::vector<int> labels;
  for (int i = 0; i < 90; ++i) {
    labels.push_back(i % 3);
    for (int c = 0; c < 3; ++c) {
      logits(i, c) = static_cast<float>((c == i % 3 ? 4 : -2) + 0.5 * rng.Normal());
    }
  }
  const std::optional<Rejection> rejection = RejectionFrom(logits, labels);
  const double known = KnownScore(rejection, std::vector<float>{4, -2, -2}, -1);
  const double between = KnownScore(rejection, std::vector<float>{1, 1, -2}, -1);
  const double nowhere = KnownScore(rejection, std::vector<float>{0, 0, 0}, -1);
  EXPECT_GT(known, between + 10);
  EXPECT_GT(known, nowhere + 10);
}

}  // namespace
}  // namespace deixis
