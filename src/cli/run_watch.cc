#include "cli/run_watch.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "cli/text.h"
#include "format/printable.h"
#include "pipeline/preview.h"
#include "vision/scene/scene.h"

namespace deixis::cli {
namespace {

constexpr int kStandardOutput = 1;
// A day of times would not fit; the latest thousand tell as much.
constexpr size_t kMaxTimes = 1000;
// After so many it shows whether they are looked at in time.
constexpr int64_t kFramesToJudge = 50;

int64_t SteadyMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// The latest kMaxTimes of them; `index` counts all.
void Keep(double time_ms, size_t index, std::vector<double>& times_ms) {
  if (times_ms.size() < kMaxTimes) {
    times_ms.push_back(time_ms);
  } else {
    times_ms[index % kMaxTimes] = time_ms;
  }
}

bool IsAnswer(DecisionEventKind kind) {
  return kind == DecisionEventKind::kSay || kind == DecisionEventKind::kHedge ||
         kind == DecisionEventKind::kUnknown;
}

Json EventJson(const DecisionEvent& event, const SessionStep& step,
               const std::vector<std::string>& labels, const std::string& phrase) {
  Json json{{"event", EventName(event.kind)}, {"time_ms", event.time_ms}};
  if (event.label >= 0) {
    json["label"] = labels[event.label];
    json["probability"] = event.probability;
  }
  if (!phrase.empty()) json["phrase"] = phrase;
  if (step.frame == nullptr) return json;
  json["frame"] = step.frame->id;
  json["x_px"] = step.look.tip_px.x;
  json["y_px"] = step.look.tip_px.y;
  json["presence"] = step.look.seen.presence;
  json["pointer_ms"] = step.look.pointer_ms;
  json["object_ms"] = step.look.object_ms;
  json["age_ms"] = step.look.seen.now_ms - step.frame->captured_ms;
  // A made session knows what it shows.
  if (step.frame->truth && step.frame->truth->label >= 0) {
    const auto& truth = *step.frame->truth;
    json["truth"] = {{"label", SceneClassNames()[truth.label]},
                     {"dwelling", truth.phase == PointingPhase::kDwelling}};
  }
  return json;
}

std::string EventLine(const DecisionEvent& event, int64_t begin_ms,
                      const std::vector<std::string>& labels) {
  std::string line = FormatFixed(static_cast<double>(event.time_ms - begin_ms) / 1000, 1) + " s  " +
                     std::string(EventName(event.kind));
  if (event.label >= 0) {
    line += "  " + Printable(labels[event.label]) + "  " + FormatPercent(event.probability);
  }
  return line + "\n";
}

}  // namespace

Status RunWatcher::Watch(const RunLimits& limits) {
  bool is_answered = false;
  parts_.notice.Ready();
  while (!is_answered) {
    const int64_t steady_ms = SteadyMs();
    parts_.notice.Alive(steady_ms);
    if (parts_.trigger != nullptr && parts_.trigger->WasPressed(steady_ms)) parts_.session.Ask();
    const SessionStep step = parts_.session.Step();
    if (!begin_ms_) begin_ms_ = step.now_ms;
    if (step.frame != nullptr) Count(step);
    if (parts_.recorder != nullptr) Record(step);
    for (const DecisionEvent& event : step.events) {
      is_answered = is_answered || (limits.once && IsAnswer(event.kind));
      DEIXIS_RETURN_IF_ERROR(Tell(event, step));
    }
    TellState();
    if (parts_.window != nullptr) {
      Show(step);
      if (parts_.window->WasClosed()) break;
    }
    if (step.camera == CameraState::kEnded) break;
    if (limits.frames && totals_.frames >= *limits.frames) break;
    if (limits.milliseconds && step.now_ms - *begin_ms_ >= *limits.milliseconds) break;
  }
  return Ok();
}

void RunWatcher::Count(const SessionStep& step) {
  const double look_ms = step.look.pointer_ms + step.look.object_ms;
  Keep(look_ms, static_cast<size_t>(totals_.frames), totals_.look_ms);
  if (step.look.crop.side_px > 0) Keep(look_ms, num_both_++, totals_.both_ms);
  ++totals_.frames;
  const int64_t age_ms = step.look.seen.now_ms - step.frame->captured_ms;
  if (age_ms > parts_.stale_ms) {
    ++totals_.stale_frames;
  } else {
    totals_.oldest_frame_ms = std::max(totals_.oldest_frame_ms, age_ms);
  }
  // Nobody would know otherwise why nothing is ever said.
  if (totals_.frames == kFramesToJudge && 2 * totals_.stale_frames > kFramesToJudge) {
    parts_.console.Warn("most pictures are more than " + std::to_string(parts_.stale_ms) +
                        " ms old when they have been looked at, and are not used: this processor "
                        "is slow for these models; try more --threads, models of a smaller input, "
                        "or --max-age");
  }
}

Status RunWatcher::Tell(const DecisionEvent& event, const SessionStep& step) {
  totals_.said += event.kind == DecisionEventKind::kSay || event.kind == DecisionEventKind::kHedge;
  totals_.unknown += event.kind == DecisionEventKind::kUnknown;
  const std::string phrase = PhraseFor(event, parts_.names, parts_.language);
  if (!parts_.is_mute) {
    const std::string line = parts_.as_json
                                 ? EventJson(event, step, parts_.labels, phrase).dump() + "\n"
                                 : EventLine(event, *begin_ms_, parts_.labels);
    DEIXIS_RETURN_IF_ERROR(WriteToDescriptor(kStandardOutput, line));
  }
  if (parts_.log == nullptr || (phrase.empty() && !IsAnswer(event.kind))) return Ok();
  Json entry{{"event", EventName(event.kind)}};
  if (event.label >= 0) {
    entry["label"] = parts_.labels[event.label];
    entry["probability"] = event.probability;
  }
  if (!phrase.empty()) entry["phrase"] = phrase;
  const Status logged = parts_.log->Append(entry);
  // A full disk does not silence the voice.
  if (!logged.ok() && !std::exchange(log_failed_, true)) {
    parts_.console.Warn(logged.error().message);
  }
  return Ok();
}

void RunWatcher::Record(const SessionStep& step) {
  parts_.recorder->Add(step);
  const Status problem = parts_.recorder->Problem();
  if (problem.ok() || std::exchange(recorder_failed_, true)) return;
  parts_.console.Warn("recording has ended: " + problem.error().message);
  if (parts_.speaker != nullptr && parts_.recording_ended.num_frames() > 0) {
    parts_.speaker->Say(parts_.recording_ended);
  }
}

void RunWatcher::Show(const SessionStep& step) {
  for (const DecisionEvent& event : step.events) {
    shown_text_ = EventName(event.kind);
    if (event.label >= 0) {
      shown_text_ += ": " + parts_.labels[event.label] + " " + FormatPercent(event.probability);
    }
  }
  const Decision& decision = parts_.session.decision();
  Image shown;
  if (step.frame != nullptr) {
    const Image& frame = step.frame->image;
    if (blank_.height_px != frame.height_px || blank_.width_px != frame.width_px) {
      blank_ = {frame.height_px, frame.width_px, std::vector<uint8_t>(frame.pixels.size())};
    }
    shown = DrawPreview(
        frame, step.look,
        {.state = decision.state(), .progress = decision.progress(), .text = shown_text_});
  } else if (step.camera == CameraState::kNoSignal && !blank_.pixels.empty()) {
    // Not the last frame: what cannot be seen now is not shown.
    shown = DrawPreview(blank_, {}, {.text = "no signal"});
  } else {
    return;
  }
  const Status status = parts_.window->Show(shown);
  if (!status.ok() && !std::exchange(window_failed_, true)) {
    parts_.console.Warn(status.error().message);
  }
}

// What has changed, once each time: on stderr, and to whoever runs this as a service.
void RunWatcher::TellState() {
  const CameraStatus camera = parts_.camera.StatusNow();
  const std::string state =
      std::string(CameraStateName(camera.state)) +
      (camera.state == CameraState::kNoSignal ? ": " + camera.reason : std::string());
  const Status sound = parts_.speaker == nullptr ? Ok() : parts_.speaker->Problem();
  const std::string problem = sound.ok() ? std::string() : sound.error().message;
  const bool is_recording = parts_.recorder != nullptr && !recorder_failed_;
  if (state == camera_state_ && problem == sound_problem_ && is_recording == is_recording_) return;
  // What runs from the start on is nothing to tell.
  const bool is_first = camera_state_.empty();
  if (state != camera_state_ && (!is_first || camera.state == CameraState::kNoSignal)) {
    parts_.console.Warn("camera: " + state);
  }
  if (problem != sound_problem_) {
    parts_.console.Warn(problem.empty() ? "sound: is back" : "sound: " + problem);
  }
  camera_state_ = state;
  sound_problem_ = problem;
  is_recording_ = is_recording;
  parts_.notice.Status("camera: " + state + (is_recording ? "; pictures are being recorded" : "") +
                       (problem.empty() ? "" : "; no sound: " + problem));
}

}  // namespace deixis::cli
