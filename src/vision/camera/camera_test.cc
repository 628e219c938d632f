#include "vision/camera/camera.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "vision/camera/frame_source.h"

namespace deixis {
namespace {

using camera::FrameSource;
using camera::ReadOutcome;
using camera::SourceFrame;
using ::testing::HasSubstr;

class CameraFolder : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(::testing::TempDir()) /
              ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  // A picture whose every value is `value`.
  void Write(const std::string& name, uint8_t value) const {
    const Image image{.height_px = 8, .width_px = 16, .pixels = std::vector(8 * 16 * 3, value)};
    ASSERT_TRUE(WritePng((folder_ / name).string(), image).ok());
  }
  std::string Uri(const std::string& parameters) const {
    return "folder://" + folder_.string() + "?" + parameters;
  }

  std::filesystem::path folder_;
};

TEST_F(CameraFolder, PlaysInTheOrderOfNames) {
  Write("b.png", 20);
  Write("a.png", 10);
  Write("c.PNG", 30);
  std::ofstream(folder_ / "notes.txt") << "no picture";
  const auto camera = OpenCamera(Uri("fps=4&loop=no&clock=simulated"));
  ASSERT_TRUE(camera.ok()) << camera.error().message;
  EXPECT_EQ((*camera)->Latest(), nullptr);
  uint64_t id = 0;
  for (const int value : {10, 20, 30}) {
    const auto frame = (*camera)->WaitForFrame(id, 0);
    ASSERT_NE(frame, nullptr);
    EXPECT_EQ(frame->id, id + 1);
    EXPECT_EQ(frame->captured_ms, static_cast<int64_t>(250 * id));
    EXPECT_EQ((*camera)->NowMs(), frame->captured_ms);
    EXPECT_EQ(frame->image.pixels.front(), value);
    EXPECT_EQ((*camera)->Latest(), frame);
    EXPECT_FALSE(frame->truth);
    id = frame->id;
  }
  EXPECT_EQ((*camera)->WaitForFrame(id, 0), nullptr);
  EXPECT_EQ((*camera)->StatusNow().state, CameraState::kEnded);
  EXPECT_EQ((*camera)->Latest(), nullptr);
}

TEST_F(CameraFolder, LoopsAndPassesDamagedPicturesOver) {
  Write("a.png", 10);
  std::ofstream(folder_ / "b.jpg") << "no picture";
  Write("c.png", 30);
  const auto camera = OpenCamera(Uri("clock=simulated"));
  ASSERT_TRUE(camera.ok());
  uint64_t id = 0;
  for (const int value : {10, 30, 10, 30, 10}) {
    const auto frame = (*camera)->WaitForFrame(id, 0);
    ASSERT_NE(frame, nullptr);
    EXPECT_EQ(frame->image.pixels.front(), value);
    id = frame->id;
  }
  EXPECT_EQ((*camera)->StatusNow().damaged_frames, 2);
  EXPECT_EQ((*camera)->StatusNow().frames, 5);
}

TEST_F(CameraFolder, OfDamagedPicturesOnlyHasNoSignal) {
  std::ofstream(folder_ / "a.jpg") << "no picture";
  std::ofstream(folder_ / "b.jpg") << "no picture";
  const auto camera = OpenCamera(Uri("clock=simulated"));
  ASSERT_TRUE(camera.ok());
  EXPECT_EQ((*camera)->WaitForFrame(0, 0), nullptr);
  EXPECT_EQ((*camera)->StatusNow().state, CameraState::kNoSignal);
  EXPECT_THAT((*camera)->StatusNow().reason, HasSubstr("none of its 2 pictures can be read"));
}

TEST_F(CameraFolder, PlaysInRealTime) {
  Write("a.png", 10);
  Write("b.png", 20);
  const auto camera = OpenCamera(Uri("fps=50"));
  ASSERT_TRUE(camera.ok());
  uint64_t id = 0;
  int64_t last_ms = 0;
  for (int i = 0; i < 6; ++i) {
    const auto frame = (*camera)->WaitForFrame(id, 5000);
    ASSERT_NE(frame, nullptr);
    EXPECT_GT(frame->id, id);
    EXPECT_LE(frame->captured_ms, (*camera)->NowMs());
    if (i > 0) {
      EXPECT_GE(frame->captured_ms - last_ms, 10);
    }
    last_ms = frame->captured_ms;
    id = frame->id;
  }
  const CameraStatus status = (*camera)->StatusNow();
  EXPECT_EQ(status.state, CameraState::kRunning);
  EXPECT_EQ(status.width_px, 16);
  EXPECT_EQ(status.height_px, 8);
  EXPECT_GT(status.fps, 0);
  EXPECT_LE(status.fps, 60);
  ASSERT_TRUE(status.age_ms.has_value());
  EXPECT_GE(*status.age_ms, 0);
}

TEST_F(CameraFolder, ThatIsMissingOrEmptyIsSaidSo) {
  const auto empty = OpenCamera(Uri("fps=2"));
  ASSERT_FALSE(empty.ok());
  EXPECT_EQ(empty.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(empty.error().message, HasSubstr("no .jpg, .png or .webp file"));
  const auto missing = OpenCamera("folder:///no/such/folder");
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
}

TEST(CameraScene, PlaysFasterThanRealTimeWithItsTruth) {
  const auto camera = OpenCamera("scene://seed=2&size=64x48&fps=10&clock=simulated");
  ASSERT_TRUE(camera.ok()) << camera.error().message;
  uint64_t id = 0;
  bool dwelt = false;
  for (int i = 0; i < 100; ++i) {
    const auto frame = (*camera)->WaitForFrame(id, 0);
    ASSERT_NE(frame, nullptr);
    EXPECT_EQ(frame->captured_ms, 100 * i);
    EXPECT_EQ(frame->image.pixels.size(), 64u * 48 * 3);
    ASSERT_TRUE(frame->truth.has_value());
    dwelt = dwelt || frame->truth->phase == PointingPhase::kDwelling;
    id = frame->id;
  }
  EXPECT_TRUE(dwelt);
  // The same frame again while nobody asks for a newer one.
  EXPECT_EQ((*camera)->WaitForFrame(0, 0)->id, id);
}

TEST(CameraScene, RefusesWhatItCannotShow) {
  for (const char* uri : {"scene://labels=unicorn", "scene://size=4x4", "scene://pointing=2",
                          "scene://things=9", "scene://loop=yes", "scene://clock=sundial"}) {
    const auto camera = OpenCamera(uri);
    ASSERT_FALSE(camera.ok()) << uri;
    EXPECT_EQ(camera.error().code, ErrorCode::kUsage) << uri;
  }
}

// A device of which a test decides what it does.
struct Script {
  std::atomic<bool> plugged = true;
  std::atomic<bool> silent = false;
  std::atomic<int> opened = 0;
  std::atomic<int> closed = 0;
};

class ScriptedSource final : public FrameSource {
 public:
  explicit ScriptedSource(Script& script) : script_(script) {}
  Status Open() override {
    if (!script_.plugged) return Error{ErrorCode::kDeviceUnavailable, "it is not there", ""};
    ++script_.opened;
    return Ok();
  }
  Result<ReadOutcome> Read(int64_t timeout_ms, SourceFrame& frame) override {
    std::this_thread::sleep_for(std::chrono::milliseconds(std::min<int64_t>(timeout_ms, 5)));
    if (!script_.plugged) return Error{ErrorCode::kDeviceUnavailable, "it was unplugged", ""};
    if (script_.silent) return ReadOutcome::kNothing;
    frame.captured_ms = camera::SteadyNowMs();
    frame.image = {.height_px = 1, .width_px = 1, .pixels = {1, 2, 3}};
    return ReadOutcome::kFrame;
  }
  void Close() override { ++script_.closed; }
  std::string Device() const override { return "script"; }
  std::string Identity() const override { return "one"; }
  std::string PixelFormat() const override { return "RGB"; }

 private:
  Script& script_;
};

template <typename Condition>
bool HoldsWithin(int64_t limit_ms, const Condition& condition) {
  const int64_t end_ms = camera::SteadyNowMs() + limit_ms;
  while (!condition()) {
    if (camera::SteadyNowMs() > end_ms) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

TEST(ThreadedCamera, ComesBackAfterBeingUnplugged) {
  Script script;
  auto camera = camera::StartCamera(std::make_unique<ScriptedSource>(script), {});
  ASSERT_TRUE(camera.ok());
  const auto before = (*camera)->WaitForFrame(0, 5000);
  ASSERT_NE(before, nullptr);
  script.plugged = false;
  ASSERT_TRUE(
      HoldsWithin(5000, [&] { return (*camera)->StatusNow().state == CameraState::kNoSignal; }));
  EXPECT_EQ((*camera)->Latest(), nullptr);  // a stale frame is no frame
  EXPECT_THAT((*camera)->StatusNow().reason, HasSubstr("it "));
  EXPECT_EQ((*camera)->WaitForFrame(0, 20), nullptr);
  script.plugged = true;
  const auto after = (*camera)->WaitForFrame(before->id, 5000);
  ASSERT_NE(after, nullptr);
  EXPECT_GT(after->id, before->id);
  EXPECT_EQ((*camera)->StatusNow().reconnections, 1);
  EXPECT_EQ((*camera)->StatusNow().reason, "");
  camera->reset();
  EXPECT_GE(script.closed, 2);
}

TEST(ThreadedCamera, ReopensADeviceThatFellSilent) {
  Script script;
  auto camera = camera::StartCamera(std::make_unique<ScriptedSource>(script), {});
  ASSERT_TRUE(camera.ok());
  ASSERT_NE((*camera)->WaitForFrame(0, 5000), nullptr);
  script.silent = true;
  ASSERT_TRUE(HoldsWithin(10'000, [&] { return script.opened >= 2; }));
  EXPECT_EQ((*camera)->StatusNow().reason, "no frame for 2 s");
  script.silent = false;
  EXPECT_NE((*camera)->WaitForFrame(0, 5000), nullptr);
}

TEST(ThreadedCamera, MustOpenUnlessToldOtherwise) {
  Script script;
  script.plugged = false;
  const auto refused = camera::StartCamera(std::make_unique<ScriptedSource>(script), {});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kDeviceUnavailable);
  auto camera = camera::StartCamera(std::make_unique<ScriptedSource>(script), {.must_open = false});
  ASSERT_TRUE(camera.ok());
  EXPECT_EQ((*camera)->WaitForFrame(0, 50), nullptr);
  EXPECT_EQ((*camera)->StatusNow().reason, "it is not there");
  script.plugged = true;
  EXPECT_NE((*camera)->WaitForFrame(0, 5000), nullptr);
  EXPECT_EQ((*camera)->StatusNow().reconnections, 0);
}

TEST(ThreadedCamera, AFrameOutlivesItsCamera) {
  Script script;
  auto camera = camera::StartCamera(std::make_unique<ScriptedSource>(script), {});
  ASSERT_TRUE(camera.ok());
  const auto frame = (*camera)->WaitForFrame(0, 5000);
  ASSERT_NE(frame, nullptr);
  camera->reset();
  EXPECT_EQ(frame->image.pixels[2], 3);
}

}  // namespace
}  // namespace deixis
