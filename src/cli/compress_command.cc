// `deixis compress`: a smaller model, and what that cost, measured from the file that was written.
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <system_error>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/compress_outcome.h"
#include "cli/console.h"
#include "cli/interrupt.h"
#include "cli/models.h"
#include "cli/staged_file.h"
#include "cli/trained_centroids.h"
#include "compress/compress.h"
#include "compress/evaluate.h"
#include "compress/picture_set.h"
#include "compress/search.h"
#include "compress/written_model.h"
#include "format/digest.h"
#include "format/model_tensors.h"
#include "format/printable.h"
#include "network/model.h"
#include "network/model_size.h"

namespace deixis::cli {
namespace {

Granularity GranularityOf(const std::string& name) {
  if (name == "row") return Granularity::kRow;
  return name == "tensor" ? Granularity::kTensor : Granularity::kGroup;
}

RangeMethod RangeMethodOf(const std::string& name) {
  if (name == "min-max") return RangeMethod::kMinMax;
  return name == "percentile" ? RangeMethod::kPercentile : RangeMethod::kMse;
}

// K for each layer is found, not given.
bool Searches(const Arguments& arguments) {
  return arguments.Has("target-bytes") ||
         (arguments.Has("max-drop") && !arguments.Given("centroids"));
}

// With eight-bit activations the weights are plain int8 unless somebody asks for codebooks.
WeightForm FormOf(const Arguments& arguments) {
  const bool is_int8 =
      arguments.Has("activations") && !arguments.Given("centroids") && !Searches(arguments);
  return is_int8 ? WeightForm::kInt8 : WeightForm::kCodebook;
}

std::string WeightsText(const Arguments& arguments) {
  if (FormOf(arguments) == WeightForm::kInt8) return "int8 weights";
  if (arguments.Has("target-bytes")) return "";
  return "one codebook per " + arguments.Text("granularity");
}

DType CodebookDTypeOf(const std::string& name) {
  if (name == "float32") return DType::kF32;
  return name == "float16" ? DType::kF16 : DType::kI8;
}

Status CheckActivations(const Arguments& arguments) {
  if (!arguments.Has("activations")) {
    for (const char* flag : {"observer", "percentile"}) {
      if (arguments.Given(flag)) {
        return UsageError("--" + std::string(flag) + " is for --activations int8",
                          "add --activations int8");
      }
    }
    return Ok();
  }
  if (!arguments.Has("data")) {
    return UsageError("--activations int8 needs pictures to find the ranges with",
                      "add --data DIR");
  }
  if (arguments.Given("percentile") && arguments.Text("observer") != "percentile") {
    return UsageError("--percentile is for --observer percentile", "add --observer percentile");
  }
  if (arguments.Text("codebook") != "int8") {
    return UsageError(
        "--activations int8 computes on centroids of int8, not " + arguments.Text("codebook"),
        "leave --codebook out");
  }
  if (FormOf(arguments) == WeightForm::kCodebook) return Ok();
  const bool by_centroid = arguments.Has("prune") && arguments.Text("prune") == "nearest-zero";
  if (arguments.Given("granularity") || by_centroid) {
    return UsageError(std::string(by_centroid ? "--prune nearest-zero" : "--granularity") +
                          " is about codebooks, and --activations int8 alone makes int8 weights",
                      "add --centroids 16");
  }
  return Ok();
}

// What flags mean together, which no single record can say.
Status CheckCombination(const Arguments& arguments) {
  const std::string& out = arguments.Text("out");
  if (std::filesystem::path(out).extension() != ".safetensors") {
    return UsageError("--out " + out + ": expected a name that ends in .safetensors",
                      "`deixis convert` writes a compressed model in other formats");
  }
  const bool has_pictures = arguments.Has("data") || arguments.Has("eval");
  if (arguments.Has("max-drop") && !has_pictures) {
    return UsageError("--max-drop needs labelled pictures to measure on", "add --data DIR");
  }
  if (arguments.Given("centroids") && arguments.Has("target-bytes")) {
    return UsageError("--centroids and --target-bytes contradict each other",
                      "with a target the number of centroids is chosen for each layer");
  }
  if (arguments.Has("target-bytes") && arguments.Switch("archive")) {
    return UsageError("--target-bytes counts indices packed, not as --archive codes them",
                      "leave one of the two out");
  }
  const bool searches =
      arguments.Has("max-drop") && !arguments.Given("centroids") && !arguments.Has("target-bytes");
  if (searches && !arguments.Has("data")) {
    return UsageError("--max-drop without --centroids searches, and that needs --data",
                      "add --data DIR, or fix --centroids");
  }
  const bool by_magnitude = arguments.Has("prune") && arguments.Text("prune") == "magnitude";
  if (by_magnitude && !arguments.Has("sparsity")) {
    return UsageError("--prune magnitude needs --sparsity", "for example: --sparsity 0.5");
  }
  if (!by_magnitude && arguments.Has("sparsity")) {
    return UsageError("--sparsity is for --prune magnitude", "add --prune magnitude");
  }
  if (arguments.Given("finetune-epochs") && !arguments.Has("finetune")) {
    return UsageError("--finetune-epochs is for --finetune", "add --finetune DIR");
  }
  return CheckActivations(arguments);
}

CompressOptions OptionsOf(const Arguments& arguments, Console& console) {
  CompressOptions options;
  options.layers = arguments.Text("layers");
  options.form = FormOf(arguments);
  if (arguments.Has("activations")) {
    options.activations = RangeOptions{.method = RangeMethodOf(arguments.Text("observer")),
                                       .percentile = arguments.Real("percentile")};
  }
  options.num_centroids = static_cast<int>(arguments.Integer("centroids"));
  options.granularity = GranularityOf(arguments.Text("granularity"));
  options.codebook_dtype = CodebookDTypeOf(arguments.Text("codebook"));
  if (arguments.Has("prune")) {
    options.prune_nearest_zero = arguments.Text("prune") == "nearest-zero";
  }
  if (arguments.Has("sparsity")) options.sparsity = arguments.Real("sparsity");
  options.num_threads = ThreadsOf(arguments);
  options.progress = [&console](const CompressProgress& progress) {
    console.ProgressShare("compressing", progress.fraction, progress.layer);
    return true;
  };
  return options;
}

// The pictures that a model is calibrated with and those that it is judged on; may be the same.
struct Pictures {
  std::unique_ptr<PictureSet> calibration;  // null without --data
  std::unique_ptr<PictureSet> test;         // null without --eval
  PictureSet* judged_on() const { return test ? test.get() : calibration.get(); }
};

Result<std::unique_ptr<PictureSet>> OpenPictures(const Model& model, const std::string& folder,
                                                 Console& console) {
  DEIXIS_ASSIGN(Dataset dataset, OpenDatasetFor(model, folder));
  WarnOfSkipped(dataset, console);
  return std::make_unique<PictureSet>(std::move(dataset), model.preprocessing);
}

Result<std::optional<Score>> Judge(const Model& model, PictureSet* pictures, int num_threads,
                                   const std::string& task, Console& console) {
  if (pictures == nullptr) return std::optional<Score>();
  EvaluateOptions options;
  options.num_threads = num_threads;
  options.keep_logits = model.task == Task::kClassify;
  options.progress = [&](int64_t done, int64_t total) {
    console.Progress(task, done, total);
    return true;
  };
  DEIXIS_ASSIGN(Evaluation evaluation, Evaluate(model, *pictures, options));
  return std::optional<Score>(Score{.task = model.task, .evaluation = std::move(evaluation)});
}

Result<CompressedModel> CompressAsAsked(const Arguments& arguments, const Model& model,
                                        PictureSet* calibration, const CompressOptions& options) {
  if (arguments.Has("target-bytes")) {
    DEIXIS_ASSIGN(const auto plan,
                  PlanForBytes(model, calibration, arguments.Bytes("target-bytes"), options));
    return CompressByPlan(model, plan, calibration, options);
  }
  if (arguments.Has("max-drop") && !arguments.Given("centroids")) {
    DEIXIS_ASSIGN(SearchOutcome outcome,
                  CompressWithinDrop(model, *calibration, arguments.Real("max-drop"), options));
    return std::move(outcome.compressed);
  }
  return Compress(model, calibration, options);
}

// The gate of --max-drop.
Status CheckDrop(const Arguments& arguments, const Outcome& outcome) {
  if (!arguments.Has("max-drop")) return Ok();
  const double allowed = arguments.Real("max-drop");
  const double drop = (outcome.before->evaluation.top1() - outcome.after->evaluation.top1()) * 100;
  // A picture is never split: a drop of exactly the limit must not fail by rounding.
  if (drop <= allowed + 1e-9) return Ok();
  return Error{ErrorCode::kQualityMissed,
               "top-1 dropped by " + FormatFixed(drop, 2) + " points, more than the " +
                   FormatFixed(allowed, 2) + " that --max-drop allows; nothing was written",
               "use more --centroids, leave layers out with --layers, or give more pictures with "
               "--data"};
}

Status RunCompress(const Arguments& arguments, Console& console) {
  const auto start = std::chrono::steady_clock::now();
  DEIXIS_RETURN_IF_ERROR(CheckCombination(arguments));
  Outcome outcome;
  outcome.source = arguments.words().front();
  outcome.out = arguments.Text("out");
  DEIXIS_RETURN_IF_ERROR(
      CheckOutput("--out", outcome.out, outcome.source, arguments.Switch("overwrite")));
  DEIXIS_ASSIGN(const Model model, LoadModel(outcome.source));
  outcome.model = &model;
  if (arguments.Has("max-drop") && model.task != Task::kClassify) {
    return UsageError("--max-drop is for models that classify, and " + outcome.source + " locates",
                      "leave the flag out");
  }
  Pictures pictures;
  if (arguments.Has("data")) {
    outcome.calibrated_on = outcome.judged_on = arguments.Text("data");
    DEIXIS_ASSIGN(pictures.calibration, OpenPictures(model, outcome.calibrated_on, console));
  }
  if (arguments.Has("eval")) {
    outcome.judged_on = arguments.Text("eval");
    DEIXIS_ASSIGN(pictures.test, OpenPictures(model, outcome.judged_on, console));
  }

  const CompressOptions options = OptionsOf(arguments, console);
  DEIXIS_RETURN_IF_ERROR(options.Validate());
  DEIXIS_ASSIGN(outcome.before, Judge(model, pictures.judged_on(), options.num_threads,
                                      "measuring the original", console));
  DEIXIS_ASSIGN(CompressedModel compressed,
                CompressAsAsked(arguments, model, pictures.calibration.get(), options));
  outcome.compressed = &compressed;
  if (arguments.Has("finetune")) {
    DEIXIS_ASSIGN(compressed.model,
                  TrainedCentroids(arguments, outcome.source, compressed.model, console));
  }

  DEIXIS_ASSIGN(const std::string sha256, Sha256OfFile(outcome.source));
  SetProvenance(kSourceDigestKey, sha256, compressed.model);
  TensorFile file = ModelToTensors(compressed.model);
  outcome.archived = arguments.Switch("archive");
  if (outcome.archived) {
    DEIXIS_ASSIGN(file, ToArchiveForm(file));
  }
  StagedFile staged(outcome.out);
  // From here on only the file counts.
  DEIXIS_ASSIGN(const WrittenModel result, WriteAndReload(staged.path(), file));
  DEIXIS_ASSIGN(outcome.after, Judge(result.model, pictures.judged_on(), options.num_threads,
                                     "measuring the result", console));
  DEIXIS_ASSIGN(outcome.source_bytes, FileBytes(outcome.source));
  outcome.file_bytes = result.file_bytes;
  outcome.weights = WeightsText(arguments);
  if (outcome.before && model.task == Task::kClassify) {
    outcome.comparison =
        CompareLogits(outcome.before->evaluation.logits, outcome.after->evaluation.logits,
                      model.architecture.num_outputs);
  }
  outcome.float32_bytes = Fp32Bytes(model.graph);
  Status status = CheckDrop(arguments, outcome);
  if (status.ok()) status = staged.Commit();
  outcome.written = status.ok();
  outcome.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  console.SetResult("compress", OutcomeJson(outcome));
  console.Print(OutcomeText(outcome, console.style()));
  return status;
}

constexpr Positional kPositionals[] = {
    {.name = "MODEL", .help = "A network that Deixis knows"},
};
constexpr Flag kFlags[] = {
    {.name = "out",
     .letter = 'o',
     .kind = ValueKind::kFile,
     .value_name = "FILE",
     .help = "Where to write the compressed model (.safetensors)",
     .example = "small.safetensors",
     .required = true},
    {.name = "data",
     .kind = ValueKind::kFolder,
     .value_name = "DIR",
     .help = "Pictures to calibrate with, and to measure on unless --eval is given",
     .default_note = "none: weights only, accuracy not measured",
     .example = "photos/train"},
    {.name = "eval",
     .kind = ValueKind::kFolder,
     .value_name = "DIR",
     .help = "Labelled pictures to measure on",
     .default_note = "those of --data",
     .example = "photos/test"},
    {.name = "finetune",
     .kind = ValueKind::kFolder,
     .value_name = "DIR",
     .help = "Then train the centroids with deixis-train to answer as the original on these "
             "labelled pictures",
     .example = "photos/train"},
    {.name = "finetune-epochs",
     .kind = ValueKind::kInteger,
     .value_name = "N",
     .help = "Passes over the pictures of --finetune",
     .default_note = "4",
     .example = "8",
     .minimum = 1,
     .maximum = 10'000},
    {.name = "centroids",
     .letter = 'k',
     .kind = ValueKind::kInteger,
     .value_name = "K",
     .help = "Centroids of each codebook: 16 makes 4-bit indices",
     .default_value = "16",
     .environment = "DEIXIS_CENTROIDS",
     .example = "8",
     .minimum = 2,
     .maximum = kMaxCentroids},
    {.name = "granularity",
     .kind = ValueKind::kChoice,
     .value_name = "G",
     .help = "What shares a codebook: an output channel, four of them, or the layer",
     .default_value = "group",
     .environment = "DEIXIS_GRANULARITY",
     .allowed = "row|group|tensor",
     .example = "row"},
    {.name = "layers",
     .kind = ValueKind::kText,
     .value_name = "REGEX",
     .help = "The layers to compress: all, or a regular expression for whole names",
     .default_value = "all",
     .example = "'layer[234].*'"},
    {.name = "target-bytes",
     .kind = ValueKind::kBytes,
     .value_name = "SIZE",
     .help = "Choose the centroids of each layer so that the file takes at most this",
     .example = "400k"},
    {.name = "max-drop",
     .kind = ValueKind::kReal,
     .value_name = "POINTS",
     .help = "Allow at most this loss of top-1 in percentage points; without --centroids, search "
             "for the smallest file that keeps it",
     .example = "0.5",
     .minimum = 0,
     .maximum = 100},
    {.name = "prune",
     .kind = ValueKind::kChoice,
     .value_name = "HOW",
     .help = "Set weights to 0: those of the centroid nearest to zero, or the smallest",
     .allowed = "nearest-zero|magnitude",
     .example = "nearest-zero"},
    {.name = "sparsity",
     .kind = ValueKind::kReal,
     .value_name = "SHARE",
     .help = "Of the weights of each layer that --prune magnitude sets to 0",
     .example = "0.5",
     .minimum = 0,
     .maximum = 0.99},
    {.name = "codebook",
     .kind = ValueKind::kChoice,
     .value_name = "DTYPE",
     .help = "How centroids are stored; int8 is smallest",
     .default_value = "int8",
     .allowed = "int8|float16|float32",
     .example = "float16"},
    {.name = "activations",
     .kind = ValueKind::kChoice,
     .value_name = "TYPE",
     .help = "Also keep what layers pass on in eight bits, for the integer runtime; weights become "
             "int8 unless --centroids is given",
     .default_note = "none: float32",
     .allowed = "int8",
     .example = "int8"},
    {.name = "observer",
     .kind = ValueKind::kChoice,
     .value_name = "HOW",
     .help = "Range of each activation: the least squared error, all but the outermost values, or "
             "everything seen",
     .default_value = "mse",
     .allowed = "mse|percentile|min-max",
     .example = "min-max"},
    {.name = "percentile",
     .kind = ValueKind::kReal,
     .value_name = "P",
     .help = "Per cent of the values that --observer percentile keeps",
     .default_value = "99.99",
     .example = "99.9",
     .minimum = 50,
     .maximum = 100},
    {.name = "archive", .help = "Also code the indices by their entropy: smaller on disk"},
    {.name = "overwrite", .help = "Replace FILE if it is there; never the model that is read"},
    kThreadsFlag,
};
constexpr Example kExamples[] = {
    {"compress resnet18.pth --out small.safetensors", "4-bit weights, in seconds, no pictures"},
    {"compress resnet18.pth --out small.safetensors --data photos/train --eval photos/test",
     "better: calibrated with pictures, and measured"},
    {"compress resnet18.pth --out small.safetensors --activations int8 -k 16 --data photos/train",
     "4-bit weights and 8-bit activations: runs in integers"},
    {"compress resnet18.pth --out int8.safetensors --activations int8 --data photos/train",
     "8-bit weights and activations"},
    {"compress resnet18.pth --out small.safetensors --target-bytes 5MB --data photos/train",
     "as good as it gets within a size"},
    {"compress resnet18.pth --out small.safetensors --max-drop 0.5 --data photos/train",
     "as small as it gets within a loss; exit code 8 when it cannot"},
};

}  // namespace

constinit const Command kCompressCommand = {
    .name = "compress",
    .summary = "make a model small, and measure what that cost",
    .description =
        "Replaces weights by indices into small codebooks. With --data the layers are fitted to "
        "give what the original gives on those pictures; no labels are used for that and nothing "
        "is trained. The file is written, loaded again and judged from there; it appears under its "
        "name only when all that has gone well.\n\n"
        "In the table, weights and outputs are signal-to-noise ratios against the original, kept "
        "is that of rounding what a layer passes on to eight bits: more is better. Layers that "
        "--layers leaves out stay bit for bit as they are.",
    .positionals = kPositionals,
    .flags = kFlags,
    .examples = kExamples,
    .run = RunCompress,
};

}  // namespace deixis::cli
