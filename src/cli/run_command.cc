// `deixis run`: from the camera to the voice, until it is stopped.
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/interrupt.h"
#include "cli/models.h"
#include "cli/recorded_settings.h"
#include "cli/run_watch.h"
#include "cli/said_log.h"
#include "cli/service_notice.h"
#include "cli/speak.h"
#include "cli/trigger.h"
#include "compress/metrics.h"
#include "pipeline/pointing_session.h"
#include "pipeline/recorder.h"
#include "pipeline/shipped_models.h"
#include "vision/camera/camera_uri.h"

namespace deixis::cli {
namespace {

Json RecordingJson(const std::string& folder, const Recorder& recorder) {
  const RecorderTotals totals = recorder.totals();
  Json json{{"folder", folder}, {"frames", totals.frames}, {"bytes", totals.bytes}};
  const Status problem = recorder.Problem();
  json["ended_early"] = problem.ok() ? Json(nullptr) : Json(problem.error().message);
  return json;
}

Json TotalsJson(const Arguments& arguments, const RunTotals& totals) {
  Json result{{"camera", camera::WithoutSecrets(arguments.Text("camera"))},
              {"frames", totals.frames},
              {"said", totals.said},
              {"unknown", totals.unknown},
              {"oldest_frame_ms", totals.oldest_frame_ms},
              {"stale_frames", totals.stale_frames}};
  const auto add_times = [&](const char* name, const std::vector<double>& times_ms) {
    if (times_ms.empty()) return;
    result[name] = {{"median", Quantile(times_ms, 0.5)}, {"p95", Quantile(times_ms, 0.95)}};
  };
  add_times("look_ms", totals.look_ms);
  add_times("look_both_ms", totals.both_ms);
  return result;
}

// The file named by a flag, or the one that comes with Deixis.
Result<std::string> ModelPath(const Arguments& arguments, const std::string& flag,
                              std::string_view shipped) {
  if (arguments.Has(flag)) return arguments.Text(flag);
  auto path = FindShippedModel(shipped);
  if (path.ok()) return path;
  return NotFound(path.error().message, "name another one with --" + flag);
}

// What is said for each label: as --names has it, or what lies beside the model, or the label.
Result<std::vector<std::string>> NamesOf(const Arguments& arguments,
                                         const std::string& objects_path,
                                         const std::vector<std::string>& labels) {
  const Language language = LanguageOf(arguments);
  if (arguments.Has("names")) return ReadSpokenNames(arguments.Text("names"), labels, language);
  auto beside = ReadSpokenNames(SpokenNamesPath(objects_path), labels, language);
  if (!beside.ok() && beside.error().code == ErrorCode::kNotFound) return labels;
  return beside;
}

// Without a voice the tones are still worth having.
Phrasebook PhrasesOf(const Arguments& arguments, const VoiceOptions& voice,
                     const std::vector<std::string>& names, Console& console) {
  auto made = Phrasebook::Make(names, voice, LanguageOf(arguments));
  if (made.ok()) return *std::move(made);
  console.Warn(made.error().message + "; tones only");
  return Phrasebook::Silent();
}

// Without a voice nothing is heard.
Sound SpokenNotice(bool is_recording, const VoiceOptions& voice, Language language) {
  const auto spoken = Synthesize(RecordingPhrase(is_recording, language), voice);
  return spoken.ok() ? ToMixFormat(*spoken) : Sound{};
}

// The folder of a recording, when that is the camera.
std::optional<std::string> ReplayedFolder(const Arguments& arguments) {
  const auto uri = camera::ParseCameraUri(arguments.Text("camera"));
  if (!uri.ok() || uri->scheme != "replay") return std::nullopt;
  return uri->place;
}

// Starts it and says so: nobody is recorded unawares.
Result<std::unique_ptr<Recorder>> StartRecorder(const Arguments& arguments, const RunModels& models,
                                                Console& console) {
  const std::string& folder = arguments.Text("record");
  const RecorderOptions options{.max_bytes = arguments.Bytes("record-limit")};
  DEIXIS_RETURN_IF_ERROR(options.Validate());
  DEIXIS_ASSIGN(auto recorder, Recorder::Start(folder, options));
  DeclareOutput(folder);
  DEIXIS_RETURN_IF_ERROR(WriteRecordedSettings(folder, arguments, models));
  console.Warn("recording: every picture is kept in " + folder);
  return recorder;
}

DecisionOptions DecisionOf(const Arguments& arguments) {
  DecisionOptions options;
  options.dwell_ms = arguments.Integer("dwell");
  options.stale_ms = arguments.Integer("max-age");
  options.only_when_asked = arguments.Text("trigger") != "dwell";
  if (arguments.Switch("strict")) options.hedge_probability = 1;
  return options;
}

RunLimits LimitsOf(const Arguments& arguments) {
  RunLimits limits{.once = arguments.Switch("once")};
  if (arguments.Has("frames")) limits.frames = arguments.Integer("frames");
  if (arguments.Has("seconds")) limits.milliseconds = 1000 * arguments.Integer("seconds");
  return limits;
}

Status RunRun(const Arguments& given, Console& console) {
  Arguments arguments = given;
  const auto replayed = ReplayedFolder(arguments);
  if (replayed) {
    DEIXIS_ASSIGN(arguments, WithRecordedSettings(*replayed, given, console));
  }
  ServiceNotice notice(std::getenv("NOTIFY_SOCKET"));
  LookerOptions look_options;
  look_options.num_threads = ThreadsOf(arguments);
  const DecisionOptions decision_options = DecisionOf(arguments);
  DEIXIS_RETURN_IF_ERROR(decision_options.Validate());
  DEIXIS_RETURN_IF_ERROR(CheckAudio(arguments));
  DEIXIS_ASSIGN(const VoiceOptions voice, VoiceOf(arguments));
  std::optional<Trigger> trigger;
  // A recording knows when the wearer asked.
  if (decision_options.only_when_asked && !replayed) {
    DEIXIS_ASSIGN(trigger, Trigger::Open(arguments.Text("trigger")));
  }

  DEIXIS_ASSIGN(const std::string pointer_path, ModelPath(arguments, "pointer", kShippedPointer));
  DEIXIS_ASSIGN(const std::string objects_path, ModelPath(arguments, "objects", kShippedObjects));
  DEIXIS_ASSIGN(const Model pointer, LoadModel(pointer_path));
  DEIXIS_ASSIGN(const Model objects, LoadModel(objects_path));
  DEIXIS_ASSIGN(Looker looker, Looker::Create(pointer, objects, look_options));
  DEIXIS_ASSIGN(const std::vector<std::string> names,
                NamesOf(arguments, objects_path, looker.labels()));
  std::unique_ptr<Speaker> speaker;
  if (!arguments.Switch("mute")) {
    DEIXIS_ASSIGN(speaker, OpenSpeaker(arguments.Text("audio")));
    speaker->SetVolume(static_cast<double>(arguments.Integer("volume")) / 100);
  }
  DEIXIS_ASSIGN(const auto camera,
                OpenCamera(arguments.Text("camera"), {.must_open = !arguments.Switch("wait")}));
  std::unique_ptr<PreviewWindow> window;
  if (arguments.Switch("show")) {
    DEIXIS_ASSIGN(
        window, PreviewWindow::Open("Deixis: " + camera::WithoutSecrets(arguments.Text("camera"))));
  }
  std::unique_ptr<Recorder> recorder;
  Sound recording_ended;
  if (arguments.Has("record")) {
    const RunModels models{.pointer_path = pointer_path, .objects_path = objects_path};
    DEIXIS_ASSIGN(recorder, StartRecorder(arguments, models, console));
    if (speaker != nullptr) {
      speaker->Say(SpokenNotice(true, voice, LanguageOf(arguments)));
      recording_ended = SpokenNotice(false, voice, LanguageOf(arguments));
    }
  }
  if (!looker.tells_presence()) {
    console.Warn(
        "the pointer model does not tell whether a finger is there: every frame counts as "
        "pointing. Teach it with pictures without a finger too");
  }
  Phrasebook phrases =
      speaker == nullptr ? Phrasebook::Silent() : PhrasesOf(arguments, voice, names, console);
  PointingSession session(
      camera.get(), [&](const Frame& frame) { return looker.See(frame.image, frame.captured_ms); },
      decision_options, speaker.get(), std::move(phrases));
  std::optional<SaidLog> log;
  if (arguments.Has("log")) log.emplace(arguments.Text("log"));

  RunWatcher watcher({.session = session,
                      .camera = *camera,
                      .speaker = speaker.get(),
                      .trigger = trigger ? &*trigger : nullptr,
                      .log = log ? &*log : nullptr,
                      .recorder = recorder.get(),
                      .recording_ended = std::move(recording_ended),
                      .window = window.get(),
                      .notice = notice,
                      .console = console,
                      .labels = looker.labels(),
                      .names = names,
                      .language = LanguageOf(arguments),
                      .stale_ms = decision_options.stale_ms,
                      .as_json = arguments.Switch("jsonl"),
                      .is_mute = arguments.Switch("json")});
  Status status = watcher.Watch(LimitsOf(arguments));
  if (speaker != nullptr) {
    // Without a sound card the rest went on, and that was told meanwhile.
    const bool is_file = arguments.Text("audio").starts_with("file:");
    Status heard = speaker->Finish();
    if (status.ok() && is_file) status = std::move(heard);
  }
  Json totals = TotalsJson(arguments, watcher.totals());
  if (recorder != nullptr) {
    recorder->Finish();
    totals["recording"] = RecordingJson(arguments.Text("record"), *recorder);
  }
  console.SetResult("run", std::move(totals));
  return status;
}

constexpr Flag kFlags[] = {
    {.name = "camera",
     .kind = ValueKind::kText,
     .value_name = "URI",
     .help =
         "Where the pictures come from: v4l2:///dev/video0, http://..., rtsp://..., file://VIDEO, "
         "scene://seed=1, replay://FOLDER",
     .environment = "DEIXIS_CAMERA",
     .example = "scene://seed=1",
     .required = true},
    {.name = "pointer",
     .kind = ValueKind::kFile,
     .value_name = "MODEL",
     .help = "Finds the fingertip: a model taught with --task locate",
     .default_note = "the one that comes with Deixis",
     .environment = "DEIXIS_POINTER",
     .example = "pointer.safetensors"},
    {.name = "objects",
     .kind = ValueKind::kFile,
     .value_name = "MODEL",
     .help = "Names what lies beyond it: a model that classifies",
     .default_note = "the one that comes with Deixis",
     .environment = "DEIXIS_OBJECTS",
     .example = "objects.safetensors"},
    kAudioFlag,
    kVoiceFlag,
    kLanguageFlag,
    kRateFlag,
    kVolumeFlag,
    {.name = "names",
     .kind = ValueKind::kFile,
     .value_name = "CSV",
     .help = "What is said for each label: columns label, en, zh-Hant",
     .default_note = "OBJECTS.names.csv beside the model, if it is there",
     .environment = "DEIXIS_NAMES",
     .example = "things.names.csv"},
    {.name = "mute", .help = "Say nothing", .environment = "DEIXIS_MUTE"},
    {.name = "trigger",
     .kind = ValueKind::kText,
     .value_name = "WHAT",
     .help = "What is answered: dwell, a line on stdin (key), or a press: /dev/input/..., a FIFO, "
             "the file of a pin",
     .default_value = "dwell",
     .environment = "DEIXIS_TRIGGER",
     .example = "key"},
    {.name = "dwell",
     .kind = ValueKind::kInteger,
     .value_name = "MS",
     .help = "How long the finger has to be still",
     .default_value = "600",
     .environment = "DEIXIS_DWELL",
     .example = "800",
     .minimum = 100,
     .maximum = 5000},
    {.name = "max-age",
     .kind = ValueKind::kInteger,
     .value_name = "MS",
     .help = "How old a picture may be when it has been looked at; more on a slow processor",
     .default_value = "300",
     .environment = "DEIXIS_MAX_AGE",
     .example = "500",
     .minimum = 50,
     .maximum = 2000},
    {.name = "strict", .help = "Rather nothing than \"maybe\"", .environment = "DEIXIS_STRICT"},
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
    {.name = "wait",
     .help = "Start without a camera and wait for it",
     .environment = "DEIXIS_WAIT"},
    {.name = "log",
     .kind = ValueKind::kFile,
     .value_name = "FILE",
     .help = "Append what is said, as JSON lines with the time of day",
     .environment = "DEIXIS_LOG",
     .example = "said.jsonl"},
    {.name = "record",
     .kind = ValueKind::kFolder,
     .value_name = "FOLDER",
     .help = "Keep every picture in a new folder, from which replay://FOLDER decides the same "
             "again; announced aloud",
     .default_note = "no picture is kept",
     .example = "session"},
    {.name = "record-limit",
     .kind = ValueKind::kBytes,
     .value_name = "BYTES",
     .help = "The recording ends at this size, or with 200 MB left on the disk",
     .default_value = "2GB",
     .example = "500MB"},
    {.name = "show",
     .help =
         "Show what is seen in a window, where there is a display; closing it ends the session"},
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
        "unknown. No picture is kept, unless --record says so. Without --pointer and --objects the "
        "models that come with "
        "Deixis look, which know drawn scenes alone.\n\n"
        "Not for medicines, and not for decisions about safety.",
    .positionals = {},
    .flags = kFlags,
    .examples = kExamples,
    .run = RunRun,
};

}  // namespace deixis::cli
