// `deixis eval`: how many pictures of a labelled folder a model names right.
#include "base/file.h"
#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/interrupt.h"
#include "cli/models.h"
#include "compress/evaluate.h"
#include "compress/metrics.h"
#include "compress/picture_set.h"
#include "format/printable.h"
#include "network/model.h"
#include "vision/csv.h"
#include "vision/dataset.h"

namespace deixis::cli {
namespace {

std::string PredictionsCsv(const Model& model, const Dataset& dataset,
                           const Evaluation& evaluation) {
  std::string csv = "file,label,predicted,predicted_name,correct\n";
  for (size_t i = 0; i < dataset.samples.size(); ++i) {
    const Sample& sample = dataset.samples[i];
    const int predicted = evaluation.predictions[i];
    csv += CsvField(sample.path) + "," + std::to_string(sample.label) + "," +
           std::to_string(predicted) + "," + CsvField(ClassName(model, predicted)) + "," +
           (predicted == sample.label ? "1" : "0") + "\n";
  }
  return csv;
}

struct ClassTally {
  int64_t images = 0;
  int64_t correct = 0;
};

std::vector<ClassTally> ByClass(const Model& model, const Dataset& dataset,
                                const Evaluation& evaluation) {
  std::vector<ClassTally> tallies(static_cast<size_t>(model.architecture.num_outputs));
  for (size_t i = 0; i < dataset.samples.size(); ++i) {
    ClassTally& tally = tallies[static_cast<size_t>(dataset.samples[i].label)];
    ++tally.images;
    if (evaluation.predictions[i] == dataset.samples[i].label) ++tally.correct;
  }
  return tallies;
}

// A name from the model, else from the folder.
std::string LabelName(const Model& model, const Dataset& dataset, size_t label) {
  if (label >= model.class_names.size() && label < dataset.class_names.size()) {
    return dataset.class_names[label];
  }
  return ClassName(model, static_cast<int64_t>(label));
}

struct Measured {
  const std::string& path;
  const std::string& folder;
  const Model& model;
  const Dataset& dataset;
  const Evaluation& evaluation;
  int num_threads = 1;
  // Scores of pictures of other things, and how many of those the model called unknown.
  std::vector<double> strangers = {};
  int64_t strangers_rejected = 0;
};

Json CommonJson(const Measured& measured) {
  return Json{{"model", measured.path},
              {"data", measured.folder},
              {"task", TaskName(measured.model.task)},
              {"activations", measured.model.activations.empty() ? "float32" : "int8"},
              {"images", measured.evaluation.images},
              {"seconds", measured.evaluation.seconds},
              {"threads", measured.num_threads}};
}

// With how the model is run, where that is not in float.
std::string ModelText(const Measured& measured) {
  return Printable(measured.path) + "  " + measured.model.architecture.name +
         (measured.model.activations.empty() ? "" : ", int8 activations");
}

std::string TimeText(const Measured& measured) {
  const Evaluation& evaluation = measured.evaluation;
  const double rate =
      evaluation.seconds > 0 ? static_cast<double>(evaluation.images) / evaluation.seconds : 0;
  return FormatSeconds(evaluation.seconds) + "  " + FormatFixed(rate, rate < 10 ? 1 : 0) +
         " pictures/s on " + Counted(measured.num_threads, "thread");
}

// Scores of pictures of things that have a name, and how many of them were called unknown.
struct Acquaintances {
  std::vector<double> scores;
  int64_t rejected = 0;
};

Acquaintances AcquaintancesOf(const Measured& measured) {
  Acquaintances known;
  const int nothing_label = NothingLabel(measured.model.class_names);
  for (size_t i = 0; i < measured.dataset.samples.size(); ++i) {
    if (measured.dataset.samples[i].label == nothing_label) continue;
    known.scores.push_back(measured.evaluation.known_scores[i]);
    known.rejected += measured.evaluation.called_unknown[i] ? 1 : 0;
  }
  return known;
}

double Share(int64_t part, size_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

// What the model does with things that it was not taught.
void ReportUnknown(const Measured& measured, Facts& facts, Json& result) {
  const bool rejects = measured.model.rejection || NothingLabel(measured.model.class_names) >= 0;
  const Acquaintances known = AcquaintancesOf(measured);
  if (rejects && !known.scores.empty()) {
    const double share = Share(known.rejected, known.scores.size());
    facts.Add("called unknown", FormatPercent(share, 1) + " of what it was taught");
    result["known_rejected"] = share;
  }
  if (measured.strangers.empty() || known.scores.empty()) return;
  const double roc = AreaUnderRoc(known.scores, measured.strangers);
  const double false_positives = FalsePositivesAtRecall(known.scores, measured.strangers, 0.95);
  std::string text = FormatFixed(roc, 4) + " area under the curve, " +
                     FormatPercent(false_positives, 1) + " false positives at 95 % recall";
  result["unknown_images"] = measured.strangers.size();
  result["unknown_auroc"] = roc;
  result["unknown_fpr_at_95_recall"] = false_positives;
  if (rejects) {
    const double share = Share(measured.strangers_rejected, measured.strangers.size());
    text += ", " + FormatPercent(share, 1) + " called unknown";
    result["unknown_rejected"] = share;
  }
  facts.Add("other things", text);
}

void ReportClassification(const Measured& measured, Console& console) {
  const Evaluation& evaluation = measured.evaluation;
  const Model& model = measured.model;
  const std::vector<ClassTally> tallies = ByClass(model, measured.dataset, evaluation);
  const bool has_top5 = model.architecture.num_outputs > 5;
  Json classes = Json::array();
  Table table({{"category", Align::kLeft},
               {"pictures", Align::kRight},
               {"right", Align::kRight},
               {"share", Align::kRight}});
  for (size_t label = 0; label < tallies.size(); ++label) {
    const ClassTally& tally = tallies[label];
    if (tally.images == 0) continue;
    const double share = static_cast<double>(tally.correct) / static_cast<double>(tally.images);
    const std::string name = LabelName(model, measured.dataset, label);
    classes.push_back(Json{{"label", name},
                           {"index", label},
                           {"images", tally.images},
                           {"correct", tally.correct},
                           {"top1", share}});
    table.AddRow({Printable(name), FormatInteger(tally.images), FormatInteger(tally.correct),
                  FormatPercent(share, 1)});
  }

  const Style style = console.style();
  Facts facts;
  facts.Add("model", ModelText(measured));
  facts.Add("data", Printable(measured.folder));
  facts.Add("top-1", style.Bold(FormatPercent(evaluation.top1())) + "  " +
                         FormatInteger(evaluation.correct) + " of " +
                         Counted(evaluation.images, "picture"));
  if (has_top5) facts.Add("top-5", FormatPercent(evaluation.top5()));
  facts.Add("cross entropy", FormatFixed(evaluation.mean_cross_entropy, 4));
  Json result = CommonJson(measured);
  ReportUnknown(measured, facts, result);
  facts.Add("time", TimeText(measured));
  console.Print(facts.Render(style) + "\n");
  // A thousand categories are for programs.
  constexpr size_t kMostCategories = 40;
  console.Print(classes.size() <= kMostCategories
                    ? table.Render(style)
                    : std::to_string(classes.size()) + " categories; --json lists each\n");

  result["correct"] = evaluation.correct;
  result["top1"] = evaluation.top1();
  result["top5"] = has_top5 ? Json(evaluation.top5()) : Json(nullptr);
  result["mean_cross_entropy"] = evaluation.mean_cross_entropy;
  result["classes"] = std::move(classes);
  console.SetResult("eval", std::move(result));
}

void ReportLocation(const Measured& measured, Console& console) {
  const Evaluation& evaluation = measured.evaluation;
  Facts facts;
  facts.Add("model", ModelText(measured));
  facts.Add("data", Printable(measured.folder));
  facts.Add("error", console.style().Bold(FormatFixed(evaluation.mean_error_px(), 2) + " px") +
                         " mean, " + FormatFixed(evaluation.median_error_px(), 2) + " median, " +
                         FormatFixed(evaluation.p95_error_px(), 2) + " p95");
  const auto& marked = evaluation.presence_where_marked;
  const auto& absent = evaluation.presence_where_absent;
  const bool judges_presence = !marked.empty() && !absent.empty();
  const double roc = AreaUnderRoc(marked, absent);
  const double false_positives = FalsePositivesAtRecall(marked, absent, 0.95);
  if (judges_presence) {
    facts.Add("presence", FormatFixed(roc, 4) + " area under the curve, " +
                              FormatPercent(false_positives, 1) +
                              " false positives at 95 % recall");
  }
  facts.Add("pictures", FormatInteger(evaluation.images) + ", " +
                            FormatInteger(static_cast<int64_t>(evaluation.errors_px.size())) +
                            " of them marked");
  facts.Add("time", TimeText(measured));
  console.Print(facts.Render(console.style()));

  Json result = CommonJson(measured);
  result["marked"] = evaluation.errors_px.size();
  result["mean_error_px"] = evaluation.mean_error_px();
  result["median_error_px"] = evaluation.median_error_px();
  result["p95_error_px"] = evaluation.p95_error_px();
  if (judges_presence) {
    result["presence_auroc"] = roc;
    result["presence_fpr_at_95_recall"] = false_positives;
  }
  console.SetResult("eval", std::move(result));
}

// Pictures of other things, whatever their folders are called.
Status LookAtStrangers(const std::string& folder, const EvaluateOptions& options,
                       Measured& measured) {
  DEIXIS_ASSIGN(Dataset dataset, OpenDataset(folder));
  dataset.class_names.clear();
  for (Sample& sample : dataset.samples) sample.label = 0;
  dataset.num_classes = 1;
  PictureSet pictures(std::move(dataset), measured.model.preprocessing, /*cache_bytes=*/0);
  DEIXIS_ASSIGN(Evaluation evaluation, Evaluate(measured.model, pictures, options));
  measured.strangers = std::move(evaluation.known_scores);
  for (const bool rejected : evaluation.called_unknown) {
    measured.strangers_rejected += rejected ? 1 : 0;
  }
  return Ok();
}

Status RunEval(const Arguments& arguments, Console& console) {
  const std::string& path = arguments.words().front();
  const std::string& folder = arguments.Text("data");
  if (arguments.Has("predictions")) {
    const std::string& predictions = arguments.Text("predictions");
    DEIXIS_RETURN_IF_ERROR(CheckOutput("--predictions", predictions, path, /*overwrite=*/true));
    DeclareOutput(predictions);
  }
  DEIXIS_ASSIGN(const Model model, LoadModel(path));
  if (model.task == Task::kLocate && arguments.Has("predictions")) {
    return UsageError("--predictions is for models that classify, and " + path + " locates",
                      "leave the flag out");
  }
  if (model.task == Task::kLocate && arguments.Has("unknown")) {
    return UsageError("--unknown is for models that classify, and " + path + " locates",
                      "leave the flag out");
  }
  DEIXIS_ASSIGN(Dataset opened, OpenDatasetFor(model, folder));
  WarnOfSkipped(opened, console);
  PictureSet pictures(std::move(opened), model.preprocessing, /*cache_bytes=*/0);
  const Dataset& dataset = pictures.dataset();
  EvaluateOptions options;
  options.num_threads = ThreadsOf(arguments);
  options.progress = [&](int64_t done, int64_t total) {
    console.Progress("evaluating", done, total);
    return true;
  };
  DEIXIS_ASSIGN(const Evaluation evaluation, Evaluate(model, pictures, options));
  console.EndProgress();
  if (arguments.Has("predictions")) {
    DEIXIS_RETURN_IF_ERROR(WriteFileAtomically(arguments.Text("predictions"),
                                               PredictionsCsv(model, dataset, evaluation)));
  }
  Measured measured{.path = path,
                    .folder = folder,
                    .model = model,
                    .dataset = dataset,
                    .evaluation = evaluation,
                    .num_threads = options.num_threads};
  if (arguments.Has("unknown")) {
    DEIXIS_RETURN_IF_ERROR(LookAtStrangers(arguments.Text("unknown"), options, measured));
    console.EndProgress();
  }
  if (model.task == Task::kClassify) {
    ReportClassification(measured, console);
  } else {
    ReportLocation(measured, console);
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
     .help = "Labelled pictures: a folder per category, or a labels.csv",
     .example = "photos/test",
     .required = true},
    {.name = "unknown",
     .kind = ValueKind::kFolder,
     .value_name = "DIR",
     .help = "Also tell how well it rejects these: pictures of other things, in folders",
     .example = "photos/others"},
    {.name = "predictions",
     .kind = ValueKind::kFile,
     .value_name = "FILE",
     .help = "Also write a CSV file with the answer for each picture",
     .example = "answers.csv"},
    kThreadsFlag,
};
constexpr Example kExamples[] = {
    {"eval resnet20.th --data cifar10/test", "how many of the pictures it names right"},
    {"eval resnet20.th --data cifar10/test --json", "the same for programs: images, top1, ..."},
    {"eval resnet20.th --data cifar10/test --predictions answers.csv", "which ones"},
    {"eval things.safetensors --data things/ --unknown others/",
     "whether it also knows what it does not know"},
};

}  // namespace

constinit const Command kEvalCommand = {
    .name = "eval",
    .summary = "measure a model on labelled pictures",
    .description =
        "The folder holds one folder of pictures per category, or a labels.csv with the columns "
        "file and label. Pictures are prepared as the model says and run one by one, one thread "
        "per picture.",
    .positionals = kPositionals,
    .flags = kFlags,
    .examples = kExamples,
    .run = RunEval,
};

}  // namespace deixis::cli
