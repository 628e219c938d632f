#include "network/fold.h"

#include <cmath>
#include <utility>

namespace deixis {
namespace {

// y = factor[o] * x + offset[o]: what a batch norm does to one channel, in float64.
struct Affine {
  std::vector<double> factor;
  std::vector<double> offset;
};

Affine AffineOf(const BatchNormParameters& parameters) {
  const std::vector<float> weight = parameters.weight.ToFloats();
  const std::vector<float> bias = parameters.bias.ToFloats();
  const std::vector<float> mean = parameters.running_mean.ToFloats();
  const std::vector<float> variance = parameters.running_var.ToFloats();
  Affine affine;
  for (size_t c = 0; c < weight.size(); ++c) {
    const double epsilon = kBatchNormEpsilon;
    const double factor = weight[c] / std::sqrt(double{variance[c]} + epsilon);
    affine.factor.push_back(factor);
    affine.offset.push_back(bias[c] - double{mean[c]} * factor);
  }
  return affine;
}

// The codebook's entry of every weight, as float.
std::vector<float> CodebookEntries(const PalettizedTensor& tensor) {
  const std::vector<float> codebook = tensor.codebook.ToFloats();
  const std::vector<uint8_t> indices = UnpackIndices(tensor);
  std::vector<float> entries(indices.size());
  const int64_t row_length = tensor.row_length();
  for (int64_t row = 0; row < tensor.num_rows(); ++row) {
    const float* centroids = codebook.data() + row / tensor.group_rows * tensor.num_centroids;
    for (int64_t i = row * row_length; i < (row + 1) * row_length; ++i) {
      entries[i] = centroids[indices[i]];
    }
  }
  return entries;
}

int64_t NumRows(const WeightStorage& weight) {
  if (const auto* palettized = std::get_if<PalettizedTensor>(&weight))
    return palettized->num_rows();
  return std::get<Tensor>(weight).extent(0);
}

Status CheckFinite(const FoldedLayer& layer) {
  for (size_t o = 0; o < layer.scale.size(); ++o) {
    if (std::isfinite(layer.scale[o]) && std::isfinite(layer.bias[o])) continue;
    return InvalidData("layer \"" + layer.name + "\": batch norm folded into output channel " +
                           std::to_string(o) + " leaves the range of float32",
                       "the statistics of that channel are damaged or the training diverged");
  }
  return Ok();
}

}  // namespace

std::vector<float> FoldedLayer::RawWeights() const {
  if (const auto* palettized = std::get_if<PalettizedTensor>(&weight)) {
    return CodebookEntries(*palettized);
  }
  return std::get<Tensor>(weight).ToFloats();
}

std::vector<float> FoldedLayer::ScaledWeights() const {
  std::vector<float> weights = RawWeights();
  const size_t row_length = scale.empty() ? 0 : weights.size() / scale.size();
  for (size_t i = 0; i < weights.size(); ++i) {
    weights[i] = static_cast<float>(double{weights[i]} * scale[i / row_length]);
  }
  return weights;
}

Result<FoldedLayer> FoldLayer(const Model& model, const std::string& name) {
  const auto found = model.layers.find(name);
  const Node* node = FindNode(model.graph, name);
  if (found == model.layers.end() || node == nullptr) {
    return InternalError("layer \"" + name + "\" is not in the model");
  }
  const LayerParameters& layer = found->second;
  FoldedLayer folded;
  folded.name = name;
  folded.weight = layer.weight;
  const auto channels = static_cast<size_t>(NumRows(layer.weight));
  std::vector<double> scale(channels, 1.0);
  std::vector<double> bias(channels, 0.0);
  if (const auto* palettized = std::get_if<PalettizedTensor>(&layer.weight)) {
    const std::vector<float> values = palettized->scale.ToFloats();
    scale.assign(values.begin(), values.end());
  }
  if (layer.bias) {
    const std::vector<float> values = layer.bias->ToFloats();
    bias.assign(values.begin(), values.end());
  }
  if (const Node* batch_norm = BatchNormAfter(model.graph, *node)) {
    const auto parameters = model.batch_norms.find(batch_norm->name);
    if (parameters != model.batch_norms.end()) {
      const Affine affine = AffineOf(parameters->second);
      for (size_t o = 0; o < channels; ++o) {
        scale[o] *= affine.factor[o];
        bias[o] = bias[o] * affine.factor[o] + affine.offset[o];
      }
      folded.has_batch_norm = true;
    }
  }
  folded.scale.assign(scale.begin(), scale.end());
  folded.bias.assign(bias.begin(), bias.end());
  DEIXIS_RETURN_IF_ERROR(CheckFinite(folded));
  return folded;
}

Result<std::vector<FoldedLayer>> FoldModel(const Model& model) {
  std::vector<FoldedLayer> layers;
  for (const Node& node : model.graph.nodes) {
    if (node.kind != OpKind::kConv2d && node.kind != OpKind::kLinear) continue;
    DEIXIS_ASSIGN(FoldedLayer layer, FoldLayer(model, node.name));
    layers.push_back(std::move(layer));
  }
  return layers;
}

}  // namespace deixis
