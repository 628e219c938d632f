// A session is recorded and replayed: the same frames lead to the same events at the same times,
// with a lost camera, stale frames and a wearer who asks in it.
#include "pipeline/recorder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <tuple>
#include <vector>

#include "vision/scene/scene.h"

namespace deixis {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

// A made session that a slow, unlucky program saw: frames of different ages, some of them stale,
// and two times without a signal.
class Unlucky final : public Camera {
 public:
  explicit Unlucky(std::unique_ptr<Camera> camera) : camera_(std::move(camera)) {}

  std::shared_ptr<const Frame> Latest() override { return camera_->Latest(); }
  std::shared_ptr<const Frame> WaitForFrame(uint64_t after_id, int64_t timeout_ms) override {
    ++step_;
    lost_ = (step_ > 200 && step_ <= 260) || (step_ > 700 && step_ <= 703);
    return lost_ ? nullptr : camera_->WaitForFrame(after_id, timeout_ms);
  }
  int64_t NowMs() const override {
    const int64_t age_ms = step_ % 17 == 0 ? 350 : step_ % 5 * 7;
    return lost_ ? camera_->NowMs() + step_ % 100 : camera_->NowMs() + age_ms;
  }
  CameraStatus StatusNow() const override {
    CameraStatus status = camera_->StatusNow();
    if (lost_) status.state = CameraState::kNoSignal;
    return status;
  }

 private:
  std::unique_ptr<Camera> camera_;
  int64_t step_ = 0;
  bool lost_ = false;
};

Look LookByTruth(const Frame& frame) {
  const SceneTruth& truth = *frame.truth;
  Look look;
  look.seen.captured_ms = frame.captured_ms;
  look.seen.presence = truth.has_fingertip ? 0.95 : 0.05;
  look.seen.tip_x = truth.fingertip_x_px / 200;
  look.seen.tip_y = truth.fingertip_y_px / 200;
  // What is seen depends on every pixel.
  uint64_t sum = 0;
  for (const uint8_t value : frame.image.pixels) sum = sum * 31 + value;
  look.seen.probabilities.assign(SceneClassNames().size(), 0.001);
  if (truth.label >= 0) {
    look.seen.probabilities[truth.label] = 0.6 + 0.3 * static_cast<double>(sum % 1000) / 1000;
  }
  look.seen.is_unknown = truth.phase != PointingPhase::kDwelling || truth.label < 0;
  return look;
}

using Told = std::vector<std::tuple<DecisionEventKind, int64_t, int, double>>;

// Asks at some steps, when nothing is said without.
Told Events(Camera& camera, bool asks, Recorder* recorder, int num_steps) {
  PointingSession session(&camera, LookByTruth, {.only_when_asked = true}, nullptr,
                          Phrasebook::Silent());
  Told told;
  for (int i = 0; i < num_steps; ++i) {
    // Also while the camera is lost, and just before it comes to be.
    if (asks && (i % 60 == 59 || i == 200 || i == 201 || i == 700 || i == 702)) session.Ask();
    const SessionStep step = session.Step();
    if (recorder != nullptr) recorder->Add(step);
    for (const DecisionEvent& event : step.events) {
      told.emplace_back(event.kind, event.time_ms, event.label, event.probability);
    }
    if (step.camera == CameraState::kEnded) break;
  }
  return told;
}

class RecorderTest : public ::testing::Test {
 protected:
  void SetUp() override { fs::remove_all(folder_); }
  void TearDown() override { fs::remove_all(folder_); }
  static std::unique_ptr<Camera> Open(const std::string& uri) {
    auto camera = OpenCamera(uri);
    EXPECT_TRUE(camera.ok()) << camera.error().message;
    return camera.ok() ? *std::move(camera) : nullptr;
  }

  const std::string folder_ = ::testing::TempDir() + "recorder-" +
                              ::testing::UnitTest::GetInstance()->current_test_info()->name();
};

constexpr char kScene[] = "scene://seed=3&clock=simulated&size=64x48&fps=12";

TEST_F(RecorderTest, AReplayIsDecidedAsTheSessionWas) {
  auto recorder = Recorder::Start(folder_);
  ASSERT_TRUE(recorder.ok()) << recorder.error().message;
  Unlucky camera(Open(kScene));
  const Told told = Events(camera, /*asks=*/true, recorder->get(), 800);
  (*recorder)->Finish();
  EXPECT_TRUE((*recorder)->Problem().ok());
  EXPECT_GT((*recorder)->totals().frames, 700);

  // All that can be told apart has been told.
  std::vector<DecisionEventKind> kinds;
  for (const auto& event : told) kinds.push_back(std::get<0>(event));
  for (const DecisionEventKind kind :
       {DecisionEventKind::kSay, DecisionEventKind::kHedge, DecisionEventKind::kCameraLost,
        DecisionEventKind::kCameraBack, DecisionEventKind::kFingerLost}) {
    EXPECT_THAT(kinds, ::testing::Contains(kind));
  }
  const auto replay = Open("replay://" + folder_);
  ASSERT_NE(replay, nullptr);
  EXPECT_EQ(Events(*replay, /*asks=*/false, nullptr, 2000), told);

  // A recording of the replay is the same again.
  const std::string again = folder_ + "-again";
  fs::remove_all(again);
  auto second = Recorder::Start(again);
  ASSERT_TRUE(second.ok());
  const auto replay_again = Open("replay://" + folder_);
  (void)Events(*replay_again, /*asks=*/false, second->get(), 2000);
  (*second)->Finish();
  const auto first_steps = ReadRecording(folder_);
  const auto second_steps = ReadRecording(again);
  ASSERT_TRUE(first_steps.ok() && second_steps.ok());
  ASSERT_EQ(second_steps->size(), first_steps->size());
  for (size_t i = 0; i < first_steps->size(); ++i) {
    EXPECT_EQ((*second_steps)[i].seen_ms, (*first_steps)[i].seen_ms);
    EXPECT_EQ((*second_steps)[i].asked, (*first_steps)[i].asked);
  }
  fs::remove_all(again);
}

TEST_F(RecorderTest, EndsAtItsLimitAndSaysSo) {
  auto recorder = Recorder::Start(folder_, {.max_bytes = 1'000'000});
  ASSERT_TRUE(recorder.ok());
  const auto camera = Open("scene://seed=3&clock=simulated&size=320x240&fps=12");
  (void)Events(*camera, false, recorder->get(), 40);
  (*recorder)->Finish();
  const Status problem = (*recorder)->Problem();
  ASSERT_FALSE(problem.ok());
  EXPECT_EQ(problem.error().code, ErrorCode::kResources);
  EXPECT_THAT(problem.error().message, HasSubstr("limit of 1 MB"));
  // By at most one frame more.
  EXPECT_GE((*recorder)->totals().bytes, 1'000'000);
  EXPECT_LT((*recorder)->totals().bytes, 1'000'000 + 320 * 240 * 3);
  const auto steps = ReadRecording(folder_);
  ASSERT_TRUE(steps.ok());
  EXPECT_EQ(static_cast<int64_t>(steps->size()), (*recorder)->totals().frames);
}

TEST_F(RecorderTest, NeedsRoomOnTheDisk) {
  const auto recorder = Recorder::Start(folder_, {.min_free_bytes = int64_t{1} << 60});
  ASSERT_FALSE(recorder.ok());
  EXPECT_EQ(recorder.error().code, ErrorCode::kResources);
  EXPECT_THAT(recorder.error().message, HasSubstr("free on its disk"));
  EXPECT_FALSE(RecorderOptions{.max_bytes = 5}.Validate().ok());
}

}  // namespace
}  // namespace deixis
