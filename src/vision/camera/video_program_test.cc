// Video through other programs: a file that ffmpeg made, a test picture of GStreamer, and scripts
// that misbehave in their place.
#include "vision/camera/video_program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>

#include "vision/camera/camera.h"

namespace deixis::camera {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

bool HasProgram(const std::string& name, const std::string& version_flag) {
  const auto run = RunChild({name, version_flag}, "");
  return run.ok() && run->exit_status == 0;
}

// A second of 64x48 pixels at 10 frames a second.
class VideoFile : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!HasProgram("ffmpeg", "-version")) GTEST_SKIP() << "ffmpeg is not installed";
    folder_ =
        std::filesystem::path(::testing::TempDir()) /
        ("deixis-" + std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()));
    std::filesystem::create_directories(folder_);
    path_ = (folder_ / "-a b.mp4").string();
    const auto made =
        RunChild({"ffmpeg", "-nostdin", "-loglevel", "error", "-y", "-f", "lavfi", "-i",
                  "testsrc=size=64x48:rate=10", "-t", "1", "-c:v", "mpeg4", "file:" + path_},
                 "");
    ASSERT_TRUE(made.ok());
    ASSERT_EQ(made->exit_status, 0) << made->stderr_text;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path folder_;
  std::string path_;
};

TEST_F(VideoFile, PlaysToItsEndInSimulatedTime) {
  const auto camera = OpenCamera("file://" + path_ + "?fps=10&clock=simulated");
  ASSERT_TRUE(camera.ok()) << camera.error().message;
  uint64_t id = 0;
  std::vector<uint8_t> first;
  while (const auto frame = (*camera)->WaitForFrame(id, 0)) {
    EXPECT_EQ(frame->id, id + 1);
    EXPECT_EQ(frame->captured_ms, static_cast<int64_t>(100 * id));
    EXPECT_EQ(frame->image.width_px, 64);
    EXPECT_EQ(frame->image.height_px, 48);
    if (id == 0) first = frame->image.pixels;
    if (id == 9) {
      EXPECT_NE(frame->image.pixels, first) << "the picture moves";
    }
    id = frame->id;
  }
  EXPECT_EQ(id, 10u);
  EXPECT_EQ((*camera)->StatusNow().state, CameraState::kEnded);
}

TEST_F(VideoFile, PlaysAgainAndAgain) {
  const auto camera = OpenCamera("file://" + path_ + "?fps=5&loop=yes&clock=simulated");
  ASSERT_TRUE(camera.ok());
  uint64_t id = 0;
  for (int i = 0; i < 23; ++i) {
    const auto frame = (*camera)->WaitForFrame(id, 0);
    ASSERT_NE(frame, nullptr);
    id = frame->id;
  }
}

TEST_F(VideoFile, PlaysInRealTime) {
  const auto camera = OpenCamera("file://" + path_ + "?fps=25");
  ASSERT_TRUE(camera.ok());
  uint64_t id = 0;
  int64_t first_ms = -1;
  int64_t last_ms = 0;
  while (const auto frame = (*camera)->WaitForFrame(id, 5000)) {
    if (first_ms < 0) first_ms = frame->captured_ms;
    last_ms = frame->captured_ms;
    id = frame->id;
  }
  EXPECT_EQ((*camera)->StatusNow().state, CameraState::kEnded);
  EXPECT_GE(id, 2u);
  EXPECT_LE(id, 26u);
  EXPECT_GE(last_ms - first_ms, 700);
}

TEST_F(VideoFile, ThatIsMissingOrNoVideoIsSaidSo) {
  EXPECT_EQ(OpenCamera("file://" + path_ + ".no").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(OpenCamera("file://" + folder_.string()).error().code, ErrorCode::kNotFound);
  const std::string text = (folder_ / "a.mp4").string();
  std::ofstream(text) << "no video";
  const auto damaged = OpenCamera("file://" + text);
  ASSERT_FALSE(damaged.ok());
  EXPECT_EQ(damaged.error().code, ErrorCode::kInvalidData);
  EXPECT_THAT(damaged.error().message, HasSubstr("Invalid data found"));
  // A list of other places is no video.
  std::ofstream(text) << "#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n";
  EXPECT_FALSE(OpenCamera("file://" + text).ok());
}

// A program that does what a script says.
VideoProgram Shell(const std::string& script) {
  return {.arguments = {"sh", "-c", script},
          .name = "rtsp://***@cam/live",
          .pixel_format = "FFmpeg",
          .missing_remedy = "install it",
          .secrets = {{"rtsp://bob:sesame@cam/live", "rtsp://***@cam/live"}, {"sesame", "***"}}};
}

constexpr char kPicture[] = "printf 'P6\\n1 1\\n255\\nabc'; ";

TEST(VideoSource, GivesPicturesAndSaysWhyThereAreNoMore) {
  const auto source = VideoSource(Shell(
      std::string(kPicture) +
      "sleep 0.2; printf 'P6 1 1 255 def'; echo 'rtsp://bob:sesame@cam/live: sesame was wrong' >&2;"
      "exit 3"));
  ASSERT_TRUE(source->Open().ok());
  SourceFrame frame;
  ASSERT_EQ(*source->Read(5000, frame), ReadOutcome::kFrame);
  EXPECT_EQ(frame.image.pixels[0], 'a');
  EXPECT_GE(SteadyNowMs(), frame.captured_ms);
  ASSERT_EQ(*source->Read(5000, frame), ReadOutcome::kFrame);
  EXPECT_EQ(frame.image.pixels[0], 'd');
  const auto end = source->Read(5000, frame);
  ASSERT_FALSE(end.ok());
  EXPECT_EQ(end.error().code, ErrorCode::kDeviceUnavailable);
  EXPECT_EQ(end.error().message, "rtsp://***@cam/live: sh: rtsp://***@cam/live: *** was wrong");
}

TEST(VideoSource, NamesWhatWentWrong) {
  const auto code = [](const std::string& script) {
    const auto status = VideoSource(Shell(script))->Open();
    EXPECT_FALSE(status.ok()) << script;
    return status.error().code;
  };
  EXPECT_EQ(code("echo '401 Unauthorized' >&2; exit 1"), ErrorCode::kAuthentication);
  EXPECT_EQ(code("echo 'Invalid data found' >&2; exit 1"), ErrorCode::kInvalidData);
  EXPECT_EQ(code("exit 1"), ErrorCode::kDeviceUnavailable);
  EXPECT_EQ(code("exit 0"), ErrorCode::kDeviceUnavailable);
  EXPECT_EQ(code("kill -9 $$"), ErrorCode::kDeviceUnavailable);
  EXPECT_EQ(code("echo hello"), ErrorCode::kInvalidData);
  VideoProgram missing = Shell("");
  missing.arguments = {"no-such-program"};
  const auto status = VideoSource(missing)->Open();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kDeviceUnavailable);
  EXPECT_THAT(status.error().message, HasSubstr("no-such-program, which is not there"));
  EXPECT_EQ(status.error().remedy, "install it");
}

// A stream that stands still is ended, with its program, and started anew.
TEST(VideoSource, IsStartedAnewByTheWatchdog) {
  const std::string counter = ::testing::TempDir() + "deixis-starts";
  std::filesystem::remove(counter);
  auto camera = StartCamera(
      VideoSource(Shell("echo x >> " + counter + "; " + kPicture + "[ $(wc -l < " + counter +
                        ") -gt 1 ] && while sleep 0.05; do " + kPicture + "done; sleep 60")),
      {});
  ASSERT_TRUE(camera.ok());
  uint64_t id = 0;
  for (int i = 0; i < 1000 && id < 5; ++i) {
    const auto frame = (*camera)->WaitForFrame(id, 100);
    if (frame) id = frame->id;
  }
  EXPECT_GE(id, 5u);
  EXPECT_EQ((*camera)->StatusNow().reconnections, 1);
  camera->reset();
  std::filesystem::remove(counter);
}

TEST(VideoPrograms, TakeNoWordForAnOption) {
  const auto uri =
      ParseCameraUri("rtsp://bob:sesame@cam/live?token=1#transport=udp&height=481&fps=5");
  ASSERT_TRUE(uri.ok());
  EXPECT_EQ(uri->text, "rtsp://***@cam/live?***#transport=udp&height=481&fps=5");
  ParameterReader parameters(*uri);
  const auto program = StreamProgram(*uri, parameters);
  ASSERT_TRUE(program.ok()) << program.error().message;
  EXPECT_THAT(program->arguments, Contains("rtsp://bob:sesame@cam/live?token=1"));
  EXPECT_THAT(program->arguments, Contains("udp"));
  EXPECT_THAT(program->arguments, Contains("fps=5,scale=-2:482"));
  EXPECT_THAT(program->name, Not(HasSubstr("sesame")));
  const auto file = ParseCameraUri("file://-i");
  ASSERT_TRUE(file.ok());
  EXPECT_THAT(FileProgram(*file, 30, false).arguments, Contains("file:-i"));
  for (const char* wrong : {"csi://0 ! filesink", "csi://0?size=642x480", "csi://0?source=other",
                            "rtsp://cam/a#with=ffmpeg", "rtsp://cam/a#transport=http"}) {
    const auto camera = OpenCamera(wrong);
    ASSERT_FALSE(camera.ok()) << wrong;
    EXPECT_EQ(camera.error().code, ErrorCode::kUsage) << wrong;
  }
}

TEST(CsiCamera, GivesGStreamersTestPicture) {
  if (!HasProgram("gst-launch-1.0", "--version")) GTEST_SKIP() << "GStreamer is not installed";
  const auto camera = OpenCamera("csi://0?source=test&size=160x120&fps=20");
  ASSERT_TRUE(camera.ok()) << camera.error().message;
  const auto frame = (*camera)->WaitForFrame(2, 5000);
  ASSERT_NE(frame, nullptr);
  EXPECT_EQ(frame->image.width_px, 160);
  EXPECT_EQ(frame->image.height_px, 120);
  // Its first bar is white.
  EXPECT_GT(frame->image.pixels[0], 150);
  EXPECT_EQ((*camera)->StatusNow().pixel_format, "GStreamer");
}

}  // namespace
}  // namespace deixis::camera
