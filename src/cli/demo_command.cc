// `deixis demo`: the whole loop on what the project ships.
#include <chrono>
#include <filesystem>
#include <system_error>

#include "base/file.h"
#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/interrupt.h"
#include "cli/models.h"
#include "format/printable.h"
#include "pipeline/demo.h"

namespace deixis::cli {
namespace {

constexpr std::string_view ScoreName(Task task) {
  return task == Task::kLocate ? "mean_error_px" : "top1";
}

Json ModelJson(const DemoModel& model) {
  Json rows = Json::array();
  for (const DemoRow& row : model.rows) {
    Json json{{"centroids", row.centroids == 0 ? Json(nullptr) : Json(row.centroids)},
              {"file", row.path},
              {"file_bytes", row.file_bytes},
              {"ratio", row.ratio}};
    json[ScoreName(model.task)] = row.score;
    rows.push_back(std::move(json));
  }
  return Json{{"lessons", model.lessons},
              {"tests", model.tests},
              {"float32_bytes", model.parameter_bytes},
              {"models", std::move(rows)}};
}

Json DemoJson(const DemoResult& result, double seconds) {
  Json json{{"backbone", result.backbone_path},
            {"class_names", result.class_names},
            {"pointer", ModelJson(result.pointer)},
            {"objects", ModelJson(result.objects)},
            {"report", result.report_path},
            {"picture", result.picture_path},
            {"shown", result.shown},
            {"tip_error_px", result.tip_error_px},
            {"seen", result.seen},
            {"probability", result.probability}};
  json["sound"] = result.voice.ok() ? Json(result.sound_path) : Json(nullptr);
  if (!result.voice.ok()) json["voice_error"] = result.voice.error().message;
  json["seconds"] = seconds;
  return json;
}

std::string ModelText(const DemoModel& model, const std::string& title, const Style& style) {
  const bool locates = model.task == Task::kLocate;
  Table table({{"weights", Align::kLeft},
               {"size", Align::kRight},
               {"smaller", Align::kRight},
               {locates ? "error" : "top-1", Align::kRight},
               {"change", Align::kRight}});
  const double before = model.rows.front().score;
  for (const DemoRow& row : model.rows) {
    const double change = locates ? row.score - before : (row.score - before) * 100;
    const std::string score =
        locates ? FormatFixed(row.score, 2) + " px" : FormatPercent(row.score);
    table.AddRow({row.centroids == 0 ? "as taught" : "K=" + std::to_string(row.centroids),
                  FormatBytes(row.file_bytes), FormatFixed(row.ratio, 2) + "x", score,
                  row.centroids == 0 ? ""
                                     : (change > 0 ? "+" : "") + FormatFixed(change, 2) +
                                           (locates ? " px" : " points")});
  }
  return style.Bold(title) + ", taught with " + Counted(model.lessons, "drawn picture") +
         ", judged on " + Counted(model.tests, "other") + "\n" + table.Render(style) + "\n";
}

std::string DemoText(const DemoResult& result, double seconds, const Style& style) {
  std::string text =
      ModelText(result.pointer, "pointer (where the fingertip is, in frames of 320x240)", style) +
      ModelText(
          result.objects,
          "objects (" + Counted(static_cast<int64_t>(result.class_names.size()), "kind") + ")",
          style);
  Facts facts;
  facts.Add("backbone", Printable(result.backbone_path));
  facts.Add("shown", Printable(result.picture_path) + ": a finger at a thing, " + result.shown);
  facts.Add("seen", style.Bold(result.seen) + ", " + FormatPercent(result.probability, 1) +
                        ", the fingertip " + FormatFixed(result.tip_error_px, 1) +
                        " px off in 640x480");
  facts.Add("said", result.voice.ok() ? Printable(result.sound_path)
                                      : "nothing: " + Printable(result.voice.error().message));
  facts.Add("report", Printable(result.report_path));
  facts.Add("time", FormatSeconds(seconds));
  return text + facts.Render(style);
}

// The demo replaces folders inside its own; one that holds anything else must not be it.
constexpr char kMarkerName[] = ".deixis-demo";

Status PrepareFolder(const std::string& folder) {
  namespace fs = std::filesystem;
  std::error_code error;
  const std::string marker = folder + "/" + kMarkerName;
  if (fs::exists(folder, error) && !fs::exists(marker, error)) {
    if (!fs::is_directory(folder, error)) {
      return UsageError("--out " + folder + " is not a folder", "give another name");
    }
    if (!fs::is_empty(folder, error)) {
      return UsageError("--out " + folder + " holds other things than an earlier demo",
                        "give a new or an empty folder: the demo replaces what is in it");
    }
  }
  fs::create_directories(folder, error);
  if (error) {
    return ResourceError(folder + ": cannot be made: " + error.message(), "choose another --out");
  }
  return WriteFileAtomically(marker, std::string_view("Made by `deixis demo`, which replaces "
                                                      "what is in this folder.\n"));
}

Status RunDemoCommand(const Arguments& arguments, Console& console) {
  const auto start = std::chrono::steady_clock::now();
  DemoOptions options;
  options.folder = arguments.Text("out");
  options.num_threads = ThreadsOf(arguments);
  options.progress = [&](const std::string& stage, double done) {
    console.ProgressShare("demo", done, stage);
    return true;
  };
  if (arguments.Has("backbone")) options.backbone_path = arguments.Text("backbone");
  DEIXIS_RETURN_IF_ERROR(PrepareFolder(options.folder));
  DeclareOutput(options.folder);
  DEIXIS_ASSIGN(const DemoResult result, RunDemo(options));
  if (!result.voice.ok() && !result.voice.error().remedy.empty()) {
    console.Warn("nothing was said; " + result.voice.error().remedy);
  }
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  console.SetResult("demo", DemoJson(result, seconds));
  console.Print(DemoText(result, seconds, console.style()));
  return Ok();
}

constexpr Flag kFlags[] = {
    {.name = "out",
     .letter = 'o',
     .kind = ValueKind::kFolder,
     .value_name = "DIR",
     .help = "Where pictures, models, the report and the sound are written",
     .default_value = "deixis-demo",
     .example = "out/demo"},
    {.name = "backbone",
     .kind = ValueKind::kFile,
     .value_name = "MODEL",
     .help = "The network that both models are taught on",
     .default_note = "the one that comes with Deixis",
     .example = "models/deixis-18.safetensors"},
    kThreadsFlag,
};
constexpr Example kExamples[] = {
    {"demo", "needs no camera, no sound device, no network and no data"},
    {"demo --out /tmp/demo --json", "the figures for programs"},
};

}  // namespace

constinit const Command kDemoCommand = {
    .name = "demo",
    .summary = "the whole loop on what is shipped: no hardware, no data",
    .description =
        "Draws lessons, teaches a model that finds the fingertip and one that names things on the "
        "backbone that comes with Deixis, compresses both, judges each from its file on other "
        "pictures, writes the report with the study's plots, and says what it sees in a new scene, "
        "into a WAV file.",
    .positionals = {},
    .flags = kFlags,
    .examples = kExamples,
    .run = RunDemoCommand,
};

}  // namespace deixis::cli
