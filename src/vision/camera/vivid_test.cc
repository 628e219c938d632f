// Cameras on the kernel's own virtual camera (its driver vivid): real ioctls, with faults on
// demand. Skipped where there is none; scripts/test-devices boots a virtual machine that has one.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/videodev2.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "vision/camera/camera.h"
#include "vision/camera/frame_source.h"
#include "vision/camera/v4l2_device.h"
#include "vision/camera/video_nodes.h"

namespace deixis {
namespace {

using camera::SteadyNowMs;
using ::testing::HasSubstr;

std::optional<camera::VideoNode> VividNode() {
  for (const camera::VideoNode& node : camera::ListVideoNodes()) {
    if (node.name.starts_with("vivid") && node.name.ends_with("vid-cap")) return node;
  }
  return std::nullopt;
}

template <typename Condition>
bool HoldsWithin(int64_t limit_ms, const Condition& condition) {
  const int64_t end_ms = SteadyNowMs() + limit_ms;
  while (!condition()) {
    if (SteadyNowMs() > end_ms) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

class Vivid : public ::testing::Test {
 protected:
  void SetUp() override {
    // A test before this one may have left the device coming back.
    if (!std::filesystem::exists("/sys/bus/platform/drivers/vivid")) {
      GTEST_SKIP() << "no virtual camera: the kernel's module vivid is not loaded";
    }
    ASSERT_TRUE(HoldsWithin(5000, [] { return VividNode().has_value(); }));
    node_ = *VividNode();
  }

  // Presses a button or sets a value of the driver, by the name that it shows.
  void Control(const std::string& name, int value = 1) const {
    const int descriptor = open(node_.path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
    ASSERT_GE(descriptor, 0);
    v4l2_queryctrl query;
    std::memset(&query, 0, sizeof(query));
    query.id = V4L2_CTRL_FLAG_NEXT_CTRL;
    bool found = false;
    for (; ioctl(descriptor, VIDIOC_QUERYCTRL, &query) == 0; query.id |= V4L2_CTRL_FLAG_NEXT_CTRL) {
      if (name != reinterpret_cast<const char*>(query.name)) continue;
      v4l2_control control{.id = query.id, .value = value};
      EXPECT_EQ(ioctl(descriptor, VIDIOC_S_CTRL, &control), 0) << std::strerror(errno);
      found = true;
      break;
    }
    close(descriptor);
    ASSERT_TRUE(found) << "the driver has no control \"" << name << "\"";
  }

  std::unique_ptr<Camera> Opened(const std::string& parameters = "") const {
    auto camera = OpenCamera("v4l2://" + node_.path + parameters);
    EXPECT_TRUE(camera.ok()) << camera.error().message;
    return camera.ok() ? *std::move(camera) : nullptr;
  }

  camera::VideoNode node_;
};

TEST_F(Vivid, GivesFramesOneAfterTheOther) {
  const auto camera = Opened();
  ASSERT_NE(camera, nullptr);
  uint64_t id = 0;
  int64_t last_ms = 0;
  for (int i = 0; i < 20; ++i) {
    const auto frame = camera->WaitForFrame(id, 5000);
    ASSERT_NE(frame, nullptr) << camera->StatusNow().reason;
    EXPECT_GT(frame->id, id);
    EXPECT_GT(frame->captured_ms, last_ms);
    EXPECT_LE(frame->captured_ms, camera->NowMs());
    EXPECT_EQ(frame->image.width_px, 640);
    EXPECT_EQ(frame->image.height_px, 480);
    EXPECT_EQ(frame->image.pixels.size(), 640u * 480 * 3);
    id = frame->id;
    last_ms = frame->captured_ms;
  }
  const CameraStatus status = camera->StatusNow();
  EXPECT_EQ(status.state, CameraState::kRunning);
  EXPECT_EQ(status.pixel_format, "YUYV");
  EXPECT_EQ(status.device, node_.path);
  EXPECT_THAT(status.identity, HasSubstr("vivid"));
  EXPECT_EQ(status.damaged_frames, 0);
  EXPECT_GT(status.fps, 1);
  std::cout << "fps " << status.fps << ", age of the latest frame " << *status.age_ms << " ms\n";
}

TEST_F(Vivid, ShowsTheColoursThatTheDriverPaints) {
  const auto mean_of = [](const Image& image) {
    std::array<double, 3> sum = {};
    for (size_t i = 0; i < image.pixels.size(); ++i) sum[i % 3] += image.pixels[i];
    for (double& value : sum) value /= static_cast<double>(image.pixels.size()) / 3;
    return sum;
  };
  Control("OSD Text Mode", 2);  // none
  const std::pair<int, std::array<double, 3>> kPatterns[] = {
      {7, {255, 0, 0}}, {8, {0, 255, 0}}, {9, {0, 0, 255}}};
  for (const auto& [pattern, colour] : kPatterns) {
    Control("Test Pattern", pattern);
    const auto camera = Opened();
    ASSERT_NE(camera, nullptr);
    const auto frame = camera->WaitForFrame(0, 5000);
    ASSERT_NE(frame, nullptr);
    const auto mean = mean_of(frame->image);
    for (size_t c = 0; c < 3; ++c) EXPECT_NEAR(mean[c], colour[c], 30) << pattern << " " << c;
  }
  Control("Test Pattern", 0);
  Control("OSD Text Mode", 0);
}

TEST_F(Vivid, TakesTheSizeAndRateAskedFor) {
  const auto camera = Opened("?size=1280x720&fps=10");
  ASSERT_NE(camera, nullptr);
  uint64_t id = 0;
  for (int i = 0; i < 8; ++i) {
    const auto frame = camera->WaitForFrame(id, 5000);
    ASSERT_NE(frame, nullptr);
    EXPECT_EQ(frame->image.width_px, 1280);
    EXPECT_EQ(frame->image.height_px, 720);
    id = frame->id;
  }
  EXPECT_LE(camera->StatusNow().fps, 11);
}

TEST_F(Vivid, ASecondUserIsToldWhoHoldsIt) {
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    auto device = camera::V4l2Device::Open(node_.path);
    const bool streams =
        device.ok() && device->Start(*camera::ChooseMode(device->Modes(), {}), 30).ok();
    (void)!write(ready[1], streams ? "y" : "n", 1);
    for (;;) pause();
  }
  char answer = 0;
  ASSERT_EQ(read(ready[0], &answer, 1), 1);
  EXPECT_EQ(answer, 'y');
  const auto second = OpenCamera("v4l2://" + node_.path);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  close(ready[0]);
  close(ready[1]);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, ErrorCode::kBusy);
  EXPECT_THAT(second.error().message, HasSubstr("in use by"));
  EXPECT_THAT(second.error().message, HasSubstr("(process " + std::to_string(child) + ")"));
}

// After which it gives frames again without being asked to.
class VividFault : public Vivid {
 protected:
  void ExpectRecoveryFrom(const std::string& control) {
    const auto camera = Opened();
    ASSERT_NE(camera, nullptr);
    const auto before = camera->WaitForFrame(0, 5000);
    ASSERT_NE(before, nullptr);
    const int64_t start_ms = SteadyNowMs();
    Control(control);
    ASSERT_TRUE(HoldsWithin(5000, [&] { return camera->StatusNow().reconnections == 1; }))
        << CameraStateName(camera->StatusNow().state) << ": " << camera->StatusNow().reason;
    const auto after = camera->WaitForFrame(before->id + 1, 5000);
    ASSERT_NE(after, nullptr);
    EXPECT_GT(after->captured_ms, start_ms - 1000);
    EXPECT_LT(SteadyNowMs() - start_ms, 3000);
    EXPECT_EQ(camera->StatusNow().state, CameraState::kRunning);
  }
};

TEST_F(VividFault, Disconnect) { ExpectRecoveryFrom("Disconnect"); }
TEST_F(VividFault, StreamingError) { ExpectRecoveryFrom("Inject Fatal Streaming Error"); }

TEST_F(VividFault, ADamagedBufferIsPassedOver) {
  const auto camera = Opened();
  ASSERT_NE(camera, nullptr);
  ASSERT_NE(camera->WaitForFrame(0, 5000), nullptr);
  Control("Inject V4L2_BUF_FLAG_ERROR");
  ASSERT_TRUE(HoldsWithin(5000, [&] { return camera->StatusNow().damaged_frames >= 1; }));
  const int64_t now_ms = SteadyNowMs();
  ASSERT_TRUE(HoldsWithin(5000, [&] {
    const auto frame = camera->Latest();
    return frame && frame->captured_ms > now_ms;
  }));
  EXPECT_EQ(camera->StatusNow().reconnections, 0);
}

TEST_F(VividFault, TheDriversClockMayBeWrong) {
  Control("Wrap Timestamp", 1);
  const auto camera = Opened();
  ASSERT_NE(camera, nullptr);
  uint64_t id = 0;
  for (int i = 0; i < 10; ++i) {
    const auto frame = camera->WaitForFrame(id, 5000);
    ASSERT_NE(frame, nullptr);
    EXPECT_GE(camera->NowMs(), frame->captured_ms);
    EXPECT_LT(camera->NowMs() - frame->captured_ms, 1000);
    id = frame->id;
  }
  Control("Wrap Timestamp", 0);
}

// The driver is taken off its device and put back, as a cable would be: the node goes and comes
// back, under another number while somebody holds the old one.
TEST_F(VividFault, UnplugAndReplug) {
  const char* cycles_text = std::getenv("DEIXIS_REPLUG_CYCLES");
  const int cycles = cycles_text == nullptr ? 3 : std::atoi(cycles_text);
  const auto tell_driver = [](const std::string& what) {
    std::ofstream file("/sys/bus/platform/drivers/vivid/" + what);
    file << "vivid.0" << std::flush;
    return file.good();
  };
  const auto camera = Opened();
  ASSERT_NE(camera, nullptr);
  uint64_t id = 0;
  int64_t slowest_ms = 0;
  for (int cycle = 0; cycle < cycles; ++cycle) {
    const auto frame = camera->WaitForFrame(id, 5000);
    ASSERT_NE(frame, nullptr) << "cycle " << cycle;
    ASSERT_TRUE(tell_driver("unbind")) << "only root may";
    ASSERT_TRUE(
        HoldsWithin(5000, [&] { return camera->StatusNow().state == CameraState::kNoSignal; }));
    EXPECT_EQ(camera->Latest(), nullptr);
    EXPECT_NE(camera->StatusNow().reason, "");
    std::this_thread::sleep_for(std::chrono::milliseconds(37 * (cycle % 10)));
    id = static_cast<uint64_t>(camera->StatusNow().frames);  // the latest, now that none comes
    ASSERT_TRUE(tell_driver("bind"));
    const int64_t start_ms = SteadyNowMs();
    const auto back = camera->WaitForFrame(id, 5000);
    ASSERT_NE(back, nullptr) << "cycle " << cycle << ": " << camera->StatusNow().reason;
    slowest_ms = std::max(slowest_ms, SteadyNowMs() - start_ms);
    id = back->id;
  }
  EXPECT_LT(slowest_ms, 3000);
  EXPECT_EQ(camera->StatusNow().reconnections, cycles);
  std::cout << cycles << " cycles, the slowest recovery " << slowest_ms << " ms\n";
}

}  // namespace
}  // namespace deixis
