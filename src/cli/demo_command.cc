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

Json DemoJson(const DemoResult& result, double seconds) {
  Json rows = Json::array();
  for (const DemoRow& row : result.rows) {
    rows.push_back(Json{{"centroids", row.centroids},
                        {"file", row.path},
                        {"file_bytes", row.file_bytes},
                        {"ratio", row.ratio},
                        {"top1", row.top1}});
  }
  Json json{{"model", result.model_path},
            {"architecture", result.architecture},
            {"class_names", result.class_names},
            {"float32_bytes", result.parameter_bytes},
            {"images", result.test_pictures},
            {"top1", result.top1},
            {"compressed", std::move(rows)},
            {"report", result.report_path},
            {"picture", result.picture_path},
            {"shown", result.shown},
            {"recognised_by", result.recognised_by},
            {"seen", result.seen},
            {"probability", result.probability}};
  json["sound"] = result.voice.ok() ? Json(result.sound_path) : Json(nullptr);
  if (!result.voice.ok()) json["voice_error"] = result.voice.error().message;
  json["seconds"] = seconds;
  return json;
}

std::string DemoText(const DemoResult& result, double seconds, const Style& style) {
  std::string text = style.Bold(result.architecture) + ", trained on " +
                     Counted(static_cast<int64_t>(result.class_names.size()), "kind") +
                     " of made-up things, judged on " + Counted(result.test_pictures, "picture") +
                     "\n\n";
  Table table({{"weights", Align::kLeft},
               {"size", Align::kRight},
               {"smaller", Align::kRight},
               {"top-1", Align::kRight},
               {"change", Align::kRight}});
  table.AddRow(
      {"float32", FormatBytes(result.parameter_bytes), "1.00x", FormatPercent(result.top1), ""});
  for (const DemoRow& row : result.rows) {
    const double change = (row.top1 - result.top1) * 100;
    table.AddRow({"K=" + std::to_string(row.centroids), FormatBytes(row.file_bytes),
                  FormatFixed(row.ratio, 2) + "x", FormatPercent(row.top1),
                  (change > 0 ? "+" : "") + FormatFixed(change, 2) + " points"});
  }
  text += table.Render(style) + "\n";
  Facts facts;
  facts.Add("shown", Printable(result.picture_path) + ": " + result.shown);
  facts.Add("seen", style.Bold(result.seen) + ", " + FormatPercent(result.probability, 1) +
                        ", by " + Printable(result.recognised_by));
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
  if (arguments.Has("model")) options.model_path = arguments.Text("model");
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
    {.name = "model",
     .kind = ValueKind::kFile,
     .value_name = "FILE",
     .help = "The network to show",
     .default_note = "the one that comes with Deixis",
     .example = "models/demo.safetensors"},
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
        "Makes labelled pictures, judges the network that comes with Deixis on them, compresses it "
        "at several sizes, judges each from its file, writes the report with the study's plots, "
        "and says what it sees in one picture, into a WAV file.",
    .positionals = {},
    .flags = kFlags,
    .examples = kExamples,
    .run = RunDemoCommand,
};

}  // namespace deixis::cli
