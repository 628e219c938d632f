// `deixis train`: teaches a backbone new categories, or where a thing is, from a folder of
// pictures.
#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/interrupt.h"
#include "cli/models.h"
#include "cli/staged_file.h"
#include "compress/picture_set.h"
#include "format/printable.h"
#include "network/model.h"
#include "pipeline/quick_teach.h"
#include "vision/dataset.h"

namespace deixis::cli {
namespace {

Status RunTrain(const Arguments& arguments, Console& console) {
  const std::string& folder = arguments.words().front();
  const std::string& backbone_path = arguments.Text("backbone");
  const std::string& out = arguments.Text("out");
  DEIXIS_RETURN_IF_ERROR(CheckOutput("--out", out, backbone_path, arguments.Switch("overwrite")));
  DeclareOutput(out);
  DEIXIS_ASSIGN(const Model backbone, LoadModel(backbone_path));
  const Task task = arguments.Text("task") == "locate" ? Task::kLocate : Task::kClassify;
  DEIXIS_ASSIGN(Dataset dataset,
                task == Task::kLocate ? OpenPointDataset(folder) : OpenDataset(folder));
  WarnOfSkipped(dataset, console);
  PictureSet pictures(std::move(dataset), backbone.preprocessing, /*cache_bytes=*/0);

  QuickTeachOptions options;
  options.task = task;
  options.num_threads = ThreadsOf(arguments);
  options.progress = [&](int64_t done, int64_t total) {
    console.Progress("looking at the pictures", done, total);
    return true;
  };
  DEIXIS_ASSIGN(const QuickTeachResult taught, QuickTeach(backbone, pictures, options));
  console.EndProgress();
  StagedFile staged(out);
  DEIXIS_RETURN_IF_ERROR(SaveModel(staged.path(), taught.model));
  DEIXIS_ASSIGN(const int64_t file_bytes, FileBytes(staged.path()));
  DEIXIS_RETURN_IF_ERROR(staged.Commit());

  Facts facts;
  facts.Add("model", Printable(out) + "  " + FormatBytes(file_bytes));
  facts.Add("backbone", Printable(backbone_path) + "  " + backbone.architecture.name);
  facts.Add("taught by", Counted(taught.images, "picture") + " of " + Printable(folder));
  facts.Add("held out", task == Task::kLocate
                            ? FormatFixed(taught.held_out_error_px, 2) + " px mean error"
                            : FormatPercent(taught.held_out_top1) + " named right");
  if (taught.model.tells_presence) {
    facts.Add("presence", FormatFixed(taught.held_out_presence_roc, 4) + " area under the curve, " +
                              FormatPercent(taught.held_out_presence_fpr95, 1) +
                              " false positives at 95 % recall, held out");
  }
  console.Print(facts.Render(console.style()));
  Json result{{"model", out},
              {"backbone", backbone_path},
              {"data", folder},
              {"task", TaskName(task)},
              {"method", "quick"},
              {"images", taught.images},
              {"file_bytes", file_bytes}};
  const char* score = task == Task::kLocate ? "held_out_mean_error_px" : "held_out_top1";
  result[score] = task == Task::kLocate ? taught.held_out_error_px : taught.held_out_top1;
  if (taught.model.tells_presence) {
    result["held_out_presence_auroc"] = taught.held_out_presence_roc;
    result["held_out_presence_fpr_at_95_recall"] = taught.held_out_presence_fpr95;
  }
  console.SetResult("train", std::move(result));
  return Ok();
}

constexpr Positional kPositionals[] = {
    {.name = "DATA", .kind = ValueKind::kFolder, .help = "Labelled or marked pictures"},
};
constexpr Flag kFlags[] = {
    {.name = "task",
     .kind = ValueKind::kChoice,
     .value_name = "TASK",
     .help = "Name what a picture shows, or locate a marked thing in it",
     .default_value = "classify",
     .allowed = "classify|locate",
     .example = "locate"},
    {.name = "backbone",
     .kind = ValueKind::kFile,
     .value_name = "MODEL",
     .help = "A trained network; all of it is kept but the last layer",
     .example = "resnet18.pth",
     .required = true},
    {.name = "out",
     .kind = ValueKind::kFile,
     .value_name = "FILE",
     .help = "Where the taught model goes (.safetensors)",
     .example = "things.safetensors",
     .required = true},
    {.name = "overwrite", .help = "Replace FILE if it is there; never the backbone"},
    kThreadsFlag,
};
constexpr Example kExamples[] = {
    {"train things/ --backbone resnet18.pth --out things.safetensors",
     "learn the categories of a folder"},
    {"train fingertips/ --task locate --backbone resnet18.pth --out tip.safetensors",
     "learn where the fingertip is"},
};

}  // namespace

constinit const Command kTrainCommand = {
    .name = "train",
    .summary = "teach a network new categories, or where a thing is",
    .description =
        "The backbone stays as it is and runs once over each picture; a new last layer is fitted "
        "to what it sees. For categories the folder holds one folder of pictures per category, or "
        "a labels.csv; for locating a points.csv (file,x_px,y_px), or pictures named x_y_name.jpg "
        "in a folder per category. The figure given is of pictures left out in turn.",
    .positionals = kPositionals,
    .flags = kFlags,
    .examples = kExamples,
    .run = RunTrain,
};

}  // namespace deixis::cli
