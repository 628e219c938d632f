// Recordings: what was written is read again to the bit, and what a killed program leaves is read
// as far as it goes.
#include "vision/camera/recording.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "vision/camera/camera.h"
#include "vision/scene/scene.h"

namespace deixis {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class Recording : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(::testing::TempDir()) /
              ("recording-" +
               std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()));
    fs::remove_all(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  // Pixels that no lossy picture keeps.
  static Frame MakeFrame(uint64_t id, int64_t captured_ms) {
    Frame frame{.id = id,
                .captured_ms = captured_ms,
                .image = {.height_px = 5, .width_px = 7, .pixels = {}}};
    for (uint32_t i = 0; i < 5 * 7 * 3; ++i) {
      frame.image.pixels.push_back(static_cast<uint8_t>((i * 2654435761u + id) >> 24));
    }
    return frame;
  }

  // Three frames, a lack of one, one more.
  void Write() {
    auto writer = RecordingWriter::Create(folder_);
    ASSERT_TRUE(writer.ok()) << writer.error().message;
    ASSERT_TRUE(writer->AddFrame(MakeFrame(1, 10), 30, false).ok());
    Frame made = MakeFrame(4, 110);
    made.truth = SceneTruth{.episode = 3,
                            .label = 2,
                            .phase = PointingPhase::kDwelling,
                            .has_fingertip = true,
                            .fingertip_x_px = 0.1,
                            .fingertip_y_px = 100.0 / 3,
                            .knuckle_x_px = -7.25,
                            .knuckle_y_px = 1e-9,
                            .direction_x = 0.6,
                            .direction_y = -0.8};
    ASSERT_TRUE(writer->AddFrame(made, 130, true).ok());
    ASSERT_TRUE(writer->AddNoSignal(2'400).ok());
    ASSERT_TRUE(writer->AddFrame(MakeFrame(5, 5'000'000'000), 5'000'000'300, false).ok());
    EXPECT_EQ(writer->num_frames(), 3);
    EXPECT_GT(writer->num_bytes(), 3 * 60);
  }

  std::string Table() const {
    std::ostringstream text;
    text << std::ifstream(folder_ / "frames.csv").rdbuf();
    return text.str();
  }
  void SetTable(const std::string& text) const { std::ofstream(folder_ / "frames.csv") << text; }
  std::unique_ptr<Camera> Replay(const std::string& parameters = "") const {
    auto camera = OpenCamera("replay://" + folder_.string() + parameters);
    EXPECT_TRUE(camera.ok()) << camera.error().message;
    return camera.ok() ? *std::move(camera) : nullptr;
  }

  fs::path folder_;
};

TEST_F(Recording, IsReadAsItWasWritten) {
  Write();
  const auto steps = ReadRecording(folder_);
  ASSERT_TRUE(steps.ok()) << steps.error().message;
  ASSERT_EQ(steps->size(), 4u);
  EXPECT_EQ((*steps)[0].id, 1u);
  EXPECT_EQ((*steps)[0].captured_ms, 10);
  EXPECT_EQ((*steps)[0].seen_ms, 30);
  EXPECT_FALSE((*steps)[0].asked);
  EXPECT_FALSE((*steps)[0].truth);
  EXPECT_TRUE((*steps)[1].asked);
  const SceneTruth& truth = *(*steps)[1].truth;
  EXPECT_EQ(truth.episode, 3);
  EXPECT_EQ(truth.label, 2);
  EXPECT_EQ(truth.phase, PointingPhase::kDwelling);
  EXPECT_TRUE(truth.has_fingertip);
  EXPECT_EQ(truth.fingertip_x_px, 0.1);
  EXPECT_EQ(truth.fingertip_y_px, 100.0 / 3);
  EXPECT_EQ(truth.knuckle_x_px, -7.25);
  EXPECT_EQ(truth.knuckle_y_px, 1e-9);
  EXPECT_EQ(truth.direction_x, 0.6);
  EXPECT_EQ(truth.direction_y, -0.8);
  EXPECT_TRUE((*steps)[2].path.empty());
  EXPECT_EQ((*steps)[2].seen_ms, 2'400);
  EXPECT_EQ((*steps)[3].seen_ms, 5'000'000'300);
}

TEST_F(Recording, IsACameraThatShowsTheSameFramesAtTheSameTimes) {
  Write();
  const auto camera = Replay();
  ASSERT_NE(camera, nullptr);
  auto frame = camera->WaitForFrame(0, 0);
  ASSERT_NE(frame, nullptr);
  EXPECT_EQ(frame->image.pixels, MakeFrame(1, 10).image.pixels);
  EXPECT_EQ(camera->NowMs(), 30);
  frame = camera->WaitForFrame(1, 0);
  ASSERT_NE(frame, nullptr);
  EXPECT_EQ(frame->id, 4u);
  EXPECT_TRUE(frame->asked);
  EXPECT_EQ(frame->image.pixels, MakeFrame(4, 110).image.pixels);
  EXPECT_EQ(camera->WaitForFrame(4, 0), nullptr);
  EXPECT_EQ(camera->StatusNow().state, CameraState::kNoSignal);
  EXPECT_EQ(camera->Latest(), nullptr);
  EXPECT_EQ(camera->NowMs(), 2'400);
  frame = camera->WaitForFrame(4, 0);
  ASSERT_NE(frame, nullptr);
  EXPECT_EQ(frame->captured_ms, 5'000'000'000);
  EXPECT_EQ(camera->NowMs(), 5'000'000'300);
  EXPECT_EQ(camera->WaitForFrame(5, 0), nullptr);
  EXPECT_EQ(camera->StatusNow().state, CameraState::kEnded);
}

TEST_F(Recording, TakesItsTimeWhenAskedTo) {
  Write();
  const auto camera = Replay("?clock=steady");
  ASSERT_NE(camera, nullptr);
  ASSERT_NE(camera->WaitForFrame(0, 0), nullptr);
  // The next one is 100 ms away: none within 1 ms, and nothing is lost by asking.
  EXPECT_EQ(camera->WaitForFrame(1, 1), nullptr);
  EXPECT_EQ(camera->StatusNow().state, CameraState::kRunning);
  const auto frame = camera->WaitForFrame(1, 10'000);
  ASSERT_NE(frame, nullptr);
  EXPECT_EQ(frame->id, 4u);
}

TEST_F(Recording, OfAKilledProgramIsReadAsFarAsItGoes) {
  Write();
  const std::string whole = Table();
  // Cut anywhere in its last line.
  for (size_t cut = whole.rfind('\n', whole.size() - 2) + 1; cut < whole.size(); ++cut) {
    SetTable(whole.substr(0, cut));
    const auto steps = ReadRecording(folder_);
    ASSERT_TRUE(steps.ok()) << steps.error().message;
    EXPECT_EQ(steps->size(), 3u) << cut;
  }
  // A power cut can also empty the latest pictures.
  SetTable(whole);
  std::ofstream(folder_ / "00000003.png", std::ios::trunc).close();
  EXPECT_EQ(ReadRecording(folder_)->size(), 3u);
}

TEST_F(Recording, ThatIsDamagedSaysWhere) {
  EXPECT_EQ(ReadRecording(folder_).error().code, ErrorCode::kNotFound);
  Write();
  const std::string whole = Table();
  const auto expect_error = [&](const std::string& says) {
    const auto steps = ReadRecording(folder_);
    ASSERT_FALSE(steps.ok()) << says;
    EXPECT_EQ(steps.error().code, ErrorCode::kInvalidData);
    EXPECT_THAT(steps.error().message, HasSubstr(says));
  };
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string text = whole;
    return text.replace(text.find(from), from.size(), to);
  };
  SetTable(changed("captured_ms", "taken_ms"));
  expect_error("expected the columns of a recording");
  SetTable(changed("00000002.png", "../secret.png"));
  expect_error("line 3: expected a name like 00000001.png");
  SetTable(changed("00000002.png,4", "00000002.png,1"));
  expect_error("line 3: expected an id above 1, found 1");
  SetTable(changed("dwelling", "dreaming"));
  expect_error("line 3: expected what the frame shows");
  SetTable(changed(",2400,", ",soon,"));
  expect_error("line 4: expected a whole number in the column \"seen_ms\"");
  SetTable(whole);
  fs::remove(folder_ / "00000001.png");
  expect_error("00000001.png is missing");
}

TEST_F(Recording, EndsAtAPictureThatCannotBeRead) {
  Write();
  fs::resize_file(folder_ / "00000002.png", 40);
  const auto camera = Replay();
  ASSERT_NE(camera, nullptr);
  ASSERT_NE(camera->WaitForFrame(0, 0), nullptr);
  EXPECT_EQ(camera->WaitForFrame(1, 0), nullptr);
  EXPECT_EQ(camera->StatusNow().state, CameraState::kNoSignal);
  EXPECT_THAT(camera->StatusNow().reason, HasSubstr("00000002.png"));
  EXPECT_EQ(camera->WaitForFrame(1, 0), nullptr);
  EXPECT_EQ(camera->StatusNow().state, CameraState::kEnded);
}

TEST_F(Recording, NeedsAFolderOfItsOwn) {
  Write();
  EXPECT_EQ(RecordingWriter::Create(folder_).error().code, ErrorCode::kUsage);
  EXPECT_EQ(RecordingWriter::Create(folder_ / "a" / "b").error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace deixis
