// Scores on cases that are worked out by hand.
#include "train/score.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace deixis {
namespace {

using ::testing::ElementsAre;

SampleTarget Named(int label) {
  SampleTarget target;
  target.label = label;
  return target;
}

SampleTarget Placed(std::vector<PlaceTarget> places) {
  return {.label = 0, .places = std::move(places), .size = {.height_px = 240, .width_px = 320}};
}

Score Names(double loss, double top1) {
  Score score;
  score.loss = loss;
  score.top1 = top1;
  return score;
}

Score Places(double mean_error_px) {
  Score score;
  score.marked = 1;
  score.mean_error_px = mean_error_px;
  return score;
}

TEST(Judge, CountsWhatIsNamedRight) {
  const std::vector<float> logits = {2, 0, 0, 0, 0, 1, 0, 3, 0, 1, 0, 0};
  const std::vector<SampleTarget> targets = {Named(0), Named(2), Named(0), Named(1)};
  Judgement judgement;
  judgement.num_categories = 3;
  const Score score = Judge(judgement, {}, logits, targets);
  EXPECT_EQ(score.images, 4);
  EXPECT_EQ(score.top1, 0.5);
  EXPECT_THAT(score.confusion,
              ElementsAre(ElementsAre(1, 1, 0), ElementsAre(1, 0, 0), ElementsAre(0, 0, 1)));
  const double e = std::exp(1.0);
  const double expected = (std::log(1 + 2 / (e * e)) + std::log(1 + 2 / e) +
                           (std::log(e * e * e + 2) - 0) + (std::log(e + 2) - 0)) /
                          4;
  EXPECT_NEAR(score.loss, expected, 1e-6);
}

TEST(Judge, MeasuresInThePicturesOwnPixels) {
  const Preprocessing square{.height_px = 100, .width_px = 100, .resize = ResizePolicy::kStretch};
  const std::vector<SampleTarget> targets = {
      Placed({{.category = 0, .is_present = true, .unit = {0, 0}}}),
      Placed({{.category = 0, .is_present = true, .unit = {0.5, 0.5}}}),
      Placed({{.category = 0, .is_present = false, .unit = {}}})};
  // Off by 0.1 of 160 pixels to the side, and by 0.2 of 120 down; the last lacks the thing.
  const std::vector<float> answers = {0.1f, 0, 5, 0.5f, 0.7f, -1, 0, 0, 2};
  Judgement judgement{.task = Task::kLocate,
                      .num_categories = 1,
                      .tells_presence = true,
                      .error_size = std::nullopt};
  const Score score = Judge(judgement, square, answers, targets);
  EXPECT_EQ(score.marked, 2);
  EXPECT_NEAR(score.mean_error_px, (16 + 24) / 2.0, 1e-5);
  EXPECT_NEAR(score.median_error_px, 20, 1e-5);
  EXPECT_NEAR(score.p95_error_px, 16 + 0.95 * 8, 1e-5);
  EXPECT_NEAR(score.loss, (0.01 + 0.04) / 2, 1e-6);
  EXPECT_NEAR(*score.presence_accuracy, 1.0 / 3, 1e-12);
  // As in pictures of twice the width and the same height.
  judgement.error_size = PictureSize{.height_px = 240, .width_px = 640};
  EXPECT_NEAR(Judge(judgement, square, answers, targets).mean_error_px, (32 + 24) / 2.0, 1e-5);
}

TEST(Judge, AsksOfEachPictureWhatWasLookedForInIt) {
  const Preprocessing square{.height_px = 100, .width_px = 100, .resize = ResizePolicy::kStretch};
  // Both things; the second alone, which is not there; neither.
  const std::vector<SampleTarget> targets = {
      Placed({{.category = 1, .is_present = true, .unit = {0.5, 0.5}},
              {.category = 0, .is_present = true, .unit = {0, 0}}}),
      Placed({{.category = 1, .is_present = false, .unit = {}}}), Placed({})};
  const std::vector<float> answers = {0.1f, 0, 0.5f, 0.7f, 1, 1,   //
                                      9,    9, 9,    9,    3, -1,  //
                                      9,    9, 9,    9,    3, 3};
  const Score score = Judge({.task = Task::kLocate,
                             .num_categories = 2,
                             .tells_presence = true,
                             .error_size = std::nullopt},
                            square, answers, targets);
  EXPECT_EQ(score.images, 3);
  EXPECT_EQ(score.marked, 2);
  EXPECT_NEAR(score.mean_error_px, (16 + 24) / 2.0, 1e-5);
  EXPECT_EQ(score.presence_accuracy, 1);
}

TEST(IsBetter, GoesByTheTaskThenByTheLoss) {
  const Score good = Names(2, 0.9);
  const Score bad = Names(1, 0.8);
  EXPECT_TRUE(IsBetter(Task::kClassify, good, bad));
  EXPECT_FALSE(IsBetter(Task::kClassify, bad, good));
  EXPECT_FALSE(IsBetter(Task::kClassify, good, good));
  EXPECT_TRUE(IsBetter(Task::kClassify, Names(1, 0.9), good));
  EXPECT_TRUE(IsBetter(Task::kLocate, Places(3), Places(4)));
  EXPECT_FALSE(IsBetter(Task::kLocate, Places(4), Places(3)));
  EXPECT_FALSE(IsBetter(Task::kLocate, Places(std::nan("")), Places(3)));
}

TEST(ParsePictureSize, TakesWidthByHeight) {
  const auto size = ParsePictureSize("640x480");
  ASSERT_TRUE(size.ok());
  EXPECT_EQ((*size)->width_px, 640);
  EXPECT_EQ((*size)->height_px, 480);
  EXPECT_EQ(ParsePictureSize("")->has_value(), false);
  for (const char* wrong : {"640", "640x", "x480", "0x480", "640x-1", "a x b"}) {
    EXPECT_FALSE(ParsePictureSize(wrong).ok()) << wrong;
  }
}

}  // namespace
}  // namespace deixis
