#include "vision/camera/replay_camera.h"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "vision/camera/frame_source.h"
#include "vision/camera/recording.h"

namespace deixis::camera {
namespace {

class Replay final : public Camera {
 public:
  Replay(const std::string& folder, std::vector<RecordedStep> steps, bool is_paced)
      : steps_(std::move(steps)), is_paced_(is_paced) {
    status_.device = "recording " + folder;
    status_.pixel_format = "RGB";
    if (!steps_.empty()) now_ms_ = steps_.front().seen_ms;
  }

  std::shared_ptr<const Frame> Latest() override {
    const std::lock_guard lock(mutex_);
    return latest_;
  }

  std::shared_ptr<const Frame> WaitForFrame(uint64_t after_id, int64_t timeout_ms) override {
    const std::lock_guard one_at_a_time(play_mutex_);
    {
      const std::lock_guard lock(mutex_);
      if (latest_ && latest_->id > after_id) return latest_;
    }
    if (next_ == steps_.size()) {
      Show(CameraState::kEnded, {}, nullptr);
      return nullptr;
    }
    if (is_paced_ && !WaitUntilDue(steps_[next_].seen_ms, timeout_ms)) return nullptr;
    return Take(steps_[next_++]);
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
  // False when the time given is over before.
  bool WaitUntilDue(int64_t seen_ms, int64_t timeout_ms) {
    const int64_t steady_ms = SteadyNowMs();
    if (!ahead_ms_) ahead_ms_ = steady_ms - seen_ms;
    const int64_t wait_ms = seen_ms + *ahead_ms_ - steady_ms;
    std::this_thread::sleep_for(
        std::chrono::milliseconds(std::clamp(wait_ms, int64_t{0}, timeout_ms)));
    return wait_ms <= timeout_ms;
  }

  std::shared_ptr<const Frame> Take(const RecordedStep& step) {
    if (step.path.empty()) {
      Show(CameraState::kNoSignal, "none when it was recorded", nullptr, step.seen_ms);
      return nullptr;
    }
    auto image = ReadImage(step.path);
    if (!image.ok()) {
      // What came after it was decided with it in mind.
      next_ = steps_.size();
      Show(CameraState::kNoSignal, image.error().message + "; the replay ends here", nullptr,
           step.seen_ms);
      return nullptr;
    }
    auto frame = std::make_shared<const Frame>(Frame{.id = step.id,
                                                     .captured_ms = step.captured_ms,
                                                     .image = *std::move(image),
                                                     .truth = step.truth,
                                                     .asked = step.asked});
    Show(CameraState::kRunning, {}, frame, step.seen_ms);
    return frame;
  }

  void Show(CameraState state, std::string reason, std::shared_ptr<const Frame> frame,
            std::optional<int64_t> now_ms = std::nullopt) {
    const std::lock_guard lock(mutex_);
    if (now_ms) now_ms_ = *now_ms;
    status_.state = state;
    status_.reason = std::move(reason);
    latest_ = std::move(frame);
    if (latest_ == nullptr) return;
    ++status_.frames;
    status_.height_px = latest_->image.height_px;
    status_.width_px = latest_->image.width_px;
  }

  const std::vector<RecordedStep> steps_;
  const bool is_paced_;
  std::mutex play_mutex_;            // guards the next two
  size_t next_ = 0;                  //
  std::optional<int64_t> ahead_ms_;  // of the steady clock before that of the recording
  mutable std::mutex mutex_;         // guards what follows
  int64_t now_ms_ = 0;
  CameraStatus status_;
  std::shared_ptr<const Frame> latest_;
};

}  // namespace

Result<std::unique_ptr<Camera>> ReplayCamera(const CameraUri& uri, ParameterReader& parameters) {
  const bool is_paced = parameters.Choice("clock", {"simulated", "steady"}) == "steady";
  DEIXIS_RETURN_IF_ERROR(parameters.Finish());
  DEIXIS_ASSIGN(auto steps, ReadRecording(uri.place));
  return std::unique_ptr<Camera>(std::make_unique<Replay>(uri.place, std::move(steps), is_paced));
}

}  // namespace deixis::camera
