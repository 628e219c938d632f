// `deixis train`: teaches a backbone new categories, or where a thing is, from a folder of
// pictures.
#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/interrupt.h"
#include "cli/models.h"
#include "cli/staged_file.h"
#include "cli/train_full.h"
#include "compress/picture_set.h"
#include "format/printable.h"
#include "network/model.h"
#include "pipeline/quick_teach.h"
#include "vision/dataset.h"

namespace deixis::cli {
namespace {

Status RunTrain(const Arguments& arguments, Console& console) {
  if (arguments.Text("method") == "full") return RunFullTraining(arguments, console);
  DEIXIS_RETURN_IF_ERROR(CheckNoFullTrainingFlags(arguments));
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
  PictureSet pictures(std::move(dataset), TeachingPreprocessing(backbone, task),
                      /*cache_bytes=*/0);

  QuickTeachOptions options;
  options.task = task;
  options.pooled_stages = static_cast<int>(arguments.Integer("pooled-stages"));
  options.varied_copies = static_cast<int>(arguments.Integer("varied-copies"));
  options.cache = EmbeddingCache::OfUser();
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
  facts.Add("taught by",
            Counted(taught.images, "picture") + " of " + Printable(folder) +
                (taught.views > 1 ? ", each in " + std::to_string(taught.views) + " views" : ""));
  const std::string figure = task == Task::kLocate
                                 ? FormatFixed(taught.held_out_error_px, 2) + " px mean error"
                                 : FormatPercent(taught.held_out_top1) + " named right";
  facts.Add("held out", figure + ", " + Counted(taught.held_out_images, "picture"));
  if (taught.unknown) {
    facts.Add("unknown things", FormatFixed(taught.unknown->roc, 4) + " area under the curve, " +
                                    FormatPercent(taught.unknown->fpr95, 1) +
                                    " false positives at 95 % recall; categories left out in turn");
  }
  if (taught.model.tells_presence) {
    facts.Add("presence", FormatFixed(taught.held_out_presence_roc, 4) + " area under the curve, " +
                              FormatPercent(taught.held_out_presence_fpr95, 1) +
                              " false positives at 95 % recall, held out");
  }
  console.Print(facts.Render(console.style()));
  Json result{{"model", out},           {"backbone", backbone_path}, {"data", folder},
              {"task", TaskName(task)}, {"method", "quick"},         {"images", taught.images},
              {"views", taught.views},  {"file_bytes", file_bytes}};
  const char* score = task == Task::kLocate ? "held_out_mean_error_px" : "held_out_top1";
  result[score] = task == Task::kLocate ? taught.held_out_error_px : taught.held_out_top1;
  if (taught.model.tells_presence) {
    result["held_out_presence_auroc"] = taught.held_out_presence_roc;
    result["held_out_presence_fpr_at_95_recall"] = taught.held_out_presence_fpr95;
  }
  result["held_out_images"] = taught.held_out_images;
  result["embed_seconds"] = taught.embed_seconds;
  result["fit_seconds"] = taught.fit_seconds;
  if (taught.unknown) {
    result["unknown_auroc"] = taught.unknown->roc;
    result["unknown_fpr_at_95_recall"] = taught.unknown->fpr95;
    result["unknown_accepted"] = taught.unknown->accepted;
    result["known_accepted"] = taught.unknown->recall;
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
    {.name = "method",
     .kind = ValueKind::kChoice,
     .value_name = "METHOD",
     .help = "Fit a new last layer in seconds, or train all of the network with deixis-train",
     .default_value = "quick",
     .allowed = "quick|full",
     .example = "full"},
    {.name = "pooled-stages",
     .kind = ValueKind::kInteger,
     .value_name = "N",
     .help =
         "quick: a classifier reads the means of the last maps of so many stages; 1 where all of "
         "the backbone was trained on such pictures",
     .default_value = "3",
     .example = "1",
     .minimum = 1,
     .maximum = 4},
    {.name = "varied-copies",
     .kind = ValueKind::kInteger,
     .value_name = "N",
     .help = "quick: so many copies of each picture, moved, turned and lit otherwise, teach a "
             "classifier too; fewer where there are more than 400 pictures, none beyond 1,000",
     .default_value = "4",
     .example = "0",
     .minimum = 0,
     .maximum = 64},
    {.name = "epochs",
     .kind = ValueKind::kInteger,
     .value_name = "N",
     .help = "full: passes over the pictures",
     .default_note = "10",
     .example = "25",
     .minimum = 1,
     .maximum = 100'000},
    {.name = "batch",
     .kind = ValueKind::kInteger,
     .value_name = "N",
     .help = "full: pictures per step",
     .default_note = "16",
     .example = "32",
     .minimum = 2,
     .maximum = 65'536},
    {.name = "learning-rate",
     .kind = ValueKind::kReal,
     .value_name = "RATE",
     .help = "full: at its highest",
     .default_note = "0.001",
     .example = "0.0005",
     .minimum = 1e-9,
     .maximum = 1e3},
    {.name = "input-px",
     .kind = ValueKind::kInteger,
     .value_name = "N",
     .help = "full: side of the network's input",
     .default_note = "the backbone's",
     .example = "128",
     .minimum = 16,
     .maximum = 1024},
    {.name = "frozen-stages",
     .kind = ValueKind::kInteger,
     .value_name = "N",
     .help = "full: stages that stay as they are, 1 the stem, 2..5 layer1..layer4 too",
     .default_note = "none",
     .example = "2",
     .minimum = 0,
     .maximum = 5},
    {.name = "patience",
     .kind = ValueKind::kInteger,
     .value_name = "N",
     .help = "full: end after so many epochs without a better one",
     .default_note = "never",
     .example = "5",
     .minimum = 0,
     .maximum = 100'000},
    {.name = "held-out",
     .kind = ValueKind::kFolder,
     .value_name = "DIR",
     .help = "full: pictures to judge epochs by",
     .default_note = "a fifth of DATA, whole sessions apart",
     .example = "more-things"},
    {.name = "held-out-where",
     .kind = ValueKind::kText,
     .value_name = "COLUMN=VALUE",
     .help = "full: rows of labels.csv or points.csv to judge epochs by",
     .example = "scene=garden"},
    {.name = "seed",
     .kind = ValueKind::kInteger,
     .value_name = "N",
     .help = "full: of the last layer, the order and the variations",
     .default_note = "1",
     .example = "2",
     .minimum = 0,
     .maximum = 1'000'000'000},
    {.name = "job",
     .kind = ValueKind::kFile,
     .value_name = "FILE",
     .help = "full: a JSON file with everything that deixis-train takes",
     .example = "job.json"},
    {.name = "resume", .help = "full: go on with a training that was interrupted"},
    kThreadsFlag,
};
constexpr Example kExamples[] = {
    {"train things/ --backbone resnet18.pth --out things.safetensors",
     "learn the categories of a folder"},
    {"train fingertips/ --task locate --backbone resnet18.pth --out tip.safetensors",
     "learn where the fingertip is"},
    {"train fingertips/ --task locate --method full --backbone resnet18.pth --input-px 128 "
     "--out tip.safetensors",
     "the same with all of the network, in minutes"},
};

}  // namespace

constinit const Command kTrainCommand = {
    .name = "train",
    .summary = "teach a network new categories, or where a thing is",
    .description =
        "The backbone stays as it is, also when it is compressed, and runs once over each picture, "
        "for categories over varied copies of it too; "
        "a new last layer is fitted to what it sees. What it saw is kept in ~/.cache/deixis (at "
        "most 1 GiB), so that teaching again takes a second or two. For categories the folder "
        "holds one folder of pictures per category, or "
        "a labels.csv; for locating a points.csv (file,x_px,y_px), or pictures named x_y_name.jpg "
        "in a folder per category. The figure given is of "
        "pictures held out: whole sessions and near duplicates together, or those that the column "
        "held_out names. --method full trains all of the network with deixis-train "
        "(docs/training.md), judges each epoch on held-out pictures and keeps the best; "
        "interrupted, it goes on with --resume.",
    .positionals = kPositionals,
    .flags = kFlags,
    .examples = kExamples,
    .run = RunTrain,
};

}  // namespace deixis::cli
