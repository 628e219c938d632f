// The program's pictures as a camera and as a player.
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "vision/camera/video_program.h"

namespace deixis::camera {
namespace {

// A stream begins with its next whole picture, which may be seconds away.
constexpr int64_t kFirstPictureMs = 10'000;
// What a program that has closed its output needs to end.
constexpr int64_t kEndMs = 2000;

std::string WithoutSecrets(std::string text,
                           const std::vector<std::pair<std::string, std::string>>& secrets) {
  for (const auto& [secret, instead] : secrets) {
    for (size_t at = text.find(secret); at != std::string::npos;
         at = text.find(secret, at + instead.size())) {
      text.replace(at, secret.size(), instead);
    }
  }
  return text;
}

// Programs say last what they ended of.
std::string LastLine(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  const size_t newline = text.rfind('\n');
  return std::string(
      text.substr(newline == std::string_view::npos ? 0 : newline + 1).substr(0, 300));
}

class VideoFrames final : public FrameSource {
 public:
  explicit VideoFrames(VideoProgram program) : program_(std::move(program)) {}

  Status Open() override {
    Close();
    DEIXIS_ASSIGN(VideoChild child, VideoChild::Start(program_));
    child_.emplace(std::move(child));
    const int64_t deadline_ms = SteadyNowMs() + kFirstPictureMs;
    while (SteadyNowMs() < deadline_ms && !is_cancelled_) {
      Image image;
      DEIXIS_ASSIGN(const ReadOutcome outcome, child_->Next(kGlanceMs, image));
      if (outcome == ReadOutcome::kEnded) return NoPicture("it ended without a picture");
      if (outcome != ReadOutcome::kFrame) continue;
      first_ = std::move(image);
      return Ok();
    }
    return NoPicture("no picture within " + std::to_string(kFirstPictureMs / 1000) + " s");
  }

  Result<ReadOutcome> Read(int64_t timeout_ms, SourceFrame& frame) override {
    const int64_t begin_ms = SteadyNowMs();
    if (first_) {
      frame.image = *std::exchange(first_, std::nullopt);
      frame.captured_ms = begin_ms;
      return ReadOutcome::kFrame;
    }
    // Of pictures that have piled up the last one is wanted.
    bool has_frame = false;
    while (!has_frame || SteadyNowMs() - begin_ms < kCatchUpMs) {
      Image image;
      const auto outcome = child_->Next(has_frame ? 0 : timeout_ms, image);
      if (!outcome.ok() || *outcome != ReadOutcome::kFrame) {
        if (has_frame) break;  // what is wrong will be found again
        DEIXIS_RETURN_IF_ERROR(outcome);
        if (*outcome == ReadOutcome::kEnded) return NoPicture("the stream has ended");
        return *outcome;
      }
      frame.image = std::move(image);
      frame.captured_ms = SteadyNowMs();
      has_frame = true;
    }
    return ReadOutcome::kFrame;
  }

  void Close() override {
    child_.reset();
    first_.reset();
  }
  void Cancel() override { is_cancelled_ = true; }

  std::string Device() const override { return program_.name; }
  std::string Identity() const override { return program_.name; }
  std::string PixelFormat() const override { return program_.pixel_format; }

 private:
  Error NoPicture(const std::string& what) const {
    return Error{ErrorCode::kDeviceUnavailable, program_.name + ": " + what,
                 "see whether another program on this machine can play it"};
  }

  VideoProgram program_;
  std::atomic<bool> is_cancelled_ = false;
  std::optional<VideoChild> child_;
  std::optional<Image> first_;
};

class File final : public Player {
 public:
  File(VideoProgram program, double fps, VideoChild child, Image first)
      : program_(std::move(program)), fps_(fps), first_(std::move(first)) {
    child_.emplace(std::move(child));
  }

  double fps() const override { return fps_; }
  std::string Name() const override { return program_.name; }

  Result<ReadOutcome> Play(int64_t /*index*/, int64_t time_ms, SourceFrame& frame) override {
    // A late reader misses frames, as it would of a device.
    const auto wanted = static_cast<int64_t>(static_cast<double>(time_ms) * fps_ / 1000 + 0.5);
    ReadOutcome outcome = ReadOutcome::kFrame;
    if (first_) {
      frame.image = *std::exchange(first_, std::nullopt);
      ++played_;
      if (played_ > wanted) return outcome;
    }
    do {
      if (!child_) {
        DEIXIS_ASSIGN(VideoChild child, VideoChild::Start(program_));
        child_.emplace(std::move(child));
      }
      auto next = child_->Next(kFirstPictureMs, frame.image);
      if (next.ok() && *next == ReadOutcome::kNothing) {
        next = Error{ErrorCode::kDeviceUnavailable, program_.name + ": ffmpeg stands still",
                     "see whether the disk can be read"};
      }
      if (!next.ok()) {
        child_.reset();  // from the beginning, next time
        return std::move(next).error();
      }
      outcome = *next;
      ++played_;
    } while (outcome == ReadOutcome::kFrame && played_ <= wanted);
    return outcome;
  }

 private:
  VideoProgram program_;
  double fps_;
  std::optional<Image> first_;
  std::optional<VideoChild> child_;
  int64_t played_ = 0;
};

}  // namespace

Result<VideoChild> VideoChild::Start(const VideoProgram& program) {
  auto child = ChildProcess::Start(program.arguments);
  if (child.ok()) return VideoChild(program, *std::move(child));
  Error error = std::move(child).error();
  if (error.code == ErrorCode::kNotFound) {
    error =
        Error{ErrorCode::kDeviceUnavailable,
              program.name + ": needs the program " + program.arguments[0] + ", which is not there",
              program.missing_remedy};
  }
  return error;
}

Result<ReadOutcome> VideoChild::Next(int64_t timeout_ms, Image& image) {
  const int64_t deadline_ms = SteadyNowMs() + timeout_ms;
  for (;;) {
    auto picture = pictures_.Take();
    if (!picture.ok()) return std::move(picture).error().WithContext(program_.name);
    if (*picture) {
      image = *std::move(*picture);
      return ReadOutcome::kFrame;
    }
    const int64_t left_ms = std::max<int64_t>(deadline_ms - SteadyNowMs(), 0);
    DEIXIS_ASSIGN(const auto reading, child_.Read(pictures_.bytes(), left_ms));
    if (reading == ChildProcess::Reading::kEnd) return Ended();
    if (reading == ChildProcess::Reading::kNothing) return ReadOutcome::kNothing;
  }
}

Result<ReadOutcome> VideoChild::Ended() {
  const std::optional<int> status = child_.Wait(kEndMs);
  const std::string complaint = LastLine(WithoutSecrets(child_.stderr_text(), program_.secrets));
  if (status == 0) return ReadOutcome::kEnded;
  const std::string what = !complaint.empty() ? complaint
                           : status           ? "ended with " + std::to_string(*status)
                                              : "does not end";
  const auto says = [&](std::string_view words) {
    return complaint.find(words) != std::string::npos;
  };
  ErrorCode code = ErrorCode::kDeviceUnavailable;
  std::string remedy = "see whether another program on this machine can play it";
  if (says("401") || says("403")) {
    code = ErrorCode::kAuthentication;
    remedy = "put the name and password into the address: " +
             std::string("SCHEME://NAME:PASSWORD@HOST/...");
  } else if (says("Invalid data found") || says("matches no streams")) {
    code = ErrorCode::kInvalidData;
  }
  return Error{code, program_.name + ": " + program_.arguments[0] + ": " + what, std::move(remedy)};
}

std::unique_ptr<FrameSource> VideoSource(VideoProgram program) {
  return std::make_unique<VideoFrames>(std::move(program));
}

Result<std::unique_ptr<Player>> VideoFilePlayer(const CameraUri& uri, ParameterReader& parameters) {
  const double fps = parameters.Number("fps", 30, {.least = 0.1, .most = 240});
  const bool loops = parameters.Choice("loop", {"no", "yes"}) == "yes";
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(uri.place, ignored)) {
    return NotFound("camera \"" + uri.text + "\": there is no file " + uri.place);
  }
  VideoProgram program = FileProgram(uri, fps, loops);
  DEIXIS_ASSIGN(VideoChild child, VideoChild::Start(program));
  Image first;
  DEIXIS_ASSIGN(const ReadOutcome outcome, child.Next(kFirstPictureMs, first));
  if (outcome != ReadOutcome::kFrame) {
    return InvalidData(program.name + ": ffmpeg finds no picture in it");
  }
  return std::unique_ptr<Player>(
      std::make_unique<File>(std::move(program), fps, std::move(child), std::move(first)));
}

}  // namespace deixis::camera
