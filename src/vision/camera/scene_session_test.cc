#include "vision/camera/scene_session.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>
#include <string>

#include "vision/scene/scene.h"
#include "vision/testing/digest.h"

namespace deixis::camera {
namespace {

SceneSessionOptions Small() { return {.height_px = 96, .width_px = 128}; }

// The first time at which `condition` holds.
template <typename Condition>
int64_t FindTime(SceneSession& session, int64_t from_ms, const Condition& condition) {
  for (int64_t time_ms = from_ms; time_ms < from_ms + 60'000; time_ms += 10) {
    if (condition(session.TruthAt(time_ms))) return time_ms;
  }
  return -1;
}

TEST(SceneSession, AFingerComesDwellsAndLeavesAtEachTable) {
  SceneSession session(Small());
  std::map<int64_t, std::vector<PointingPhase>> phases;
  std::map<PointingPhase, std::set<int64_t>> times_ms;
  for (int64_t time_ms = 0; time_ms < 60'000; time_ms += 10) {
    const SceneTruth truth = session.TruthAt(time_ms);
    auto& seen = phases[truth.episode];
    if (seen.empty() || seen.back() != truth.phase) seen.push_back(truth.phase);
    EXPECT_EQ(truth.phase == PointingPhase::kAbsent && truth.has_fingertip, false);
    if (truth.phase == PointingPhase::kDwelling) {
      EXPECT_TRUE(truth.has_fingertip);
      EXPECT_NEAR(std::hypot(truth.direction_x, truth.direction_y), 1, 1e-3);
      EXPECT_LT(truth.direction_y, -0.8);  // upwards
    }
  }
  phases.erase(std::prev(phases.end()));  // cut by the end of the loop
  ASSERT_GE(phases.size(), 8u);
  int64_t expected_episode = 0;
  for (const auto& [episode, seen] : phases) {
    EXPECT_EQ(episode, expected_episode++);
    EXPECT_EQ(seen, (std::vector{PointingPhase::kAbsent, PointingPhase::kApproaching,
                                 PointingPhase::kDwelling, PointingPhase::kLeaving}));
  }
}

TEST(SceneSession, ADwellIsLongAndStill) {
  SceneSession session({.seed = 4});
  const double diagonal_px = std::hypot(640, 480);
  int64_t time_ms = 0;
  for (int dwells = 0; dwells < 20; ++dwells) {
    time_ms = FindTime(session, time_ms,
                       [](const SceneTruth& t) { return t.phase == PointingPhase::kDwelling; });
    ASSERT_GE(time_ms, 0);
    const SceneTruth first = session.TruthAt(time_ms);
    const int64_t begin_ms = time_ms;
    for (SceneTruth truth = first; truth.phase == PointingPhase::kDwelling;
         truth = session.TruthAt(time_ms += 10)) {
      ASSERT_LE(std::hypot(truth.fingertip_x_px - first.fingertip_x_px,
                           truth.fingertip_y_px - first.fingertip_y_px),
                0.02 * diagonal_px);
    }
    EXPECT_GE(time_ms - begin_ms, 1590);
  }
}

TEST(SceneSession, IsTheSameWhateverWasLookedAtBefore) {
  SceneSession straight(Small());
  SceneSession jumping(Small());
  (void)jumping.At(20'000);
  for (const int64_t time_ms : {0, 1500, 2500, 3000, 9000}) {
    const auto expected = straight.At(time_ms);
    const auto view = jumping.At(time_ms);
    EXPECT_EQ(view.image.pixels, expected.image.pixels) << time_ms;
    EXPECT_EQ(view.truth.fingertip_x_px, expected.truth.fingertip_x_px);
  }
  SceneSessionOptions other = Small();
  other.seed = 2;
  EXPECT_NE(SceneSession(other).At(0).image.pixels, straight.At(0).image.pixels);
}

// The promise of the same pixels everywhere; a deliberate change of the painting changes them.
TEST(SceneSession, HasItsGoldenPixels) {
  SceneSession session(Small());
  const int64_t time_ms =
      FindTime(session, 0, [](const SceneTruth& t) { return t.phase == PointingPhase::kDwelling; });
  EXPECT_EQ(testing::Fnv1a(session.At(0).image.pixels), "9bf94d556d5538ee");
  EXPECT_EQ(testing::Fnv1a(session.At(time_ms).image.pixels), "b4525c274ea702c1");
}

// A dataset takes the same picture once: a burst must be as many pictures as it has frames.
TEST(SceneSession, NoMomentGivesThePictureOfAnother) {
  SceneSessionOptions options = Small();
  options.pointing = 0;
  SceneSession session(options);
  std::set<std::string> seen;
  for (int64_t time_ms = 0; time_ms < 600; ++time_ms) {
    EXPECT_TRUE(seen.insert(testing::Fnv1a(session.At(time_ms).image.pixels)).second) << time_ms;
  }
}

// With and without a hand the same table differs only where the hand and its shadow are, and it
// does differ just behind the tip, not beyond it.
TEST(SceneSession, TheTipIsWhereTheTruthSays) {
  const SceneSessionOptions options{.seed = 9, .height_px = 240, .width_px = 320, .difficulty = 0};
  SceneSession session(options);
  SceneSession plan(options);  // going back in time costs it nothing: it paints nothing
  for (int dwells = 0, time_ms = 0; dwells < 4; ++dwells) {
    time_ms = static_cast<int>(FindTime(
        session, time_ms, [](const SceneTruth& t) { return t.phase == PointingPhase::kDwelling; }));
    ASSERT_GE(time_ms, 0);
    int64_t absent_ms = time_ms;
    while (plan.TruthAt(absent_ms).phase != PointingPhase::kAbsent) absent_ms -= 10;
    const auto without = session.At(absent_ms);
    const auto with = session.At(time_ms);
    ASSERT_EQ(with.truth.episode, without.truth.episode);
    const auto difference_at = [&](double along_px) {
      const auto x =
          static_cast<int64_t>(with.truth.fingertip_x_px + along_px * with.truth.direction_x);
      const auto y =
          static_cast<int64_t>(with.truth.fingertip_y_px + along_px * with.truth.direction_y);
      int difference = 0;
      for (int64_t c = 0; c < 3; ++c) {
        const auto i = static_cast<size_t>(3 * (y * options.width_px + x) + c);
        difference += std::abs(with.image.pixels[i] - without.image.pixels[i]);
      }
      return difference;
    };
    EXPECT_GT(difference_at(-4) + difference_at(-10) + difference_at(-20), 60) << time_ms;
    // Beyond the tip there may be shadow, but no skin: the colour's own proportions stay.
    EXPECT_LT(difference_at(15), 200) << time_ms;
    time_ms += 3000;
  }
}

TEST(SceneSession, ShowsOnlyTheLabelsAskedFor) {
  SceneSessionOptions options = Small();
  options.labels = {3, SceneSessionOptions::kNothing};
  SceneSession session(options);
  std::set<int> seen;
  for (int64_t time_ms = 0; time_ms < 200'000; time_ms += 500) {
    seen.insert(session.TruthAt(time_ms).label);
  }
  EXPECT_EQ(seen, (std::set<int>{SceneSessionOptions::kNothing, 3}));
}

TEST(SceneSession, ThingsWithoutANameAreNeverTheSame) {
  SceneSessionOptions options = Small();
  options.labels = {SceneSessionOptions::kNameless};
  options.pointing = 0;
  SceneSession session(options);
  options.labels = {SceneSessionOptions::kNothing};
  SceneSession bare(options);
  std::set<std::vector<uint8_t>> seen;
  for (int table = 0; table < 8; ++table) {
    const int64_t time_ms = 5000 * table;
    const SceneSession::View view = session.At(time_ms);
    EXPECT_EQ(view.truth.label, SceneSessionOptions::kNameless);
    seen.insert(view.image.pixels);
    // Something lies there.
    EXPECT_NE(view.image.pixels, bare.At(time_ms).image.pixels) << time_ms;
  }
  EXPECT_EQ(seen.size(), 8u);
}

TEST(SceneSession, WithoutPointingNoFingerComes) {
  SceneSessionOptions options = Small();
  options.pointing = 0;
  SceneSession session(options);
  int64_t last_episode = 0;
  for (int64_t time_ms = 0; time_ms < 20 * 60'000; time_ms += 20) {
    const SceneTruth truth = session.TruthAt(time_ms);
    ASSERT_EQ(truth.phase, PointingPhase::kAbsent);
    last_episode = truth.episode;
  }
  EXPECT_GT(last_episode, 150);
}

TEST(SceneSession, AHandThatDoesNotPointIsSeenButNotInTheTruth) {
  SceneSessionOptions options{.seed = 5, .height_px = 96, .width_px = 128, .difficulty = 0};
  options.pointing = 0;
  options.gesturing = 1;
  SceneSession session(options);
  options.gesturing = 0;
  SceneSession still(options);
  int64_t hands = 0;
  for (int64_t time_ms = 0; time_ms < 30'000; time_ms += 200) {
    const auto view = session.At(time_ms);
    ASSERT_FALSE(view.truth.has_fingertip);
    ASSERT_EQ(view.truth.phase, PointingPhase::kAbsent);
    hands += view.image.pixels != still.At(time_ms).image.pixels ? 1 : 0;
  }
  EXPECT_GT(hands, 50);
}

TEST(SceneSession, TheKnuckleIsBehindTheTip) {
  SceneSession session({.seed = 6});
  for (int64_t time_ms = 0; time_ms < 30'000; time_ms += 100) {
    const SceneTruth truth = session.TruthAt(time_ms);
    if (!truth.has_fingertip) continue;
    const double x = truth.fingertip_x_px - truth.knuckle_x_px;
    const double y = truth.fingertip_y_px - truth.knuckle_y_px;
    const double finger_px = std::hypot(x, y);
    EXPECT_GT(finger_px, 0.3 * 240);
    EXPECT_LT(finger_px, 0.7 * 240);
    EXPECT_NEAR(x / finger_px, truth.direction_x, 1e-3);
    EXPECT_NEAR(y / finger_px, truth.direction_y, 1e-3);
  }
}

TEST(SceneSession, BrightnessDarkensEverything) {
  SceneSessionOptions options = Small();
  const auto mean_of = [](const Image& image) {
    double sum = 0;
    for (const uint8_t value : image.pixels) sum += value;
    return sum / static_cast<double>(image.pixels.size());
  };
  const double bright = mean_of(SceneSession(options).At(2500).image);
  options.brightness = 0.1;
  const double dark = mean_of(SceneSession(options).At(2500).image);
  EXPECT_LT(dark, 0.15 * bright);
}

TEST(SceneSessionOptions, AreValidated) {
  EXPECT_TRUE(SceneSessionOptions().Validate().ok());
  EXPECT_FALSE(SceneSessionOptions{.height_px = 4}.Validate().ok());
  EXPECT_FALSE(SceneSessionOptions{.labels = {20}}.Validate().ok());
  EXPECT_FALSE(SceneSessionOptions{.labels = {-3}}.Validate().ok());
  EXPECT_FALSE(SceneSessionOptions{.things = 0}.Validate().ok());
  EXPECT_FALSE(SceneSessionOptions{.things = 4}.Validate().ok());
  EXPECT_FALSE(SceneSessionOptions{.pointing = 1.1}.Validate().ok());
  EXPECT_FALSE(SceneSessionOptions{.gesturing = -0.1}.Validate().ok());
  EXPECT_FALSE(SceneSessionOptions{.difficulty = -1}.Validate().ok());
  EXPECT_FALSE(SceneSessionOptions{.brightness = std::nan("")}.Validate().ok());
}

}  // namespace
}  // namespace deixis::camera
