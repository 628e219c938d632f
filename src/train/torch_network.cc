#include "train/torch_network.h"

#include <cmath>
#include <cstring>

#include "base/rng.h"

namespace deixis {
namespace {

namespace F = torch::nn::functional;

constexpr double kBatchNormMomentum = 0.1;

// LibTorch forbids '.' in the names of parameters; '/' stands for it within the module.
std::string ModuleName(std::string name) {
  for (char& c : name) c = c == '.' ? '/' : c;
  return name;
}

// Normal with variance 2 / fan, the fan of the outputs as the published CIFAR networks have it.
torch::Tensor HeNormal(const std::vector<int64_t>& shape, double fan, Rng& rng) {
  torch::Tensor weight = torch::empty(shape);
  const double deviation = std::sqrt(2 / fan);
  float* values = weight.data_ptr<float>();
  for (int64_t i = 0; i < weight.numel(); ++i) {
    values[i] = static_cast<float>(deviation * rng.Normal());
  }
  return weight;
}

Tensor ToTensor(const torch::Tensor& tensor) {
  const torch::Tensor values = tensor.detach().to(torch::kFloat32).contiguous();
  const float* data = values.data_ptr<float>();
  return Tensor::FromVector(values.sizes().vec(), std::vector<float>(data, data + values.numel()));
}

torch::Tensor FromFloats(const std::vector<float>& values, c10::IntArrayRef shape) {
  return torch::from_blob(const_cast<float*>(values.data()), shape).clone();
}

// Every stride-th pixel, and as many zero channels on either side as the output has more.
torch::Tensor SubsamplePad(const Node& node, const torch::Tensor& input) {
  const auto every =
      torch::indexing::Slice(torch::indexing::None, torch::indexing::None, node.stride);
  const auto all = torch::indexing::Slice();
  const int64_t side = (node.out_channels - node.in_channels) / 2;
  return F::pad(input.index({all, all, every, every}),
                F::PadFuncOptions({0, 0, 0, 0, side, node.out_channels - node.in_channels - side}));
}

}  // namespace

TorchNetwork::TorchNetwork(const Architecture& architecture, uint64_t seed)
    : architecture_(architecture), graph_(BuildGraph(architecture)) {
  Rng rng(seed);
  for (const Node& node : graph_.nodes) {
    const std::string& name = node.name;
    const int64_t size = node.filter_size;
    if (node.kind == OpKind::kConv2d) {
      const auto fan = static_cast<double>(node.out_channels * size * size);
      Register(name + ".weight",
               HeNormal({node.out_channels, node.in_channels, size, size}, fan, rng), true);
    } else if (node.kind == OpKind::kLinear) {
      const auto fan = static_cast<double>(2 * node.in_channels);  // no ReLU follows
      Register(name + ".weight", HeNormal({node.out_channels, node.in_channels}, fan, rng), true);
      Register(name + ".bias", torch::zeros({node.out_channels}), true);
    } else if (node.kind == OpKind::kBatchNorm) {
      Register(name + ".weight", torch::ones({node.out_channels}), true);
      Register(name + ".bias", torch::zeros({node.out_channels}), true);
      Register(name + ".running_mean", torch::zeros({node.out_channels}), false);
      Register(name + ".running_var", torch::ones({node.out_channels}), false);
    }
  }
}

void TorchNetwork::Register(const std::string& name, torch::Tensor tensor, bool is_learnt) {
  tensors_[name] = is_learnt ? register_parameter(ModuleName(name), std::move(tensor))
                             : register_buffer(ModuleName(name), std::move(tensor));
}

const torch::Tensor& TorchNetwork::Parameter(const std::string& name) const {
  return tensors_.at(name);
}

torch::Tensor TorchNetwork::Apply(const Node& node, const std::vector<torch::Tensor>& values) {
  const torch::Tensor& input = values[static_cast<size_t>(node.inputs.at(0))];
  switch (node.kind) {
    case OpKind::kConv2d:
      return torch::conv2d(input, Parameter(node.name + ".weight"), {}, node.stride, node.padding);
    case OpKind::kBatchNorm:
      return torch::batch_norm(
          input, Parameter(node.name + ".weight"), Parameter(node.name + ".bias"),
          Parameter(node.name + ".running_mean"), Parameter(node.name + ".running_var"),
          is_training(), kBatchNormMomentum, kBatchNormEpsilon, /*cudnn_enabled=*/false);
    case OpKind::kRelu:
      return torch::relu(input);
    case OpKind::kAdd:
      return input + values[static_cast<size_t>(node.inputs.at(1))];
    case OpKind::kMaxPool:
      return torch::max_pool2d(input, 3, 2, 1);
    case OpKind::kGlobalAveragePool:
      return input.mean({2, 3});
    case OpKind::kLinear:
      return torch::linear(input, Parameter(node.name + ".weight"), Parameter(node.name + ".bias"));
    case OpKind::kSubsamplePad:
      return SubsamplePad(node, input);
  }
  return input;
}

torch::Tensor TorchNetwork::Forward(const torch::Tensor& input) {
  std::vector<torch::Tensor> values = {input};
  values.reserve(graph_.nodes.size() + 1);
  for (const Node& node : graph_.nodes) values.push_back(Apply(node, values));
  return values.back();
}

void TorchNetwork::Load(const Model& model) {
  const torch::NoGradGuard no_gradient;
  const auto set = [&](const std::string& name, const std::vector<float>& values) {
    torch::Tensor parameter = Parameter(name);
    parameter.copy_(FromFloats(values, parameter.sizes()));
  };
  for (const auto& [name, layer] : model.layers) {
    set(name + ".weight", DenseWeights(layer));
    if (layer.bias) set(name + ".bias", layer.bias->ToFloats());
  }
  for (const auto& [name, norm] : model.batch_norms) {
    set(name + ".weight", norm.weight.ToFloats());
    set(name + ".bias", norm.bias.ToFloats());
    set(name + ".running_mean", norm.running_mean.ToFloats());
    set(name + ".running_var", norm.running_var.ToFloats());
  }
}

Model TorchNetwork::ToModel() const {
  Model model;
  model.architecture = architecture_;
  model.graph = graph_;
  const auto take = [&](const std::string& name) { return ToTensor(Parameter(name)); };
  for (const Node& node : graph_.nodes) {
    if (node.kind == OpKind::kConv2d) {
      model.layers[node.name] = {.weight = take(node.name + ".weight"), .bias = std::nullopt};
    } else if (node.kind == OpKind::kLinear) {
      model.layers[node.name] = {.weight = take(node.name + ".weight"),
                                 .bias = take(node.name + ".bias")};
    } else if (node.kind == OpKind::kBatchNorm) {
      model.batch_norms[node.name] = {.weight = take(node.name + ".weight"),
                                      .bias = take(node.name + ".bias"),
                                      .running_mean = take(node.name + ".running_mean"),
                                      .running_var = take(node.name + ".running_var"),
                                      .num_batches_tracked = std::nullopt};
    }
  }
  return model;
}

}  // namespace deixis
