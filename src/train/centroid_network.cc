#include "train/centroid_network.h"

#include <algorithm>
#include <utility>

#include "train/map_means.h"
#include "train/soft_argmax.h"

namespace deixis {
namespace {

namespace F = torch::nn::functional;

torch::Tensor FromFloats(const std::vector<float>& values, const Shape& shape) {
  return torch::from_blob(const_cast<float*>(values.data()), shape).clone();
}

torch::Tensor RoundedThrough(const torch::Tensor& values) {
  return values + (values.round() - values).detach();
}

// The only node that reads `value`, or nullptr.
const Node* OnlyReader(const Graph& graph, int value, int* made) {
  const Node* reader = nullptr;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (std::ranges::find(node.inputs, value) == node.inputs.end()) continue;
    if (reader != nullptr) return nullptr;
    reader = &node;
    *made = static_cast<int>(i) + 1;
  }
  return reader;
}

}  // namespace

std::map<int, ActivationQuantization> RoundedValues(const Model& model) {
  std::map<int, ActivationQuantization> rounded;
  for (size_t i = 0; i < model.graph.nodes.size(); ++i) {
    const auto found = model.activations.find(model.graph.nodes[i].name);
    if (found == model.activations.end()) continue;
    int value = static_cast<int>(i) + 1;
    const OpKind kind = model.graph.nodes[i].kind;
    if (kind == OpKind::kConv2d || kind == OpKind::kLinear) {
      for (const OpKind next : {OpKind::kBatchNorm, OpKind::kAdd, OpKind::kRelu}) {
        int made = 0;
        const Node* reader = OnlyReader(model.graph, value, &made);
        if (reader == nullptr || reader->kind != next) continue;
        // An addition belongs to the layer of its first operand; the other is a shortcut.
        if (next == OpKind::kAdd && reader->inputs.front() != value) break;
        value = made;
      }
    }
    rounded[value] = found->second;
  }
  return rounded;
}

torch::Tensor CentroidNetwork::Layer::Codebook() const {
  return is_int8 ? RoundedThrough(codebook * unit) : codebook * unit;
}

torch::Tensor CentroidNetwork::Layer::Weight() const {
  std::vector<int64_t> per_row(shape.size(), 1);
  per_row[0] = shape[0];
  const torch::Tensor raw = Codebook().reshape(-1).index_select(0, places).view(shape);
  return raw * (scale * growth.exp()).view(per_row);
}

CentroidNetwork::CentroidNetwork(const Model& compressed)
    : model_(compressed), rounding_(RoundedValues(compressed)) {
  for (const auto& [name, stored] : model_.layers) {
    const auto* tensor = std::get_if<PalettizedTensor>(&stored.weight);
    if (tensor == nullptr) {
      const Tensor& dense = std::get<Tensor>(stored.weight);
      constants_[name + ".weight"] = FromFloats(dense.ToFloats(), dense.shape());
      if (stored.bias) {
        constants_[name + ".bias"] = FromFloats(stored.bias->ToFloats(), stored.bias->shape());
      }
      continue;
    }
    Layer layer;
    layer.shape = tensor->shape;
    layer.is_int8 = tensor->codebook.dtype() == DType::kI8;
    layer.unit = layer.is_int8 ? 127 : 1;
    const std::vector<uint8_t> indices = UnpackIndices(*tensor);
    layer.places = torch::empty({static_cast<int64_t>(indices.size())}, torch::kInt64);
    auto* places = layer.places.data_ptr<int64_t>();
    for (size_t i = 0; i < indices.size(); ++i) {
      const int64_t row = static_cast<int64_t>(i) / tensor->row_length();
      places[i] = row / tensor->group_rows * tensor->num_centroids + indices[i];
    }
    layer.codebook = FromFloats(tensor->codebook.ToFloats(), tensor->codebook.shape()) / layer.unit;
    layer.is_zero = layer.codebook == 0;
    layer.codebook.set_requires_grad(true);
    layer.scale = FromFloats(tensor->scale.ToFloats(), tensor->scale.shape());
    layer.growth = torch::zeros_like(layer.scale).set_requires_grad(true);
    layer.bias = FromFloats(stored.bias->ToFloats(), stored.bias->shape()).set_requires_grad(true);
    layers_.emplace(name, std::move(layer));
  }
  for (const auto& [name, norm] : model_.batch_norms) {
    constants_[name + ".weight"] = FromFloats(norm.weight.ToFloats(), norm.weight.shape());
    constants_[name + ".bias"] = FromFloats(norm.bias.ToFloats(), norm.bias.shape());
    constants_[name + ".mean"] = FromFloats(norm.running_mean.ToFloats(), norm.bias.shape());
    constants_[name + ".var"] = FromFloats(norm.running_var.ToFloats(), norm.bias.shape());
  }
}

torch::Tensor CentroidNetwork::Apply(const Node& node,
                                     const std::vector<torch::Tensor>& values) const {
  const torch::Tensor& input = values[static_cast<size_t>(node.inputs.at(0))];
  const auto learnt = layers_.find(node.name);
  const auto constant = [&](const char* part) {
    const auto found = constants_.find(node.name + part);
    return found == constants_.end() ? torch::Tensor() : found->second;
  };
  switch (node.kind) {
    case OpKind::kConv2d:
      if (learnt == layers_.end()) {
        return torch::conv2d(input, constant(".weight"), constant(".bias"), node.stride,
                             node.padding);
      }
      return torch::conv2d(input, learnt->second.Weight(), learnt->second.bias, node.stride,
                           node.padding);
    case OpKind::kLinear:
      if (learnt == layers_.end()) {
        return torch::linear(input.flatten(1), constant(".weight"), constant(".bias"));
      }
      return torch::linear(input.flatten(1), learnt->second.Weight(), learnt->second.bias);
    case OpKind::kBatchNorm:
      if (!constant(".weight").defined()) return input;  // folded
      return torch::batch_norm(input, constant(".weight"), constant(".bias"), constant(".mean"),
                               constant(".var"), /*training=*/false, 0, kBatchNormEpsilon,
                               /*cudnn_enabled=*/false);
    case OpKind::kRelu:
      return torch::relu(input);
    case OpKind::kAdd:
      return input + values[static_cast<size_t>(node.inputs.at(1))];
    case OpKind::kMaxPool:
      return torch::max_pool2d(input, 3, 2, 1);
    case OpKind::kGlobalAveragePool:
      return MeansOfMaps(node, values);
    case OpKind::kSoftArgmax:
      return SoftArgmax(node, input);
    case OpKind::kSubsamplePad: {
      const auto every =
          torch::indexing::Slice(torch::indexing::None, torch::indexing::None, node.stride);
      const auto all = torch::indexing::Slice();
      const int64_t more = node.out_channels - node.in_channels;
      return F::pad(input.index({all, all, every, every}),
                    F::PadFuncOptions({0, 0, 0, 0, more / 2, more - more / 2}));
    }
  }
  return input;
}

torch::Tensor CentroidNetwork::Forward(const torch::Tensor& input) const {
  std::vector<torch::Tensor> values = {input};
  values.reserve(model_.graph.nodes.size() + 1);
  for (const Node& node : model_.graph.nodes) {
    torch::Tensor value = Apply(node, values);
    const auto found = rounding_.find(static_cast<int>(values.size()));
    if (found != rounding_.end()) {
      value = torch::fake_quantize_per_tensor_affine(value, found->second.scale,
                                                     found->second.zero_point, 0, 255);
    }
    values.push_back(std::move(value));
  }
  return values.back();
}

std::vector<torch::Tensor> CentroidNetwork::Parameters() const {
  std::vector<torch::Tensor> parameters;
  for (const auto& [name, layer] : layers_) {
    parameters.insert(parameters.end(), {layer.codebook, layer.growth, layer.bias});
  }
  return parameters;
}

void CentroidNetwork::Constrain() {
  const torch::NoGradGuard no_gradient;
  for (auto& [name, layer] : layers_) {
    if (layer.is_int8) layer.codebook.clamp_(-1, 1);
    layer.codebook.masked_fill_(layer.is_zero, 0);
    layer.codebook.copy_(std::get<0>(layer.codebook.cummax(1)));
    // What was below a zero and rose above it stops there.
    const torch::Tensor zeros_after =
        layer.is_zero.to(torch::kInt64).flip({1}).cumsum(1).flip({1}) > 0;
    layer.codebook.copy_(torch::where(zeros_after, layer.codebook.clamp_max(0), layer.codebook));
  }
}

Model CentroidNetwork::ToModel() const {
  const torch::NoGradGuard no_gradient;
  const auto floats = [](const torch::Tensor& tensor) {
    const torch::Tensor values = tensor.to(torch::kFloat32).contiguous();
    const float* data = values.data_ptr<float>();
    return std::vector<float>(data, data + values.numel());
  };
  Model model = model_;
  for (const auto& [name, layer] : layers_) {
    LayerParameters& stored = model.layers.at(name);
    auto& tensor = std::get<PalettizedTensor>(stored.weight);
    const std::vector<float> codebook = floats(layer.Codebook());
    const Shape shape = tensor.codebook.shape();
    if (layer.is_int8) {
      std::vector<int8_t> rounded;
      for (const float value : codebook) rounded.push_back(static_cast<int8_t>(value));
      tensor.codebook = Tensor::FromVector<int8_t>(shape, std::move(rounded));
    } else {
      tensor.codebook = Tensor::FromVector<float>(shape, codebook);
    }
    tensor.scale =
        Tensor::FromVector<float>(tensor.scale.shape(), floats(layer.scale * layer.growth.exp()));
    stored.bias = Tensor::FromVector<float>(stored.bias->shape(), floats(layer.bias));
  }
  return model;
}

}  // namespace deixis
