// From a Model to named tensors: as Deixis keeps it, and as a plain state dict for everybody else.

#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include "format/model_tensors.h"
#include "format/safetensors.h"
#include "network/model.h"

namespace deixis {
namespace {

Tensor Filled(int64_t channels, float value) {
  return Tensor::FromVector<float>({channels},
                                   std::vector<float>(static_cast<size_t>(channels), value));
}

Tensor ZeroCount() { return Tensor::FromVector<int64_t>({}, {0}); }

void AppendBatchNorm(const std::string& name, const BatchNormParameters& parameters,
                     std::vector<NamedTensor>& tensors) {
  tensors.push_back({name + ".weight", parameters.weight});
  tensors.push_back({name + ".bias", parameters.bias});
  tensors.push_back({name + ".running_mean", parameters.running_mean});
  tensors.push_back({name + ".running_var", parameters.running_var});
  if (parameters.num_batches_tracked) {
    tensors.push_back({name + ".num_batches_tracked", *parameters.num_batches_tracked});
  }
}

// A batch norm that adds `bias` and does nothing else: variance and epsilon add up to 1 in float32,
// exactly, and so does their square root.
BatchNormParameters BiasOnly(int64_t channels, const std::optional<Tensor>& bias) {
  return {.weight = Filled(channels, 1.0f),
          .bias = bias ? *bias : Filled(channels, 0.0f),
          .running_mean = Filled(channels, 0.0f),
          .running_var = Filled(channels, static_cast<float>(1.0 - double{kBatchNormEpsilon})),
          .num_batches_tracked = ZeroCount()};
}

Tensor DenseTensor(const LayerParameters& layer) {
  if (const auto* tensor = std::get_if<Tensor>(&layer.weight)) return *tensor;
  return Tensor::FromVector<float>(std::get<PalettizedTensor>(layer.weight).shape,
                                   DenseWeights(layer));
}

ModelMetadata MetadataOf(const Model& model) {
  std::optional<float> rejection_threshold;
  if (model.rejection) rejection_threshold = model.rejection->threshold;
  return {.architecture = model.architecture.name,
          .task = model.task == Task::kLocate ? "locate" : "classify",
          .tells_presence = model.tells_presence,
          .class_names = model.class_names,
          .preprocessing = model.preprocessing,
          .rejection_threshold = rejection_threshold,
          .activations = model.activations,
          .provenance = model.provenance};
}

// What a network that runs in u8 has its indices read from: panels, but for the layer that reads
// the picture, which is rounded to int8 anew, and for a flatten head, whose panels would depend on
// the extents of the map that it reads.
PalettizedTensor AsItRuns(const Model& model, const Node& node, const PalettizedTensor& tensor) {
  const bool is_flatten_head = node.kind == OpKind::kLinear && model.architecture.HasFlattenHead();
  const bool in_panels = !model.activations.empty() && node.inputs[0] != 0 && !is_flatten_head &&
                         tensor.layout == IndexLayout::kRows && RunsOnIndices(tensor) &&
                         tensor.bits_per_index() == 4;
  return in_panels ? ToPanels(tensor) : tensor;
}

}  // namespace

int64_t OutputsPerCategory(const Model& model) {
  if (model.task == Task::kClassify) return 1;
  return model.tells_presence ? 3 : 2;
}

int64_t NumCategories(const Model& model) {
  return model.architecture.num_outputs / OutputsPerCategory(model);
}

std::vector<float> DenseWeights(const LayerParameters& layer) {
  if (const auto* palettized = std::get_if<PalettizedTensor>(&layer.weight)) {
    return Dequantize(*palettized);
  }
  return std::get<Tensor>(layer.weight).ToFloats();
}

TensorFile ModelToTensors(const Model& model) {
  TensorFile file;
  WriteModelMetadata(MetadataOf(model), file);
  std::vector<PalettizedLayer> palettized_layers;
  for (const Node& node : model.graph.nodes) {
    if (const auto layer = model.layers.find(node.name); layer != model.layers.end()) {
      if (const auto* palettized = std::get_if<PalettizedTensor>(&layer->second.weight)) {
        palettized_layers.push_back({node.name, AsItRuns(model, node, *palettized)});
      } else {
        file.tensors.push_back({node.name + ".weight", std::get<Tensor>(layer->second.weight)});
      }
      if (layer->second.bias) file.tensors.push_back({node.name + ".bias", *layer->second.bias});
    }
    if (const auto batch_norm = model.batch_norms.find(node.name);
        batch_norm != model.batch_norms.end()) {
      AppendBatchNorm(node.name, batch_norm->second, file.tensors);
    }
  }
  AddPalettizedLayers(palettized_layers, file);
  if (model.rejection) {
    file.tensors.push_back({"rejection.means", model.rejection->means});
    file.tensors.push_back({"rejection.precision", model.rejection->precision});
    file.tensors.push_back({"rejection.background_mean", model.rejection->background_mean});
    file.tensors.push_back(
        {"rejection.background_precision", model.rejection->background_precision});
  }
  return file;
}

Status SaveModel(const std::string& path, const Model& model) {
  return WriteSafetensors(path, ModelToTensors(model));
}

TensorFile ModelToStateDict(const Model& model) {
  TensorFile file;
  file.metadata = {{"format", "pt"}};  // what loaders of PyTorch's ecosystem look for
  for (const Node& node : model.graph.nodes) {
    if (node.kind != OpKind::kConv2d && node.kind != OpKind::kLinear) continue;
    const LayerParameters& layer = model.layers.at(node.name);
    file.tensors.push_back({node.name + ".weight", DenseTensor(layer)});
    const Node* batch_norm = BatchNormAfter(model.graph, node);
    if (batch_norm == nullptr) {
      if (layer.bias) file.tensors.push_back({node.name + ".bias", *layer.bias});
      continue;
    }
    const auto found = model.batch_norms.find(batch_norm->name);
    BatchNormParameters parameters =
        found != model.batch_norms.end() ? found->second : BiasOnly(node.out_channels, layer.bias);
    if (!parameters.num_batches_tracked) parameters.num_batches_tracked = ZeroCount();
    AppendBatchNorm(batch_norm->name, parameters, file.tensors);
  }
  return file;
}

}  // namespace deixis
