// `deixis study`: the study's tables and plots for one layer, and for the whole network.
#include <memory>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/interrupt.h"
#include "cli/models.h"
#include "compress/picture_set.h"
#include "compress/study.h"
#include "format/printable.h"
#include "network/model.h"

namespace deixis::cli {
namespace {

// "93.40 %" or "8.21 px".
std::string ScoreText(const Study& study, double score) {
  return study.task == Task::kClassify ? FormatPercent(score) : FormatFixed(score, 2) + " px";
}

std::string CasesText(const Study& study, const Style& style) {
  const std::string score = study.task == Task::kClassify ? "top-1" : "mean error";
  Table table({{"K", Align::kRight},
               {"bits", Align::kRight},
               {"size", Align::kRight},
               {score, Align::kRight},
               {"without the centroid nearest 0", Align::kRight},
               {"zeros", Align::kRight}});
  for (const StudyCase& item : study.cases) {
    table.AddRow({std::to_string(item.centroids), std::to_string(item.bits_per_index),
                  FormatBytes(item.bytes), ScoreText(study, item.score),
                  ScoreText(study, item.pruned.score), FormatPercent(item.pruned.sparsity, 1)});
  }
  return table.Render(style);
}

std::string PlansText(const Study& study, const Style& style) {
  const std::string score = study.task == Task::kClassify ? "top-1" : "mean error";
  Table table({{"codebook per", Align::kLeft},
               {"K", Align::kRight},
               {"calibrated", Align::kLeft},
               {"file", Align::kRight},
               {"smaller", Align::kRight},
               {score, Align::kRight}});
  for (const StudyPlan& plan : study.plans) {
    table.AddRow({std::string(GranularityName(plan.granularity)), std::to_string(plan.centroids),
                  plan.calibrated ? "yes" : "no", FormatBytes(plan.bytes),
                  FormatFixed(plan.ratio, 2) + "x", ScoreText(study, plan.score)});
  }
  return table.Render(style);
}

Json StudyJson(const Study& study, const std::string& folder) {
  // top1 for one task, mean_error_px for the other: the keys of `deixis eval`.
  const char* score = study.task == Task::kClassify ? "top1" : "mean_error_px";
  Json cases = Json::array();
  for (const StudyCase& item : study.cases) {
    cases.push_back(Json{{"centroids", item.centroids},
                         {"bits_per_index", item.bits_per_index},
                         {"bytes", item.bytes},
                         {"weight_mse", item.weight_mse},
                         {score, item.score},
                         {"pruned",
                          {{"sparsity", item.pruned.sparsity},
                           {"weight_mse", item.pruned.weight_mse},
                           {score, item.pruned.score}}}});
  }
  Json plans = Json::array();
  for (const StudyPlan& plan : study.plans) {
    plans.push_back(Json{{"granularity", GranularityName(plan.granularity)},
                         {"centroids", plan.centroids},
                         {"calibrated", plan.calibrated},
                         {"bytes", plan.bytes},
                         {"ratio", plan.ratio},
                         {score, plan.score}});
  }
  return Json{{"model", study.model_path},
              {"architecture", study.architecture},
              {"data", study.data_folder},
              {"images", study.images},
              {"baseline", {{score, study.baseline_score}}},
              {"layer", study.layer},
              {"nodes", study.nodes},
              {"weights_per_node", study.weights_per_node},
              {"cases", std::move(cases)},
              {"plans", std::move(plans)},
              {"page", folder + "/index.html"},
              {"out", folder}};
}

Status RunStudyCommand(const Arguments& arguments, Console& console) {
  const std::string& path = arguments.words().front();
  const std::string& folder = arguments.Text("out");
  DEIXIS_ASSIGN(const Model model, LoadModel(path));
  DEIXIS_ASSIGN(Dataset dataset, OpenDatasetFor(model, arguments.Text("data")));
  WarnOfSkipped(dataset, console);
  PictureSet pictures(std::move(dataset), model.preprocessing);
  std::unique_ptr<PictureSet> calibration;
  if (arguments.Has("calibration")) {
    DEIXIS_ASSIGN(Dataset opened, OpenDatasetFor(model, arguments.Text("calibration")));
    WarnOfSkipped(opened, console);
    calibration = std::make_unique<PictureSet>(std::move(opened), model.preprocessing);
  }
  StudyOptions options;
  if (arguments.Has("layer")) options.layer = arguments.Text("layer");
  options.centroids = arguments.Integers("centroids");
  options.whole_network = !arguments.Switch("layer-only");
  options.num_threads = ThreadsOf(arguments);
  options.progress = [&](const std::string& stage, double done) {
    console.ProgressShare("studying", done, stage);
    return true;
  };
  DEIXIS_ASSIGN(const Study study, RunStudy(model, path, pictures, calibration.get(), options));
  DeclareOutput(folder);
  DEIXIS_RETURN_IF_ERROR(WriteStudy(study, folder));
  console.SetResult("study", StudyJson(study, folder));

  const Style style = console.style();
  Facts facts;
  facts.Add("model", Printable(path) + "  " + study.architecture);
  facts.Add("data", Counted(study.images, "picture") + " of " + Printable(study.data_folder));
  facts.Add("as trained", style.Bold(ScoreText(study, study.baseline_score)));
  facts.Add("layer", study.layer + ": " + Counted(study.nodes, "node") + " of " +
                         Counted(study.weights_per_node, "weight") + ", a codebook for each node");
  facts.Add("page", Printable(folder) + "/index.html");
  console.Print(facts.Render(style) + "\n" + CasesText(study, style));
  if (!study.plans.empty()) {
    console.Print("\n" + style.Bold("The whole network") + "\n" + PlansText(study, style));
  }
  return Ok();
}

constexpr Positional kPositionals[] = {
    {.name = "MODEL", .help = "A network that Deixis knows"},
};
constexpr Flag kFlags[] = {
    {.name = "data",
     .kind = ValueKind::kFolder,
     .value_name = "DIR",
     .help = "Labelled pictures to measure on",
     .example = "photos/test",
     .required = true},
    {.name = "out",
     .letter = 'o',
     .kind = ValueKind::kFolder,
     .value_name = "DIR",
     .help = "Where to write index.html, study.json and the tables as CSV",
     .example = "study",
     .required = true},
    {.name = "layer",
     .kind = ValueKind::kText,
     .value_name = "NAME",
     .help = "The layer to look at closely",
     .default_note = "the last one",
     .example = "fc"},
    {.name = "centroids",
     .letter = 'k',
     .kind = ValueKind::kIntegers,
     .value_name = "LIST",
     .help = "The numbers of centroids to try",
     .default_value = "2,3,8,16",
     .example = "2,3,8,16",
     .minimum = 2,
     .maximum = kMaxCentroids},
    {.name = "calibration",
     .kind = ValueKind::kFolder,
     .value_name = "DIR",
     .help = "Other pictures, to also compress the whole network as `deixis compress` does",
     .default_note = "none: weights only",
     .example = "photos/train"},
    {.name = "layer-only", .help = "Leave the whole network out: much quicker"},
    kThreadsFlag,
};
constexpr Example kExamples[] = {
    {"study resnet18.pth --data photos/test --layer fc --centroids 2,3,8,16 --out study",
     "the study of one layer, then of all"},
    {"study resnet18.pth --data photos/test --out study --calibration photos/train",
     "with what calibration gains"},
};

}  // namespace

constinit const Command kStudyCommand = {
    .name = "study",
    .summary = "what sharing weights costs: tables and plots",
    .description =
        "Clusters the weights of each output node of one layer into K centroids, for every K; "
        "measures the network with them, and again with the centroid nearest to zero set to zero. "
        "Then the same for the whole network, at every granularity. The page needs no network and "
        "no other file.",
    .positionals = kPositionals,
    .flags = kFlags,
    .examples = kExamples,
    .run = RunStudyCommand,
};

}  // namespace deixis::cli
