// A looker that knows the truth, and ones that err in known ways, counted.
#include "pipeline/rehearsal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "vision/scene/scene.h"

namespace deixis {
namespace {

// All made things but the last two.
std::vector<std::string> Labels() {
  std::vector<std::string> labels = SceneClassNames();
  labels.resize(labels.size() - 2);
  return labels;
}

// Sees what is there; `named` is the share of the first label for a thing, by its truth.
Look TrueLook(const Frame& frame, const std::vector<std::string>& labels) {
  const SceneTruth& truth = *frame.truth;
  Look look;
  look.pointer_ms = 2;
  look.object_ms = 3;
  look.seen.presence = truth.has_fingertip ? 0.99 : 0.01;
  look.tip_px = {truth.fingertip_x_px - 0.5, truth.fingertip_y_px - 0.5};
  look.seen.tip_x = look.tip_px.x / 800;
  look.seen.tip_y = look.tip_px.y / 800;
  if (!truth.has_fingertip) return look;
  look.seen.probabilities.assign(labels.size(), 0.0);
  const auto found = std::ranges::find(labels, SceneClassNames()[truth.label]);
  look.seen.is_unknown = found == labels.end();
  look.seen.probabilities[look.seen.is_unknown ? 0 : found - labels.begin()] = 1;
  return look;
}

RehearsalOptions Short() {
  RehearsalOptions options;
  options.known_pointings = 3;
  options.unknown_pointings = 1;
  options.idle_ms = 6000;
  options.idle_frames_per_second = 2;
  return options;
}

TEST(Rehearse, TheTruthIsRight) {
  const std::vector<std::string> labels = Labels();
  const auto result = Rehearse(
      labels, [&](const Frame& frame) { return TrueLook(frame, labels); }, Short());
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_EQ(result->known.dwells, 3);
  EXPECT_EQ(result->known.right, 3);
  EXPECT_EQ(result->unknown.dwells, 1);
  EXPECT_EQ(result->unknown.unknown, 1);
  EXPECT_EQ(result->wrong_per_100(), 0);
  EXPECT_EQ(result->idle_utterances, 0);
  for (const double error : result->tip_error_px) EXPECT_NEAR(error, 0, 1e-9);
  // The finger is still from a frame or two before the truth says so; after 600 ms of it the next
  // frame answers, 5 ms later.
  ASSERT_GE(result->answer_ms.size(), 3u);
  for (const double ms : result->answer_ms) {
    EXPECT_GT(ms, 400);
    EXPECT_LT(ms, 900);
  }
  EXPECT_EQ(result->look_ms.front(), 5);
}

TEST(Rehearse, AWrongNameIsWrongAndAStrangerWithANameIsToo) {
  const std::vector<std::string> labels = Labels();
  const auto result = Rehearse(
      labels,
      [&](const Frame& frame) {
        Look look = TrueLook(frame, labels);
        if (look.seen.probabilities.empty()) return look;
        // One label further than the truth, and never unknown.
        std::ranges::rotate(look.seen.probabilities, look.seen.probabilities.begin() + 1);
        look.seen.is_unknown = false;
        return look;
      },
      Short());
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_EQ(result->known.wrong, 3);
  EXPECT_EQ(result->unknown.wrong, 1);
  EXPECT_EQ(result->wrong_per_100(), 100);
}

TEST(Rehearse, FingersWhereThereAreNoneAreHeard) {
  const std::vector<std::string> labels = Labels();
  RehearsalOptions options = Short();
  options.known_pointings = options.unknown_pointings = 0;
  const auto result = Rehearse(
      labels,
      [&](const Frame&) {
        Look look;
        look.seen.presence = 1;
        look.seen.probabilities.assign(labels.size(), 0.0);
        look.seen.probabilities[2] = 1;
        return look;
      },
      options);
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_EQ(result->idle_utterances, 1);
  EXPECT_EQ(result->known.dwells, 0);
}

TEST(Rehearse, SaysWhatItCannotPlay) {
  const auto look = [](const Frame&) { return Look(); };
  const auto none = Rehearse({"mine", "yours"}, look, Short());
  ASSERT_FALSE(none.ok());
  EXPECT_THAT(none.error().message, ::testing::HasSubstr("expected a name for a made thing"));
  const auto all = Rehearse(SceneClassNames(), look, Short());
  ASSERT_FALSE(all.ok());
  EXPECT_THAT(all.error().message, ::testing::HasSubstr("nothing is unknown to it"));
}

}  // namespace
}  // namespace deixis
