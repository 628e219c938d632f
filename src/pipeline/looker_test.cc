#include "pipeline/looker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/rng.h"
#include "pipeline/testing/random_backbone.h"

namespace deixis {
namespace {

using testing::ConstantModel;
using ::testing::HasSubstr;

constexpr PictureSize kFrame{.height_px = 480, .width_px = 640};

Image Noise(int64_t height_px, int64_t width_px, int low, int high) {
  Image image{.height_px = height_px, .width_px = width_px, .pixels = {}};
  Rng rng(1);
  for (int64_t i = 0; i < height_px * width_px * 3; ++i) {
    image.pixels.push_back(static_cast<uint8_t>(low + static_cast<int>(rng.Below(high - low + 1))));
  }
  return image;
}

TEST(CropBeyond, LiesAheadOfTheTip) {
  // 0.45 of 480 is 216; the centre lies 0.2 * 216 = 43.2 ahead.
  const CropBox up = CropBeyond({}, kFrame, {320, 240}, {0, 0});
  EXPECT_EQ(up.side_px, 216);
  EXPECT_EQ(up.left_px, 212);
  EXPECT_EQ(up.top_px, 89);  // 240 - 43.2 - 108
  const CropBox right = CropBeyond({}, kFrame, {320, 240}, {5, 0});
  EXPECT_EQ(right.left_px, 255);
  EXPECT_EQ(right.top_px, 132);
  const CropBox down_left = CropBeyond({}, kFrame, {320, 240}, {-3, 4});
  EXPECT_EQ(down_left.left_px, 186);  // 320 - 0.6 * 43.2 - 108 = 186.08
  EXPECT_EQ(down_left.top_px, 167);   // 240 + 0.8 * 43.2 - 108 = 166.56
}

TEST(CropBeyond, StaysInTheFrame) {
  Rng rng(3);
  for (int i = 0; i < 2000; ++i) {
    const PictureSize frame{.height_px = 1 + static_cast<int64_t>(rng.Below(700)),
                            .width_px = 1 + static_cast<int64_t>(rng.Below(700))};
    const CropBox box = CropBeyond({.side = rng.Uniform(0.05, 1), .lead = rng.Unit()}, frame,
                                   {rng.Uniform(-900, 900), rng.Uniform(-900, 900)},
                                   {rng.Uniform(-1, 1), rng.Uniform(-1, 1)});
    ASSERT_GE(box.side_px, 1);
    ASSERT_GE(box.left_px, 0);
    ASSERT_GE(box.top_px, 0);
    ASSERT_LE(box.left_px + box.side_px, frame.width_px);
    ASSERT_LE(box.top_px + box.side_px, frame.height_px);
  }
}

TEST(Crop, TakesTheseBytes) {
  Image image{.height_px = 3, .width_px = 4, .pixels = {}};
  for (int i = 0; i < 36; ++i) image.pixels.push_back(static_cast<uint8_t>(i));
  const Image crop = Crop(image, {.left_px = 1, .top_px = 1, .side_px = 2});
  EXPECT_EQ(crop.pixels, (std::vector<uint8_t>{15, 16, 17, 18, 19, 20, 27, 28, 29, 30, 31, 32}));
}

TEST(Gates, HandComputed) {
  Image image{.height_px = 3, .width_px = 4, .pixels = std::vector<uint8_t>(36, 100)};
  EXPECT_NEAR(MeanLuma(image), 100, 1e-9);
  EXPECT_NEAR(LaplacianVariance(image), 0, 1e-9);
  // One pixel of the inner two is 10 brighter: Laplacians of -40 and 10.
  for (int c = 0; c < 3; ++c) image.pixels[(4 + 1) * 3 + c] = 110;
  EXPECT_NEAR(LaplacianVariance(image), 625, 1e-6);
  image.pixels.assign(36, 0);
  image.pixels[0] = 255;  // red
  EXPECT_NEAR(MeanLuma(image), 0.299 * 255 / 12, 1e-9);
}

TEST(Looker, TellsWhereAndWhat) {
  const Model pointer = [] {
    Model model = ConstantModel(Task::kLocate, {0.25f, -0.5f, 3.0f});
    model.tells_presence = true;
    return model;
  }();
  Model objects = ConstantModel(Task::kClassify, {2.0f, 0.0f, 0.0f});
  objects.class_names = {"mug", "keys", "nothing"};
  auto looker = Looker::Create(pointer, objects);
  ASSERT_TRUE(looker.ok()) << looker.error().message;
  const Look look = looker->See(Noise(480, 640, 0, 255), 1234);
  EXPECT_EQ(look.seen.captured_ms, 1234);
  EXPECT_NEAR(look.seen.presence, 1 / (1 + std::exp(-3.0)), 1e-6);
  // The frame is stretched to the model's input: unit 0.25 is 0.625 of the width.
  EXPECT_NEAR(look.tip_px.x, 0.625 * 640 - 0.5, 0.01);
  EXPECT_NEAR(look.tip_px.y, 0.25 * 480 - 0.5, 0.01);
  EXPECT_NEAR(look.seen.tip_x, look.tip_px.x / 800, 1e-9);
  ASSERT_EQ(look.seen.probabilities.size(), 3u);
  EXPECT_NEAR(look.seen.probabilities[0], std::exp(2) / (std::exp(2) + 2), 1e-6);
  EXPECT_FALSE(look.seen.is_unknown);
  EXPECT_EQ(look.seen.fault, FrameFault::kNone);
}

TEST(Looker, NothingAndUnlikelyThingsAreUnknown) {
  Model objects = ConstantModel(Task::kClassify, {0.0f, 0.1f});
  const Model pointer = ConstantModel(Task::kLocate, {0.0f, 0.0f});
  objects.class_names = {"mug", "nothing"};
  EXPECT_TRUE(Looker::Create(pointer, objects)->See(Noise(48, 64, 0, 255), 0).seen.is_unknown);
  objects.class_names = {"mug", "keys"};
  EXPECT_FALSE(Looker::Create(pointer, objects)->See(Noise(48, 64, 0, 255), 0).seen.is_unknown);
  LookerOptions options;
  options.min_probability = 0.6;
  EXPECT_TRUE(
      Looker::Create(pointer, objects, options)->See(Noise(48, 64, 0, 255), 0).seen.is_unknown);
}

TEST(Looker, TellsHowFarAThingIsFromAStranger) {
  const Model pointer = ConstantModel(Task::kLocate, {0.0f, 0.0f});
  Model objects = ConstantModel(Task::kClassify, {2.0f, 0.0f});
  objects.class_names = {"mug", "keys"};
  const auto tensor = [](std::vector<int64_t> shape, std::vector<float> values) {
    return Tensor::FromVector<float>(shape, std::move(values));
  };
  // The logits lie on the mug's mean, at a distance of 2 * 2 from the background's.
  objects.rejection = Rejection{.means = tensor({2, 2}, {2, 0, 0, 2}),
                                .precision = tensor({2, 2}, {1, 0, 0, 1}),
                                .background_mean = tensor({2}, {0, 0}),
                                .background_precision = tensor({2, 2}, {1, 0, 0, 1}),
                                .threshold = 1};
  Look look = Looker::Create(pointer, objects)->See(Noise(48, 64, 0, 255), 0);
  EXPECT_NEAR(look.score, 4, 1e-5);
  EXPECT_NEAR(look.seen.known_margin, 3, 1e-5);
  EXPECT_FALSE(look.seen.is_rejected());
  objects.rejection->threshold = 5;
  look = Looker::Create(pointer, objects)->See(Noise(48, 64, 0, 255), 0);
  EXPECT_NEAR(look.seen.known_margin, -1, 1e-5);
  EXPECT_FALSE(look.seen.is_unknown);
  EXPECT_TRUE(look.seen.is_rejected());
}

TEST(Looker, GatesComeBeforeNames) {
  const Model objects = ConstantModel(Task::kClassify, {9.0f, 0.0f});
  const auto fault_of = [&](const Image& frame, const std::vector<float>& pointing) {
    Model pointer = ConstantModel(Task::kLocate, pointing);
    pointer.tells_presence = pointing.size() == 3;
    const Look look = Looker::Create(pointer, objects)->See(frame, 0);
    const bool was_looked_at = !look.seen.probabilities.empty();
    const bool should_be = look.seen.fault == FrameFault::kNone && look.seen.presence >= 0.3;
    EXPECT_EQ(was_looked_at, should_be);
    return look.seen.fault;
  };
  EXPECT_EQ(fault_of(Noise(48, 64, 0, 255), {0, 0}), FrameFault::kNone);
  EXPECT_EQ(fault_of(Noise(48, 64, 0, 20), {0, 0}), FrameFault::kTooDark);
  EXPECT_EQ(fault_of(Noise(48, 64, 120, 120), {0, 0}), FrameFault::kTooBlurred);
  EXPECT_EQ(fault_of(Noise(48, 64, 0, 255), {0.99f, 0}), FrameFault::kTipAtEdge);
  EXPECT_EQ(fault_of(Noise(48, 64, 0, 255), {0, -1.4f}), FrameFault::kTipAtEdge);
  EXPECT_EQ(fault_of(Noise(48, 64, 0, 20), {0, 0, -5}), FrameFault::kNone);  // no finger
}

TEST(Looker, TheKnuckleGivesTheDirection) {
  // Tip in the middle, knuckle to its left: pointing right.
  const Model pointer = ConstantModel(Task::kLocate, {0, 0, -0.5f, 0});
  const Model objects = ConstantModel(Task::kClassify, {9.0f, 0.0f});
  const Look look = Looker::Create(pointer, objects)->See(Noise(480, 640, 0, 255), 0);
  EXPECT_EQ(look.crop.left_px, 255);
  EXPECT_EQ(look.crop.top_px, 132);
}

TEST(Looker, RefusesModelsOfOtherTasks) {
  const Model locates = ConstantModel(Task::kLocate, {0, 0});
  const Model classifies = ConstantModel(Task::kClassify, {0, 0});
  EXPECT_THAT(Looker::Create(classifies, classifies).error().message,
              HasSubstr("the pointer model: expected one that locates"));
  EXPECT_THAT(Looker::Create(locates, locates).error().message,
              HasSubstr("the object model: expected one that classifies"));
  LookerOptions options;
  options.edge = 0.5;
  EXPECT_THAT(Looker::Create(locates, classifies, options).error().message, HasSubstr("edge"));
}

}  // namespace
}  // namespace deixis
