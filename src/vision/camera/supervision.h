// When to open, read, close and open again: the life of a device that may be unplugged, fall silent
// or fail at any time, as a pure state machine over times. No clock, no thread, no device.
//
//   closed ──retry time──► open ──failure, or nothing for watchdog_ms──► lost ──Closed()──► closed
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "vision/camera/camera.h"

namespace deixis::camera {

struct SupervisionOptions {
  int64_t watchdog_ms = 2000;       // without a good frame an open device counts as lost
  int64_t first_retry_ms = 100;     // pause before the device is opened again; it doubles with
  int64_t longest_retry_ms = 1000;  // every failure up to this
  int64_t healthy_ms = 1000;        // frames for so long make the next pause the first one again
};

class Supervision {
 public:
  explicit Supervision(const SupervisionOptions& options = {})
      : options_(options), pause_ms_(options.first_retry_ms) {}

  enum class Action { kOpen, kRead, kClose, kWait };
  struct Step {
    Action action = Action::kWait;
    int64_t at_most_ms = 0;  // how long kRead and kWait may take before Step is asked again
  };
  Step Next(int64_t now_ms) const;

  // What came of the step; `now_ms` is when it was over.
  void Opened(int64_t now_ms);
  void OpenFailed(int64_t now_ms, const Error& error);
  void FrameCame(int64_t now_ms);
  void FrameDamaged();
  void ReadFailed(const Error& error);
  void Closed(int64_t now_ms);
  void Ended();

  // As seen at `now_ms`, even if the device's thread hangs meanwhile.
  CameraState StateAt(int64_t now_ms) const;
  std::string ReasonAt(int64_t now_ms) const;
  int64_t reconnections() const { return reconnections_; }

 private:
  enum class Phase { kClosed, kOpen, kLost, kEnded };
  bool IsSilent(int64_t now_ms) const;
  std::string SilenceReason() const;

  SupervisionOptions options_;
  Phase phase_ = Phase::kClosed;
  int64_t pause_ms_;
  int64_t retry_ms_ = INT64_MIN;  // when to open
  int64_t opened_ms_ = 0;
  std::optional<int64_t> frame_ms_;  // the latest since it was opened
  bool has_had_frames_ = false;
  bool was_opened_ = false;
  int64_t damaged_since_frame_ = 0;
  int64_t reconnections_ = 0;
  std::string reason_;
};

}  // namespace deixis::camera
