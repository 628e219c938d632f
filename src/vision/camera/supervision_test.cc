#include "vision/camera/supervision.h"

#include <gtest/gtest.h>

namespace deixis::camera {
namespace {

using Action = Supervision::Action;

Error Unplugged() { return {ErrorCode::kDeviceUnavailable, "/dev/video0: unplugged", ""}; }

TEST(Supervision, OpensAtOnceAndReadsUntilTheWatchdog) {
  Supervision supervision;
  EXPECT_EQ(supervision.StateAt(5000), CameraState::kStarting);
  EXPECT_EQ(supervision.Next(5000).action, Action::kOpen);
  supervision.Opened(5000);
  EXPECT_EQ(supervision.StateAt(5000), CameraState::kStarting);
  EXPECT_EQ(supervision.Next(5500).action, Action::kRead);
  EXPECT_EQ(supervision.Next(5500).at_most_ms, 1500);
  supervision.FrameCame(6000);
  EXPECT_EQ(supervision.StateAt(6000), CameraState::kRunning);
  EXPECT_EQ(supervision.ReasonAt(6000), "");
  EXPECT_EQ(supervision.Next(7999).action, Action::kRead);
  EXPECT_EQ(supervision.Next(7999).at_most_ms, 1);
  EXPECT_EQ(supervision.Next(8000).action, Action::kClose);
}

TEST(Supervision, TellsSilenceBeforeTheDeviceThreadDoes) {
  Supervision supervision;
  supervision.Opened(0);
  supervision.FrameCame(100);
  EXPECT_EQ(supervision.StateAt(2099), CameraState::kRunning);
  EXPECT_EQ(supervision.StateAt(2100), CameraState::kNoSignal);
  EXPECT_EQ(supervision.ReasonAt(2100), "no frame for 2 s");
}

TEST(Supervision, AnOpenDeviceThatNeverGivesAFrameIsLostToo) {
  Supervision supervision;
  supervision.Opened(0);
  EXPECT_EQ(supervision.StateAt(1999), CameraState::kStarting);
  EXPECT_EQ(supervision.Next(2000).action, Action::kClose);
  supervision.Closed(2010);
  EXPECT_EQ(supervision.StateAt(2010), CameraState::kNoSignal);
  EXPECT_EQ(supervision.ReasonAt(2010), "no frame for 2 s");
}

TEST(Supervision, DamagedFramesDoNotHoldTheWatchdog) {
  Supervision supervision;
  supervision.Opened(0);
  supervision.FrameCame(10);
  for (int64_t now_ms = 20; now_ms < 2010; now_ms += 10) {
    ASSERT_EQ(supervision.Next(now_ms).action, Action::kRead);
    supervision.FrameDamaged();
  }
  EXPECT_EQ(supervision.Next(2010).action, Action::kClose);
  supervision.Closed(2010);
  EXPECT_EQ(supervision.ReasonAt(2010), "only damaged frames for 2 s");
}

TEST(Supervision, APauseDoublesUpToItsBound) {
  Supervision supervision;
  supervision.Opened(0);
  supervision.FrameCame(10);
  supervision.ReadFailed(Unplugged());
  EXPECT_EQ(supervision.StateAt(10), CameraState::kNoSignal);
  EXPECT_EQ(supervision.ReasonAt(10), "/dev/video0: unplugged");
  EXPECT_EQ(supervision.Next(10).action, Action::kClose);
  int64_t now_ms = 10;
  supervision.Closed(now_ms);
  for (const int64_t pause_ms : {100, 200, 400, 800, 1000, 1000}) {
    ASSERT_EQ(supervision.Next(now_ms).action, Action::kWait);
    ASSERT_EQ(supervision.Next(now_ms).at_most_ms, pause_ms);
    ASSERT_EQ(supervision.Next(now_ms + pause_ms - 1).action, Action::kWait);
    now_ms += pause_ms;
    ASSERT_EQ(supervision.Next(now_ms).action, Action::kOpen);
    supervision.OpenFailed(now_ms, Unplugged());
    ASSERT_EQ(supervision.StateAt(now_ms), CameraState::kNoSignal);
  }
}

TEST(Supervision, OnlyAHealthyWhileMakesThePauseShortAgain) {
  Supervision supervision;
  int64_t now_ms = 0;
  const auto lose_after = [&](int64_t healthy_ms) {
    supervision.Opened(now_ms);
    supervision.FrameCame(now_ms);
    now_ms += healthy_ms;
    supervision.FrameCame(now_ms);
    supervision.ReadFailed(Unplugged());
    supervision.Closed(now_ms);
    const int64_t pause_ms = supervision.Next(now_ms).at_most_ms;
    now_ms += pause_ms;
    return pause_ms;
  };
  EXPECT_EQ(lose_after(10), 100);
  EXPECT_EQ(lose_after(999), 200);
  EXPECT_EQ(lose_after(500), 400);
  EXPECT_EQ(lose_after(1000), 100);
  EXPECT_EQ(supervision.reconnections(), 3);
}

TEST(Supervision, ReopenedButWithoutAFrameThereIsStillNoSignal) {
  Supervision supervision;
  supervision.Opened(0);
  supervision.FrameCame(10);
  supervision.ReadFailed(Unplugged());
  supervision.Closed(20);
  supervision.Opened(120);
  EXPECT_EQ(supervision.StateAt(120), CameraState::kNoSignal);
  EXPECT_EQ(supervision.ReasonAt(120), "/dev/video0: unplugged");
  supervision.FrameCame(150);
  EXPECT_EQ(supervision.StateAt(150), CameraState::kRunning);
  EXPECT_EQ(supervision.reconnections(), 1);
}

TEST(Supervision, ADeviceThatIsNotThereAtFirst) {
  Supervision supervision;
  supervision.OpenFailed(0, Unplugged());
  EXPECT_EQ(supervision.StateAt(0), CameraState::kNoSignal);
  EXPECT_EQ(supervision.ReasonAt(0), "/dev/video0: unplugged");
  supervision.Opened(100);
  supervision.FrameCame(110);
  EXPECT_EQ(supervision.StateAt(110), CameraState::kRunning);
  EXPECT_EQ(supervision.reconnections(), 0);
}

TEST(Supervision, AfterTheEndNothingIsOpened) {
  Supervision supervision;
  supervision.Opened(0);
  supervision.FrameCame(10);
  supervision.Ended();
  EXPECT_EQ(supervision.StateAt(100'000), CameraState::kEnded);
  EXPECT_EQ(supervision.Next(100'000).action, Action::kWait);
}

// A replugged camera is back in well under 3 s wherever in its pause it comes back.
TEST(Supervision, RecoversWithinThreeSecondsOfBeingReplugged) {
  for (int64_t replugged_ms = 0; replugged_ms < 20'000; replugged_ms += 37) {
    Supervision supervision;
    supervision.Opened(0);
    supervision.FrameCame(0);
    supervision.ReadFailed(Unplugged());
    supervision.Closed(0);
    int64_t now_ms = 0;
    for (;;) {
      const Supervision::Step step = supervision.Next(now_ms);
      if (step.action == Action::kWait) {
        now_ms += step.at_most_ms;
      } else if (now_ms >= replugged_ms) {
        break;
      } else {
        supervision.OpenFailed(now_ms, Unplugged());
      }
    }
    EXPECT_LE(now_ms - replugged_ms, 1000);
  }
}

}  // namespace
}  // namespace deixis::camera
