// `deixis info`: what is in a model file, without running it.
#include <algorithm>

#include "base/dtype.h"
#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/models.h"
#include "format/digest.h"
#include "format/model_tensors.h"
#include "format/printable.h"
#include "format/tensor_file.h"
#include "network/model.h"
#include "network/model_size.h"

namespace deixis::cli {
namespace {

std::string_view FormatText(TensorFileFormat format) {
  switch (format) {
    case TensorFileFormat::kPthZip:
      return "PyTorch (zip)";
    case TensorFileFormat::kPthLegacy:
      return "PyTorch (before 1.6)";
    case TensorFileFormat::kSafetensors:
      return "safetensors";
  }
  return "?";
}

std::string_view FormatId(TensorFileFormat format) {
  switch (format) {
    case TensorFileFormat::kPthZip:
      return "pth-zip";
    case TensorFileFormat::kPthLegacy:
      return "pth-legacy";
    case TensorFileFormat::kSafetensors:
      return "safetensors";
  }
  return "?";
}

Json PairsJson(const std::vector<std::pair<std::string, std::string>>& pairs) {
  Json object = Json::object();
  for (const auto& [name, value] : pairs) object[name] = value;
  return object;
}

Json TensorsJson(const TensorFile& file) {
  Json list = Json::array();
  for (const NamedTensor& entry : file.tensors) {
    list.push_back(Json{{"name", entry.name},
                        {"dtype", TorchName(entry.tensor.dtype())},
                        {"shape", entry.tensor.shape()},
                        {"bytes", entry.tensor.num_bytes()},
                        {"sha256", Sha256Hex(entry.tensor)}});
  }
  return list;
}

std::string TensorsText(const TensorFile& file, const Style& style) {
  Table table({{"tensor", Align::kLeft},
               {"dtype", Align::kLeft},
               {"shape", Align::kLeft},
               {"size", Align::kRight},
               {"sha256", Align::kLeft}});
  for (const NamedTensor& entry : file.tensors) {
    table.AddRow({Printable(entry.name), std::string(TorchName(entry.tensor.dtype())),
                  ToString(entry.tensor.shape()), FormatBytes(entry.tensor.num_bytes()),
                  Sha256Hex(entry.tensor)});
  }
  return table.Render(style);
}

// What a layer takes in the file: its weight in whatever form, and its bias.
int64_t LayerBytes(const std::vector<NamedTensor>& state_dict, const std::string& layer) {
  int64_t bytes = 0;
  const std::string prefix = layer + ".";
  for (const NamedTensor& entry : state_dict) {
    if (!entry.name.starts_with(prefix)) continue;
    if (entry.name.find('.', prefix.size()) != std::string::npos) continue;
    bytes += entry.tensor.num_bytes();
  }
  return bytes;
}

bool IsArchived(const std::vector<NamedTensor>& state_dict, const std::string& layer) {
  for (const NamedTensor& entry : state_dict) {
    if (entry.name == layer + ".indices_rans") return true;
  }
  return false;
}

// The layers of a model in evaluation order, as the table and the JSON show them.
struct LayerLine {
  std::string name;
  Shape shape;
  int64_t num_weights = 0;
  int64_t bytes = 0;
  bool archived = false;
  const LayerParameters* parameters = nullptr;
};

std::vector<LayerLine> LayersOf(const Model& model, const std::vector<NamedTensor>& state_dict) {
  std::vector<LayerLine> lines;
  for (const Node& node : model.graph.nodes) {
    const auto layer = model.layers.find(node.name);
    if (layer == model.layers.end()) continue;
    const Shape& shape = WeightShape(layer->second.weight);
    lines.push_back({.name = node.name,
                     .shape = shape,
                     .num_weights = NumElements(shape).value_or(0),
                     .bytes = LayerBytes(state_dict, node.name),
                     .archived = IsArchived(state_dict, node.name),
                     .parameters = &layer->second});
  }
  return lines;
}

Json LayersJson(const std::vector<LayerLine>& lines) {
  Json list = Json::array();
  for (const LayerLine& line : lines) {
    Json storage = StorageJson(*line.parameters);
    if (line.archived) storage["archived"] = true;
    list.push_back(Json{{"name", line.name},
                        {"shape", line.shape},
                        {"weights", line.num_weights},
                        {"bytes", line.bytes},
                        {"storage", std::move(storage)}});
  }
  return list;
}

std::string LayersText(const std::vector<LayerLine>& lines, const Style& style) {
  Table table({{"layer", Align::kLeft},
               {"shape", Align::kLeft},
               {"weights", Align::kRight},
               {"stored as", Align::kLeft},
               {"size", Align::kRight}});
  for (const LayerLine& line : lines) {
    table.AddRow({line.name, ToString(line.shape), FormatInteger(line.num_weights),
                  StorageText(*line.parameters) + (line.archived ? ", archived" : ""),
                  FormatBytes(line.bytes)});
  }
  return table.Render(style);
}

// "automobile, bird, cat, ... (10)".
std::string NamesText(const std::vector<std::string>& names) {
  constexpr size_t kMostNames = 6;
  std::string text;
  for (size_t i = 0; i < std::min(names.size(), kMostNames); ++i) {
    text += (i > 0 ? ", " : "") + Printable(names[i]);
  }
  if (names.size() > kMostNames) text += ", ... (" + std::to_string(names.size()) + ")";
  return text;
}

Json PreprocessingJson(const Preprocessing& preprocessing) {
  Json object{{"height_px", preprocessing.height_px}, {"width_px", preprocessing.width_px}};
  const bool crops = preprocessing.resize == ResizePolicy::kShorterSideCrop;
  object["resize"] = crops ? "shorter_side_crop" : "stretch";
  if (crops) object["shorter_side_px"] = preprocessing.shorter_side_px;
  object["channel_order"] = preprocessing.channel_order == ChannelOrder::kRgb ? "rgb" : "bgr";
  for (const float mean : preprocessing.mean) object["mean"].push_back(ShortestDouble(mean));
  for (const float stddev : preprocessing.stddev) {
    object["stddev"].push_back(ShortestDouble(stddev));
  }
  return object;
}

std::string PreprocessingText(const Preprocessing& preprocessing) {
  std::string text = std::to_string(preprocessing.width_px) + " x " +
                     std::to_string(preprocessing.height_px) +
                     (preprocessing.channel_order == ChannelOrder::kRgb ? " RGB, " : " BGR, ");
  text +=
      preprocessing.resize == ResizePolicy::kShorterSideCrop
          ? "shorter side to " + std::to_string(preprocessing.shorter_side_px) + ", centre cropped"
          : "stretched";
  const auto three = [](const std::array<float, 3>& values) {
    return FormatFixed(values[0], 3) + " " + FormatFixed(values[1], 3) + " " +
           FormatFixed(values[2], 3);
  };
  return text + ", mean " + three(preprocessing.mean) + ", deviation " +
         three(preprocessing.stddev);
}

// Keys of the format itself are shown as what they mean.
bool IsProvenance(const std::string& key) {
  return !key.starts_with("deixis.") || key.starts_with("deixis.source.");
}

struct FileSummary {
  std::string path;
  int64_t file_bytes = 0;
  int64_t tensor_bytes = 0;
  int64_t num_values = 0;
};

Json SummaryJson(const TensorFile& file, const FileSummary& summary) {
  Json result{{"file", summary.path},
              {"format", FormatId(file.format)},
              {"file_bytes", summary.file_bytes},
              {"tensor_bytes", summary.tensor_bytes},
              {"num_tensors", file.tensors.size()},
              {"num_values", summary.num_values}};
  result["metadata"] = PairsJson(file.metadata);
  result["values"] = PairsJson(file.values);
  result["inert_globals"] = file.inert_globals;
  return result;
}

void AddModelJson(const Result<Model>& model, const std::vector<LayerLine>& layers, Json& result) {
  if (!model.ok()) {
    result["architecture"] = nullptr;
    result["architecture_error"] = model.error().message;
    return;
  }
  result["architecture"] = model->architecture.name;
  result["task"] = TaskName(model->task);
  result["outputs"] = model->architecture.num_outputs;
  result["head"] = HeadNameOf(model->architecture);
  result["class_names"] = model->class_names;
  result["preprocessing"] = PreprocessingJson(model->preprocessing);
  result["layers"] = LayersJson(layers);
}

int64_t NumWeights(const Model& model) {
  int64_t count = 0;
  for (const auto& [name, layer] : model.layers) {
    count += NumElements(WeightShape(layer.weight)).value_or(0);
  }
  return count;
}

// What the head makes its outputs of, where that is not the mean of the last map.
std::string HeadText(const Architecture& architecture) {
  if (architecture.HasFlattenHead()) return " on every pixel";
  if (architecture.HasSoftArgmaxHead()) return " by soft-argmax";
  if (architecture.pooled_stages == 1) return "";
  return " on the means of " + std::to_string(architecture.pooled_stages) + " stages";
}

std::string SummaryText(const TensorFile& file, const FileSummary& summary,
                        const Result<Model>& model, const Style& style) {
  Facts facts;
  facts.Add("file", Printable(summary.path));
  facts.Add("format", std::string(FormatText(file.format)));
  const std::string contents =
      model.ok() ? FormatCount(NumWeights(*model)) + " weights in " +
                       Counted(static_cast<int64_t>(model->layers.size()), "layer")
                 : FormatCount(summary.num_values) + " numbers";
  facts.Add("size", FormatBytes(summary.file_bytes) + ", " +
                        Counted(static_cast<int64_t>(file.tensors.size()), "tensor") + ", " +
                        contents);
  if (model.ok()) {
    facts.Add("network", style.Bold(model->architecture.name) + ", " +
                             Counted(model->architecture.num_outputs, "output") +
                             HeadText(model->architecture) +
                             (model->task == Task::kLocate ? ", locates" : ", classifies"));
    if (!model->class_names.empty()) facts.Add("categories", NamesText(model->class_names));
    facts.Add("picture", PreprocessingText(model->preprocessing));
  } else {
    facts.Add("network", "none that Deixis knows: " + Printable(model.error().message));
  }
  for (const auto& [name, value] : file.metadata) {
    if (IsProvenance(name)) facts.Add("metadata", Printable(name) + " = " + Printable(value));
  }
  for (const auto& [name, value] : file.values) {
    facts.Add("value", Printable(name) + " = " + Printable(value));
  }
  for (const std::string& name : file.inert_globals) {
    facts.Add("not called", Printable(name) + "  (named in the file; nothing in it is executed)");
  }
  return facts.Render(style);
}

Status RunInfo(const Arguments& arguments, Console& console) {
  const std::string& path = arguments.words().front();
  DEIXIS_ASSIGN(const TensorFile file, ReadTensorFile(path));
  FileSummary summary{.path = path};
  DEIXIS_ASSIGN(summary.file_bytes, FileBytes(path));
  for (const NamedTensor& entry : file.tensors) {
    summary.tensor_bytes += entry.tensor.num_bytes();
    summary.num_values += entry.tensor.num_elements();
  }
  const Result<Model> model = ModelFromTensors(file);
  // A file that says it is a Deixis model and is none is damaged; any other may be what it likes.
  if (!model.ok() && HasModelMetadata(file)) return model.error().WithContext(path);
  std::vector<LayerLine> layers;
  if (model.ok()) layers = LayersOf(*model, StateDictOf(file));
  const bool with_tensors = arguments.Switch("tensors");

  if (console.json()) {
    Json result = SummaryJson(file, summary);
    AddModelJson(model, layers, result);
    if (with_tensors) result["tensors"] = TensorsJson(file);
    console.SetResult("info", std::move(result));
    return Ok();
  }
  console.Print(SummaryText(file, summary, model, console.style()));
  if (with_tensors) {
    console.Print("\n" + TensorsText(file, console.style()));
  } else if (!layers.empty()) {
    console.Print("\n" + LayersText(layers, console.style()));
  }
  return Ok();
}

constexpr Positional kPositionals[] = {
    {.name = "MODEL", .help = "A .pth, .safetensors or compressed model file"},
};
constexpr Flag kFlags[] = {
    {.name = "tensors", .help = "List every tensor with its SHA-256; for any tensor file"},
};
constexpr Example kExamples[] = {
    {"info resnet18.pth", "architecture, layers and sizes"},
    {"info resnet18.pth --tensors --json", "every tensor with the digest of its bytes"},
};

}  // namespace

constinit const Command kInfoCommand = {
    .name = "info",
    .summary = "architecture, layers, sizes and metadata of a model; every tensor",
    .description =
        "Reads a file without running or executing anything in it. A file that is not a network "
        "that Deixis knows is described as far as it goes.",
    .positionals = kPositionals,
    .flags = kFlags,
    .examples = kExamples,
    .run = RunInfo,
};

}  // namespace deixis::cli
