// Sessions of scene:// in simulated time, seen by an eye that knows the truth: what is said, how
// often, how soon, and what is heard.
#include "pipeline/pointing_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <map>
#include <set>
#include <string>

#include "vision/scene/scene.h"

namespace deixis {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

std::unique_ptr<Camera> Open(const std::string& parameters) {
  auto camera = OpenCamera("scene://" + parameters + "&clock=simulated&size=160x120&fps=12");
  EXPECT_TRUE(camera.ok()) << camera.error().message;
  return std::move(*camera);
}

// What a perfect look would be.
Look LookByTruth(const Frame& frame) {
  const SceneTruth& truth = *frame.truth;
  Look look;
  look.seen.captured_ms = frame.captured_ms;
  look.seen.presence = truth.has_fingertip ? 0.95 : 0.05;
  look.tip_px = {truth.fingertip_x_px, truth.fingertip_y_px};
  look.seen.tip_x = look.tip_px.x / 200;
  look.seen.tip_y = look.tip_px.y / 200;
  look.seen.probabilities.assign(SceneClassNames().size(), 0.01);
  if (truth.label >= 0) look.seen.probabilities[truth.label] = 0.89;
  look.seen.is_unknown = truth.phase != PointingPhase::kDwelling || truth.label < 0;
  return look;
}

TEST(PointingSession, NamesWhatIsPointedAtOnceAndInTime) {
  const auto camera = Open("seed=3");
  PointingSession session(camera.get(), LookByTruth, {}, nullptr, Phrasebook::Silent());
  std::map<int64_t, int64_t> dwell_begin;  // by episode
  std::set<int64_t> named;
  int64_t wrong = 0;
  while (camera->NowMs() < 300'000) {
    const SessionStep step = session.Step();
    ASSERT_NE(step.frame, nullptr);
    const SceneTruth& truth = *step.frame->truth;
    if (truth.phase == PointingPhase::kDwelling) {
      dwell_begin.try_emplace(truth.episode, step.frame->captured_ms);
    }
    for (const DecisionEvent& event : step.events) {
      if (event.kind != DecisionEventKind::kSay && event.kind != DecisionEventKind::kRepeat)
        continue;
      EXPECT_TRUE(named.insert(truth.episode).second) << "twice in episode " << truth.episode;
      wrong += event.label == truth.label ? 0 : 1;
      EXPECT_LE(event.time_ms - dwell_begin.at(truth.episode), 1000);
    }
  }
  ASSERT_GT(dwell_begin.size(), 40u);
  EXPECT_EQ(wrong, 0);
  // The last dwell may have been cut short.
  EXPECT_GE(named.size() + 1, dwell_begin.size());
}

TEST(PointingSession, SaysNothingWhenNobodyPoints) {
  const auto camera = Open("seed=4&pointing=0");
  PointingSession session(camera.get(), LookByTruth, {}, nullptr, Phrasebook::Silent());
  while (camera->NowMs() < 120'000) EXPECT_TRUE(session.Step().events.empty());
}

TEST(PointingSession, IsHeardWhenItSays) {
  const std::string path =
      (std::filesystem::path(::testing::TempDir()) / "pointing_session_test.wav").string();
  const auto camera = Open("seed=5&labels=mug");
  auto speaker = OpenSpeaker("file:" + path);
  ASSERT_TRUE(speaker.ok());
  auto phrases = Phrasebook::Make(SceneClassNames());
  if (!phrases.ok()) GTEST_SKIP() << phrases.error().message;
  PointingSession session(camera.get(), LookByTruth, {}, speaker->get(), std::move(*phrases));
  int64_t begin_ms = -1;
  int64_t said_ms = -1;
  while (camera->NowMs() < 8000) {
    const SessionStep step = session.Step();
    if (begin_ms < 0) begin_ms = step.now_ms;
    for (const DecisionEvent& event : step.events) {
      if (event.kind == DecisionEventKind::kSay && said_ms < 0) said_ms = step.now_ms - begin_ms;
    }
  }
  ASSERT_TRUE((*speaker)->Finish().ok());
  ASSERT_GE(said_ms, 0);
  const auto heard = ReadWav(path);
  ASSERT_TRUE(heard.ok()) << heard.error().message;
  const auto loudness = [&](int64_t from_ms, int64_t to_ms) {
    Sound part = *heard;
    const auto at = [&](int64_t ms) {
      return part.samples.begin() + ms * kMixRateHz / 1000 * kMixChannels;
    };
    part.samples = {at(from_ms), at(to_ms)};
    return RootMeanSquare(part);
  };
  EXPECT_EQ(loudness(0, 500), 0);
  EXPECT_GT(loudness(said_ms + 100, said_ms + 400), 500);
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace deixis
