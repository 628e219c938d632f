// The loop of `deixis run`: steps through a session, writes its events, and tells how the camera,
// the sound and the program get on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/console.h"
#include "cli/said_log.h"
#include "cli/service_notice.h"
#include "cli/trigger.h"
#include "pipeline/pointing_session.h"
#include "pipeline/recorder.h"
#include "vision/preview_window.h"

namespace deixis::cli {

struct RunLimits {
  std::optional<int64_t> frames = {};
  std::optional<int64_t> milliseconds = {};  // of the camera's clock
  bool once = false;                         // until something has been said
};

struct RunTotals {
  int64_t frames = 0;
  int64_t said = 0;
  int64_t unknown = 0;
  int64_t oldest_frame_ms = 0;  // age of a frame when it had been looked at, of those that counted
  int64_t stale_frames = 0;     // that were too old to count
  std::vector<double> look_ms = {};  // of the latest frames
  std::vector<double> both_ms = {};  // of the latest frames that both models saw
};

// What a run is made of; all of it outlives the watcher.
struct RunParts {
  PointingSession& session;
  Camera& camera;
  Speaker* speaker = nullptr;  // none: nothing is heard
  Trigger* trigger = nullptr;  // none: by dwell
  const SaidLog* log = nullptr;
  Recorder* recorder = nullptr;  // none: no picture is kept
  Sound recording_ended = {};    // heard when it ends before the session
  PreviewWindow* window = nullptr;
  ServiceNotice& notice;
  Console& console;
  const std::vector<std::string>& labels;
  const std::vector<std::string>& names;  // spoken, of each label
  Language language = Language::kEnglish;
  int64_t stale_ms = 300;
  bool as_json = false;  // events as JSON lines
  bool is_mute = false;  // no events on stdout
};

class RunWatcher {
 public:
  explicit RunWatcher(const RunParts& parts) : parts_(parts) {}

  // Until a limit is reached or the camera has ended.
  Status Watch(const RunLimits& limits);
  const RunTotals& totals() const { return totals_; }

 private:
  void Count(const SessionStep& step);
  Status Tell(const DecisionEvent& event, const SessionStep& step);
  void TellState();
  void Record(const SessionStep& step);
  void Show(const SessionStep& step);

  RunParts parts_;
  RunTotals totals_;
  std::optional<int64_t> begin_ms_;
  std::string camera_state_;
  std::string sound_problem_;
  bool log_failed_ = false;
  bool recorder_failed_ = false;
  bool is_recording_ = false;
  bool window_failed_ = false;
  size_t num_both_ = 0;
  std::string shown_text_;
  Image blank_;  // of the size of the latest frame
};

}  // namespace deixis::cli
