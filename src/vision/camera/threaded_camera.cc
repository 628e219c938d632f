// The thread that owns a device: it does what Supervision says and hands the latest frame over.
#include <algorithm>
#include <array>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "vision/camera/frame_source.h"
#include "vision/camera/supervision.h"

namespace deixis::camera {
namespace {

// So often the thread looks whether it shall end.
constexpr int64_t kLongestStepMs = 100;

// Frames per second over the latest capture times.
class FrameRate {
 public:
  void Add(int64_t captured_ms) { times_ms_[count_++ % times_ms_.size()] = captured_ms; }
  void Reset() { count_ = 0; }
  double Fps() const {
    const size_t kept = std::min(count_, times_ms_.size());
    if (kept < 2) return 0;
    const int64_t first = times_ms_[(count_ - kept) % times_ms_.size()];
    const int64_t last = times_ms_[(count_ - 1) % times_ms_.size()];
    return last > first ? 1000.0 * static_cast<double>(kept - 1) / static_cast<double>(last - first)
                        : 0;
  }

 private:
  std::array<int64_t, 31> times_ms_ = {};
  size_t count_ = 0;
};

class ThreadedCamera final : public Camera {
 public:
  ThreadedCamera(std::unique_ptr<FrameSource> source, bool is_open) : source_(std::move(source)) {
    if (is_open) NoteOpened();
    thread_ = std::thread([this] { Run(); });
  }

  ~ThreadedCamera() override {
    {
      const std::lock_guard lock(mutex_);
      shall_end_ = true;
    }
    source_->Cancel();
    wake_.notify_all();
    thread_.join();
  }

  std::shared_ptr<const Frame> Latest() override {
    const std::lock_guard lock(mutex_);
    return LatestLocked();
  }

  std::shared_ptr<const Frame> WaitForFrame(uint64_t after_id, int64_t timeout_ms) override {
    std::unique_lock lock(mutex_);
    const auto is_over = [&] {
      return HasNewer(after_id) || supervision_.StateAt(SteadyNowMs()) == CameraState::kEnded;
    };
    frame_came_.wait_for(lock, std::chrono::milliseconds(std::max<int64_t>(timeout_ms, 0)),
                         is_over);
    return HasNewer(after_id) ? latest_ : nullptr;
  }

  int64_t NowMs() const override { return SteadyNowMs(); }

  CameraStatus StatusNow() const override {
    const std::lock_guard lock(mutex_);
    const int64_t now_ms = SteadyNowMs();
    CameraStatus status = status_;
    status.state = supervision_.StateAt(now_ms);
    status.reason = supervision_.ReasonAt(now_ms);
    status.reconnections = supervision_.reconnections();
    status.fps = status.state == CameraState::kRunning ? rate_.Fps() : 0;
    if (latest_) status.age_ms = now_ms - latest_->captured_ms;
    return status;
  }

 private:
  std::shared_ptr<const Frame> LatestLocked() const {
    const bool runs = supervision_.StateAt(SteadyNowMs()) == CameraState::kRunning;
    return runs ? latest_ : nullptr;
  }

  bool HasNewer(uint64_t after_id) const {
    const auto latest = LatestLocked();
    return latest && latest->id > after_id;
  }

  void NoteOpened() {
    supervision_.Opened(SteadyNowMs());
    status_.device = source_->Device();
    status_.identity = source_->Identity();
    status_.pixel_format = source_->PixelFormat();
    rate_.Reset();
  }

  void Open() {
    const Status opened = source_->Open();
    const std::lock_guard lock(mutex_);
    if (opened.ok()) {
      NoteOpened();
    } else {
      supervision_.OpenFailed(SteadyNowMs(), opened.error());
    }
  }

  void Read(int64_t timeout_ms) {
    SourceFrame read;
    const Result<ReadOutcome> outcome = source_->Read(timeout_ms, read);
    std::shared_ptr<const Frame> frame;
    if (outcome.ok() && *outcome == ReadOutcome::kFrame) {
      frame = std::make_shared<const Frame>(Frame{.id = next_id_++,
                                                  .captured_ms = read.captured_ms,
                                                  .image = std::move(read.image),
                                                  .truth = std::move(read.truth)});
    }
    {
      const std::lock_guard lock(mutex_);
      Note(outcome, std::move(frame));
    }
    frame_came_.notify_all();
  }

  void Note(const Result<ReadOutcome>& outcome, std::shared_ptr<const Frame> frame) {
    if (!outcome.ok()) {
      supervision_.ReadFailed(outcome.error());
    } else if (*outcome == ReadOutcome::kFrame) {
      supervision_.FrameCame(SteadyNowMs());
      rate_.Add(frame->captured_ms);
      ++status_.frames;
      status_.height_px = frame->image.height_px;
      status_.width_px = frame->image.width_px;
      latest_.swap(frame);  // the old one is freed by the caller, after the lock
    } else if (*outcome == ReadOutcome::kDamaged) {
      supervision_.FrameDamaged();
      ++status_.damaged_frames;
    } else if (*outcome == ReadOutcome::kEnded) {
      supervision_.Ended();
    }
  }

  void Close() {
    source_->Close();
    const std::lock_guard lock(mutex_);
    supervision_.Closed(SteadyNowMs());
  }

  void Run() {
    for (;;) {
      std::unique_lock lock(mutex_);
      if (shall_end_) break;
      const Supervision::Step step = supervision_.Next(SteadyNowMs());
      const int64_t at_most_ms = std::min(step.at_most_ms, kLongestStepMs);
      if (step.action == Supervision::Action::kWait) {
        wake_.wait_for(lock, std::chrono::milliseconds(at_most_ms), [this] { return shall_end_; });
        continue;
      }
      lock.unlock();
      switch (step.action) {
        case Supervision::Action::kOpen:
          Open();
          break;
        case Supervision::Action::kRead:
          Read(at_most_ms);
          break;
        default:
          Close();
      }
    }
    source_->Close();
  }

  std::unique_ptr<FrameSource> source_;  // the thread's alone
  uint64_t next_id_ = 1;                 //
  mutable std::mutex mutex_;             // guards what follows
  std::condition_variable wake_;
  std::condition_variable frame_came_;
  bool shall_end_ = false;
  Supervision supervision_;
  FrameRate rate_;
  CameraStatus status_;
  std::shared_ptr<const Frame> latest_;
  std::thread thread_;
};

}  // namespace

int64_t SteadyNowMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

Result<std::unique_ptr<Camera>> StartCamera(std::unique_ptr<FrameSource> source,
                                            const CameraOptions& options) {
  if (options.must_open) DEIXIS_RETURN_IF_ERROR(source->Open());
  return std::unique_ptr<Camera>(
      std::make_unique<ThreadedCamera>(std::move(source), options.must_open));
}

}  // namespace deixis::camera
