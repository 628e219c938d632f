// `deixis convert`: a model in another format.
#include <filesystem>

#include "base/file.h"
#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/interrupt.h"
#include "cli/models.h"
#include "format/digest.h"
#include "format/printable.h"
#include "format/pth.h"
#include "network/model.h"
#include "network/onnx_export.h"
#include "runtime/embedded_layout.h"
#include "vision/dataset.h"

namespace deixis::cli {
namespace {

enum class Target { kPth, kSafetensors, kOnnx, kEmbedded };

Result<Target> TargetOf(const std::string& path, bool is_embedded) {
  const std::string extension = std::filesystem::path(path).extension();
  if (is_embedded) {
    if (extension == ".h" || extension == ".c") return Target::kEmbedded;
    return UsageError("--out " + path + ": expected a name that ends in .h or .c",
                      "--embed writes a C file");
  }
  if (extension == ".pth" || extension == ".pt" || extension == ".th") return Target::kPth;
  if (extension == ".safetensors") return Target::kSafetensors;
  if (extension == ".onnx") return Target::kOnnx;
  return UsageError("--out " + path + ": expected a name that ends in .pth, .safetensors or .onnx",
                    "the format follows from the name");
}

std::string_view TargetText(Target target, bool is_int8) {
  switch (target) {
    case Target::kPth:
      return "PyTorch state dict";
    case Target::kSafetensors:
      return "safetensors";
    case Target::kOnnx:
      return is_int8 ? "ONNX, int8 (QDQ)" : "ONNX, float32";
    case Target::kEmbedded:
      return "C constants";
  }
  return "?";
}

// What --precision says; it is about ONNX alone.
Result<OnnxExportOptions> OnnxOptionsOf(const Arguments& arguments, Target target,
                                        const Model& model) {
  OnnxExportOptions options;
  if (!arguments.Has("precision")) return options;
  if (target != Target::kOnnx) {
    return UsageError("--precision: expected a FILE that ends in .onnx",
                      "the other formats keep what the model holds");
  }
  const bool wants_int8 = arguments.Text("precision") == "int8";
  options.precision = wants_int8 ? OnnxPrecision::kInt8 : OnnxPrecision::kFp32;
  if (wants_int8 && model.activations.empty()) {
    return UsageError("--precision int8: expected a model with activation scales, found none",
                      "deixis compress MODEL --activations int8 makes them");
  }
  return options;
}

Status ApplyClasses(const std::string& path, Model& model) {
  DEIXIS_ASSIGN(std::vector<std::string> names, ReadClassNames(path));
  const int64_t expected = NumCategories(model);
  if (static_cast<int64_t>(names.size()) != expected) {
    return InvalidData(path + ": expected " + Counted(expected, "name") +
                           ", one per category of the model, found " +
                           FormatInteger(static_cast<int64_t>(names.size())),
                       "one name per line, in the order of the outputs");
  }
  model.class_names = std::move(names);
  return Ok();
}

Status WriteEmbedded(const std::string& out, const Model& model) {
  DEIXIS_ASSIGN(const EmbeddedLayout layout, LayOutEmbedded(model));
  return WriteFileAtomically(
      out, EmbeddedSource(layout, model.architecture.name, /*is_header=*/out.ends_with(".h")));
}

Status Write(const Model& model, Target target, const OnnxExportOptions& options,
             const std::string& out) {
  switch (target) {
    case Target::kPth:
      return WritePth(out, ModelToStateDict(model));
    case Target::kSafetensors:
      return SaveModel(out, model);
    case Target::kOnnx:
      return ExportOnnx(out, model, options);
    case Target::kEmbedded:
      return WriteEmbedded(out, model);
  }
  return Ok();
}

Status RunConvert(const Arguments& arguments, Console& console) {
  const std::string& path = arguments.words().front();
  const std::string& out = arguments.Text("out");
  DEIXIS_ASSIGN(const Target target, TargetOf(out, arguments.Switch("embed")));
  DEIXIS_RETURN_IF_ERROR(CheckOutput("--out", out, path, arguments.Switch("overwrite")));
  DEIXIS_ASSIGN(Model model, LoadModel(path));
  if (arguments.Has("classes")) {
    DEIXIS_RETURN_IF_ERROR(ApplyClasses(arguments.Text("classes"), model));
  }
  DEIXIS_ASSIGN(const OnnxExportOptions options, OnnxOptionsOf(arguments, target, model));
  const bool is_int8 = target == Target::kOnnx && WritesInt8(model, options);
  int num_dequantized = 0;
  for (const auto& [name, layer] : model.layers) {
    if (std::holds_alternative<PalettizedTensor>(layer.weight)) ++num_dequantized;
  }
  if (target == Target::kSafetensors || target == Target::kEmbedded) num_dequantized = 0;
  if (target != Target::kPth) {
    DEIXIS_ASSIGN(const std::string sha256, Sha256OfFile(path));
    SetProvenance(kSourceDigestKey, sha256, model);
  }
  DeclareOutput(out);
  DEIXIS_RETURN_IF_ERROR(Write(model, target, options, out));
  DEIXIS_ASSIGN(const int64_t source_bytes, FileBytes(path));
  DEIXIS_ASSIGN(const int64_t file_bytes, FileBytes(out));
  Json result = {{"model", path},
                 {"out", out},
                 {"architecture", model.architecture.name},
                 {"source_bytes", source_bytes},
                 {"file_bytes", file_bytes},
                 {"dequantized_layers", num_dequantized}};
  if (target == Target::kOnnx) result["precision"] = is_int8 ? "int8" : "fp32";
  console.SetResult("convert", std::move(result));
  Facts facts;
  facts.Add("network", model.architecture.name);
  facts.Add("from", Printable(path) + "  " + FormatBytes(source_bytes));
  facts.Add("to", Printable(out) + "  " + FormatBytes(file_bytes) + "  " +
                      std::string(TargetText(target, is_int8)));
  if (num_dequantized > 0) {
    facts.Add("expanded", Counted(num_dequantized, "palettized layer") +
                              (is_int8 ? " to int8" : " to float32") +
                              ": this format has no place for codebooks");
  }
  console.Print(facts.Render(console.style()));
  return Ok();
}

constexpr Positional kPositionals[] = {
    {.name = "MODEL", .help = "A network that Deixis knows, in any format that it reads"},
};
constexpr Flag kFlags[] = {
    {.name = "out",
     .letter = 'o',
     .kind = ValueKind::kFile,
     .value_name = "FILE",
     .help = "Where to write; the format follows from .pth, .safetensors or .onnx",
     .example = "resnet18.onnx",
     .required = true},
    {.name = "classes",
     .kind = ValueKind::kFile,
     .value_name = "FILE",
     .help = "Names of the categories: one per line, or a CSV with a column name",
     .example = "imagenet.txt"},
    {.name = "precision",
     .kind = ValueKind::kChoice,
     .value_name = "TYPE",
     .help = "Of an .onnx; without it int8 when the model has activation scales, else fp32",
     .allowed = "fp32|int8",
     .example = "fp32"},
    {.name = "embed", .help = "Write a C file of constants for chips without files, .h or .c"},
    {.name = "overwrite", .help = "Replace FILE if it is there; never the model that is read"},
};
constexpr Example kExamples[] = {
    {"convert resnet18.pth --out resnet18.safetensors", "for tools that do not read pickles"},
    {"convert small.safetensors --out small.pth", "a compressed model for PyTorch"},
    {"convert resnet18.pth --out resnet18.onnx", "for other engines"},
    {"convert small.safetensors --out small.onnx",
     "a model compressed with --activations int8: eight bits for other engines too"},
    {"convert small.safetensors --embed --out small.h", "the same for a small chip"},
    {"convert resnet18.pth --out named.safetensors --classes names.txt",
     "with the names of its categories"},
};

}  // namespace

constinit const Command kConvertCommand = {
    .name = "convert",
    .summary = "write a model as .pth, .safetensors or .onnx",
    .description =
        "A .pth that is written holds a plain state dict with the names that torchvision uses. A "
        "safetensors file also holds the architecture, the preprocessing and the names of the "
        "categories, and keeps compressed layers as they are; the other two formats have no place "
        "for codebooks, so compressed weights are expanded. An .onnx of a model whose activations "
        "have scales is written in int8: weights with a scale per channel, and every value between "
        "QuantizeLinear and DequantizeLinear, which engines fuse into operations on integers. With "
        "--embed such a model becomes a C file of constants, laid out for DeixisRun() of "
        "src/embedded/network.h: no file, no heap, no thread is needed to run it.",
    .positionals = kPositionals,
    .flags = kFlags,
    .examples = kExamples,
    .run = RunConvert,
};

}  // namespace deixis::cli
