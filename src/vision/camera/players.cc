// The two ways to show a player: paced by the steady clock, as a device would, or step by step in
// simulated time.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <mutex>
#include <thread>
#include <utility>

#include "vision/camera/frame_source.h"

namespace deixis::camera {
namespace {

class Paced final : public FrameSource {
 public:
  explicit Paced(std::unique_ptr<Player> player) : player_(std::move(player)) {}

  Status Open() override {
    if (start_ms_ < 0) start_ms_ = SteadyNowMs();
    return Ok();
  }

  Result<ReadOutcome> Read(int64_t timeout_ms, SourceFrame& frame) override {
    const auto elapsed_ms = static_cast<double>(SteadyNowMs() - start_ms_);
    const double wait_ms = due_ms_ - elapsed_ms;
    if (wait_ms > 0) {
      const int64_t pause_ms = std::min(timeout_ms, static_cast<int64_t>(std::ceil(wait_ms)));
      std::this_thread::sleep_for(std::chrono::milliseconds(pause_ms));
      if (static_cast<double>(pause_ms) < wait_ms) return ReadOutcome::kNothing;
    }
    const int64_t now_ms = SteadyNowMs();
    // Late frames are not made up for: what is missed stays missed, and two never come at once.
    const auto time_ms = static_cast<double>(now_ms - start_ms_);
    const double interval_ms = 1000 / player_->fps();
    due_ms_ = std::max(due_ms_ + interval_ms, time_ms + interval_ms / 2);
    frame.captured_ms = now_ms;
    return player_->Play(index_++, now_ms - start_ms_, frame);
  }

  void Close() override {}
  std::string Device() const override { return player_->Name(); }
  std::string Identity() const override { return {}; }
  std::string PixelFormat() const override { return "RGB"; }

 private:
  std::unique_ptr<Player> player_;
  int64_t start_ms_ = -1;
  double due_ms_ = 0;  // after the start
  int64_t index_ = 0;
};

class Stepped final : public Camera {
 public:
  explicit Stepped(std::unique_ptr<Player> player) : player_(std::move(player)) {
    status_.device = player_->Name();
    status_.pixel_format = "RGB";
  }

  std::shared_ptr<const Frame> Latest() override {
    const std::lock_guard lock(mutex_);
    return latest_;
  }

  std::shared_ptr<const Frame> WaitForFrame(uint64_t after_id, int64_t /*timeout_ms*/) override {
    const std::lock_guard lock(mutex_);
    while (status_.state != CameraState::kEnded && status_.state != CameraState::kNoSignal) {
      if (latest_ && latest_->id > after_id) return latest_;
      Step();
    }
    return nullptr;
  }

  int64_t NowMs() const override {
    const std::lock_guard lock(mutex_);
    return now_ms_;
  }

  CameraStatus StatusNow() const override {
    const std::lock_guard lock(mutex_);
    CameraStatus status = status_;
    if (latest_) status.age_ms = now_ms_ - latest_->captured_ms;
    return status;
  }

 private:
  void Step() {
    now_ms_ = std::llround(static_cast<double>(index_) * 1000 / player_->fps());
    SourceFrame made{.captured_ms = now_ms_};
    const Result<ReadOutcome> outcome = player_->Play(index_++, now_ms_, made);
    if (!outcome.ok()) {
      status_.state = CameraState::kNoSignal;
      status_.reason = outcome.error().message;
      latest_ = nullptr;
    } else if (*outcome == ReadOutcome::kEnded) {
      status_.state = CameraState::kEnded;
      latest_ = nullptr;
    } else if (*outcome == ReadOutcome::kDamaged) {
      ++status_.damaged_frames;
    } else {
      status_.state = CameraState::kRunning;
      status_.fps = player_->fps();
      status_.height_px = made.image.height_px;
      status_.width_px = made.image.width_px;
      latest_ = std::make_shared<const Frame>(Frame{.id = static_cast<uint64_t>(++status_.frames),
                                                    .captured_ms = now_ms_,
                                                    .image = std::move(made.image),
                                                    .truth = std::move(made.truth)});
    }
  }

  mutable std::mutex mutex_;
  std::unique_ptr<Player> player_;
  int64_t index_ = 0;
  int64_t now_ms_ = 0;
  CameraStatus status_;
  std::shared_ptr<const Frame> latest_;
};

}  // namespace

std::unique_ptr<FrameSource> PacedSource(std::unique_ptr<Player> player) {
  return std::make_unique<Paced>(std::move(player));
}

std::unique_ptr<Camera> SteppedCamera(std::unique_ptr<Player> player) {
  return std::make_unique<Stepped>(std::move(player));
}

}  // namespace deixis::camera
