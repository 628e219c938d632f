#include "vision/camera/supervision.h"

#include <algorithm>

namespace deixis::camera {

bool Supervision::IsSilent(int64_t now_ms) const {
  return now_ms - frame_ms_.value_or(opened_ms_) >= options_.watchdog_ms;
}

std::string Supervision::SilenceReason() const {
  const std::string span = std::to_string(options_.watchdog_ms / 1000) + " s";
  if (damaged_since_frame_ > 0) return "only damaged frames for " + span;
  return "no frame for " + span;
}

Supervision::Step Supervision::Next(int64_t now_ms) const {
  switch (phase_) {
    case Phase::kClosed:
      if (now_ms >= retry_ms_) return {Action::kOpen};
      return {Action::kWait, retry_ms_ - now_ms};
    case Phase::kOpen:
      if (IsSilent(now_ms)) return {Action::kClose};
      return {Action::kRead, frame_ms_.value_or(opened_ms_) + options_.watchdog_ms - now_ms};
    case Phase::kLost:
      return {Action::kClose};
    case Phase::kEnded:
      break;
  }
  return {Action::kWait, options_.longest_retry_ms};
}

void Supervision::Opened(int64_t now_ms) {
  if (was_opened_) ++reconnections_;
  was_opened_ = true;
  phase_ = Phase::kOpen;
  opened_ms_ = now_ms;
  frame_ms_.reset();
  damaged_since_frame_ = 0;
}

void Supervision::OpenFailed(int64_t now_ms, const Error& error) {
  reason_ = error.message;
  Closed(now_ms);
}

void Supervision::FrameCame(int64_t now_ms) {
  frame_ms_ = now_ms;
  has_had_frames_ = true;
  damaged_since_frame_ = 0;
  reason_.clear();
  if (now_ms - opened_ms_ >= options_.healthy_ms) pause_ms_ = options_.first_retry_ms;
}

void Supervision::FrameDamaged() { ++damaged_since_frame_; }

void Supervision::ReadFailed(const Error& error) {
  reason_ = error.message;
  phase_ = Phase::kLost;
}

void Supervision::Closed(int64_t now_ms) {
  if (phase_ == Phase::kOpen) reason_ = SilenceReason();
  phase_ = Phase::kClosed;
  frame_ms_.reset();
  retry_ms_ = now_ms + pause_ms_;
  pause_ms_ = std::min(2 * pause_ms_, options_.longest_retry_ms);
}

void Supervision::Ended() { phase_ = Phase::kEnded; }

CameraState Supervision::StateAt(int64_t now_ms) const {
  if (phase_ == Phase::kEnded) return CameraState::kEnded;
  if (phase_ == Phase::kOpen && !IsSilent(now_ms)) {
    if (frame_ms_) return CameraState::kRunning;
    if (!has_had_frames_ && reason_.empty()) return CameraState::kStarting;
  }
  if (phase_ == Phase::kClosed && !was_opened_ && reason_.empty()) return CameraState::kStarting;
  return CameraState::kNoSignal;
}

std::string Supervision::ReasonAt(int64_t now_ms) const {
  if (StateAt(now_ms) != CameraState::kNoSignal) return {};
  if (phase_ == Phase::kOpen && IsSilent(now_ms)) return SilenceReason();
  return reason_;
}

}  // namespace deixis::camera
