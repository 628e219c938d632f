// `deixis run`: from the camera to the voice, until it is stopped.
#include <chrono>
#include <optional>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/interrupt.h"
#include "cli/models.h"
#include "cli/speak.h"
#include "compress/metrics.h"
#include "format/printable.h"
#include "pipeline/pointing_session.h"
#include "vision/scene/scene.h"

namespace deixis::cli {
namespace {

constexpr int kStandardOutput = 1;

struct Limits {
  std::optional<int64_t> frames;
  std::optional<int64_t> milliseconds;  // of the camera's clock
  bool once = false;                    // until something has been said
};

bool IsAnswer(DecisionEventKind kind) {
  return kind == DecisionEventKind::kSay || kind == DecisionEventKind::kHedge ||
         kind == DecisionEventKind::kUnknown;
}

Json EventJson(const DecisionEvent& event, const SessionStep& step,
               const std::vector<std::string>& labels) {
  Json json{{"event", EventName(event.kind)}, {"time_ms", event.time_ms}};
  if (event.label >= 0) {
    json["label"] = labels[event.label];
    json["probability"] = event.probability;
  }
  if (step.frame != nullptr) {
    json["frame"] = step.frame->id;
    json["x_px"] = step.look.tip_px.x;
    json["y_px"] = step.look.tip_px.y;
    json["presence"] = step.look.seen.presence;
    json["pointer_ms"] = step.look.pointer_ms;
    json["object_ms"] = step.look.object_ms;
    json["age_ms"] = step.now_ms - step.frame->captured_ms;
    // A made session knows what it shows.
    if (step.frame->truth && step.frame->truth->label >= 0) {
      const auto& truth = *step.frame->truth;
      json["truth"] = {{"label", SceneClassNames()[truth.label]},
                       {"dwelling", truth.phase == PointingPhase::kDwelling}};
    }
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

struct Totals {
  int64_t frames = 0;
  int64_t said = 0;
  int64_t unknown = 0;
  std::vector<double> look_ms;
};

Json TotalsJson(const Arguments& arguments, const Totals& totals) {
  Json result{{"camera", arguments.Text("camera")},
              {"frames", totals.frames},
              {"said", totals.said},
              {"unknown", totals.unknown}};
  if (!totals.look_ms.empty())
    result["look_ms"] = {{"median", Quantile(totals.look_ms, 0.5)},
                         {"p95", Quantile(totals.look_ms, 0.95)}};
  return result;
}

// Steps until a limit is reached or the camera has ended.
Status Watch(PointingSession& session, const Limits& limits, const Arguments& arguments,
             const std::vector<std::string>& labels, Totals& totals) {
  const bool as_json = arguments.Switch("jsonl");
  std::optional<int64_t> begin_ms;
  bool is_answered = false;
  while (!is_answered) {
    const SessionStep step = session.Step();
    if (!begin_ms) begin_ms = step.now_ms;
    if (step.frame != nullptr) {
      ++totals.frames;
      // A day of frames would not fit; the latest hundred thousand tell as much.
      if (totals.look_ms.size() == 100'000) totals.look_ms.clear();
      totals.look_ms.push_back(step.look.pointer_ms + step.look.object_ms);
    }
    for (const DecisionEvent& event : step.events) {
      totals.said +=
          event.kind == DecisionEventKind::kSay || event.kind == DecisionEventKind::kHedge;
      totals.unknown += event.kind == DecisionEventKind::kUnknown;
      is_answered = is_answered || (limits.once && IsAnswer(event.kind));
      const std::string line = as_json ? EventJson(event, step, labels).dump() + "\n"
                                       : EventLine(event, *begin_ms, labels);
      if (!arguments.Switch("json")) {
        DEIXIS_RETURN_IF_ERROR(WriteToDescriptor(kStandardOutput, line));
      }
    }
    if (step.camera == CameraState::kEnded) break;
    if (limits.frames && totals.frames >= *limits.frames) break;
    if (limits.milliseconds && step.now_ms - *begin_ms >= *limits.milliseconds) break;
  }
  return Ok();
}

Status RunRun(const Arguments& arguments, Console& console) {
  LookerOptions look_options;
  look_options.num_threads = ThreadsOf(arguments);
  DecisionOptions decision_options;
  decision_options.dwell_ms = arguments.Integer("dwell");
  if (arguments.Switch("strict")) decision_options.hedge_probability = 1;
  DEIXIS_RETURN_IF_ERROR(decision_options.Validate());
  Limits limits{.frames = {}, .milliseconds = {}, .once = arguments.Switch("once")};
  if (arguments.Has("frames")) limits.frames = arguments.Integer("frames");
  if (arguments.Has("seconds")) limits.milliseconds = 1000 * arguments.Integer("seconds");

  DEIXIS_ASSIGN(const Model pointer, LoadModel(arguments.Text("pointer")));
  DEIXIS_ASSIGN(const Model objects, LoadModel(arguments.Text("objects")));
  DEIXIS_ASSIGN(Looker looker, Looker::Create(pointer, objects, look_options));
  std::unique_ptr<Speaker> speaker;
  if (!arguments.Switch("mute")) {
    DEIXIS_ASSIGN(speaker, OpenSpeaker(arguments.Text("audio")));
  }
  DEIXIS_ASSIGN(const auto camera,
                OpenCamera(arguments.Text("camera"), {.must_open = !arguments.Switch("wait")}));
  if (!looker.tells_presence()) {
    console.Warn(
        "the pointer model does not tell whether a finger is there: every frame counts as "
        "pointing. Teach it with pictures without a finger too");
  }
  Phrasebook phrases = Phrasebook::Silent();
  if (speaker != nullptr) {
    VoiceOptions voice;
    voice.command = WordsOf(arguments.Text("voice"));
    auto made = Phrasebook::Make(looker.labels(), voice);
    // Without a voice the tones are still worth having.
    if (made.ok()) {
      phrases = *std::move(made);
    } else {
      console.Warn(made.error().message);
    }
  }
  PointingSession session(
      camera.get(), [&](const Frame& frame) { return looker.See(frame.image, frame.captured_ms); },
      decision_options, speaker.get(), std::move(phrases));

  Totals totals;
  Status status = Watch(session, limits, arguments, looker.labels(), totals);
  if (speaker != nullptr) {
    Status heard = speaker->Finish();
    if (status.ok()) status = std::move(heard);
  }
  console.SetResult("run", TotalsJson(arguments, totals));
  return status;
}

constexpr Flag kFlags[] = {
    {.name = "camera",
     .kind = ValueKind::kText,
     .value_name = "URI",
     .help = "Where the pictures come from: v4l2:///dev/video0, folder://DIR, scene://seed=1",
     .environment = "DEIXIS_CAMERA",
     .example = "scene://seed=1",
     .required = true},
    {.name = "pointer",
     .kind = ValueKind::kFile,
     .value_name = "MODEL",
     .help = "Finds the fingertip: a model taught with --task locate",
     .environment = "DEIXIS_POINTER",
     .example = "pointer.safetensors",
     .required = true},
    {.name = "objects",
     .kind = ValueKind::kFile,
     .value_name = "MODEL",
     .help = "Names what lies beyond it: a model that classifies",
     .environment = "DEIXIS_OBJECTS",
     .example = "objects.safetensors",
     .required = true},
    kAudioFlag,
    kVoiceFlag,
    {.name = "mute", .help = "Say nothing"},
    {.name = "dwell",
     .kind = ValueKind::kInteger,
     .value_name = "MS",
     .help = "How long the finger has to be still",
     .default_value = "600",
     .environment = "DEIXIS_DWELL",
     .example = "800",
     .minimum = 100,
     .maximum = 5000},
    {.name = "strict", .help = "Rather nothing than \"maybe\""},
    {.name = "once", .help = "End after the first answer"},
    {.name = "frames",
     .kind = ValueKind::kInteger,
     .value_name = "N",
     .help = "End after so many pictures",
     .example = "1000",
     .minimum = 1,
     .maximum = 1'000'000'000},
    {.name = "seconds",
     .kind = ValueKind::kInteger,
     .value_name = "N",
     .help = "End after so long, by the camera's clock",
     .example = "60",
     .minimum = 1,
     .maximum = 100'000'000},
    {.name = "wait", .help = "Start without a camera and wait for it"},
    {.name = "jsonl", .help = "Events as JSON, one on each line, with the time each stage took"},
    kThreadsFlag,
};
constexpr Example kExamples[] = {
    {"run --camera v4l2:///dev/video0 --pointer pointer.safetensors --objects objects.safetensors",
     "name what a finger points at"},
    {"run --camera \"scene://seed=1&clock=simulated\" --pointer pointer.safetensors --objects "
     "objects.safetensors --seconds 60 --audio file:heard.wav",
     "a made session, and what would be heard in it"},
};

}  // namespace

constinit const Command kRunCommand = {
    .name = "run",
    .summary = "watch the camera and say what a finger points at",
    .description =
        "A finger that is held still for a while over something gets its name spoken, once. Tones "
        "tell that a finger was found, that it has been still for long enough, and that a thing is "
        "unknown. No picture is kept.\n\n"
        "Not for medicines, and not for decisions about safety.",
    .positionals = {},
    .flags = kFlags,
    .examples = kExamples,
    .run = RunRun,
};

}  // namespace deixis::cli
