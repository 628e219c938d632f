#include "train/torch_network.h"

#include <cmath>
#include <cstring>

#include "base/rng.h"
#include "train/map_means.h"
#include "train/processes.h"
#include "train/shared_batch_norm.h"
#include "train/soft_argmax.h"

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
  const torch::Tensor values = tensor.detach().to(torch::kCPU, torch::kFloat32).contiguous();
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

// The stage that a node or parameter of this name belongs to: 1 the stem, 2.. the layers; 0 the
// head.
int StageOf(const std::string& name) {
  if (name.starts_with("layer")) return name[5] - '0' + 1;
  return name.starts_with("conv1") || name.starts_with("bn1") ? 1 : 0;
}

}  // namespace

struct TorchNetwork::Statistics {
  torch::Tensor sum;      // [C], float64
  torch::Tensor squares;  // [C]
  int64_t count = 0;
};

TorchNetwork::TorchNetwork(const Architecture& architecture, uint64_t seed)
    : architecture_(architecture), graph_(BuildGraph(architecture)) {
  Rng rng(seed);
  for (const Node& node : graph_.nodes) {
    const std::string& name = node.name;
    const int64_t size = node.filter_size;
    if (node.kind == OpKind::kConv2d || node.kind == OpKind::kLinear) {
      Shape shape = {node.out_channels, node.in_channels};
      if (node.kind == OpKind::kConv2d) shape.insert(shape.end(), 2, size);
      // A ReLU follows, but for the head.
      const auto fan = static_cast<double>(node.has_bias ? 2 * node.in_channels
                                                         : node.out_channels * size * size);
      Register(name + ".weight", HeNormal(shape, fan, rng), true);
      if (node.has_bias) Register(name + ".bias", torch::zeros({node.out_channels}), true);
    } else if (node.kind == OpKind::kBatchNorm) {
      Register(name + ".weight", torch::ones({node.out_channels}), true);
      Register(name + ".bias", torch::zeros({node.out_channels}), true);
      Register(name + ".running_mean", torch::zeros({node.out_channels}), false);
      Register(name + ".running_var", torch::ones({node.out_channels}), false);
    }
  }
}

void TorchNetwork::Register(const std::string& name, torch::Tensor tensor, bool is_learnt) {
  // As activations lie: convolutions then need not turn their filters round at every step.
  if (tensor.dim() == 4) tensor = tensor.contiguous(at::MemoryFormat::ChannelsLast);
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
      return Convolution(node, input);
    case OpKind::kBatchNorm:
      return ApplyBatchNorm(node, input);
    case OpKind::kRelu:
      return torch::relu(input);
    case OpKind::kAdd:
      return input + values[static_cast<size_t>(node.inputs.at(1))];
    case OpKind::kMaxPool:
      return torch::max_pool2d(input, 3, 2, 1);
    case OpKind::kGlobalAveragePool:
      return MeansOfMaps(node, values);
    case OpKind::kLinear:
      return Linear(node, input);
    case OpKind::kSoftArgmax:
      return SoftArgmax(node, input);
    case OpKind::kSubsamplePad:
      return SubsamplePad(node, input);
  }
  return input;
}

torch::Tensor TorchNetwork::Convolution(const Node& node, const torch::Tensor& input) const {
  // A head's is as exact as a linear one's.
  const torch::ScalarType type = node.has_bias ? torch::kFloat32 : convolved_type_;
  return torch::conv2d(input.to(type), Parameter(node.name + ".weight").to(type),
                       node.has_bias ? Parameter(node.name + ".bias") : torch::Tensor(),
                       node.stride, node.padding);
}

// As a convolution of one pixel, for which LibTorch has kernels of its own; it multiplies matrices
// by the BLAS of the system, and that which Debian installs takes an eighth of a pretraining's
// time.
torch::Tensor TorchNetwork::Linear(const Node& node, const torch::Tensor& input) const {
  const auto as_pixel = [](const torch::Tensor& tensor) {
    return tensor.flatten(1).unsqueeze(2).unsqueeze(3);
  };
  return torch::conv2d(as_pixel(input).to(torch::kFloat32),
                       as_pixel(Parameter(node.name + ".weight")), Parameter(node.name + ".bias"))
      .flatten(1);
}

torch::Tensor TorchNetwork::ApplyBatchNorm(const Node& node, const torch::Tensor& input) {
  const torch::Tensor& weight = Parameter(node.name + ".weight");
  const torch::Tensor& bias = Parameter(node.name + ".bias");
  const torch::Tensor& mean = Parameter(node.name + ".running_mean");
  const torch::Tensor& variance = Parameter(node.name + ".running_var");
  if (measured_ != nullptr && folded_norms_.contains(node.name)) {
    const torch::Tensor wide = input.to(torch::kFloat64);
    const std::vector<int64_t> all_but_channels = {0, 2, 3};
    Statistics& statistics = (*measured_)[node.name];
    const torch::Tensor sum = wide.sum(all_but_channels);
    const torch::Tensor squares = (wide * wide).sum(all_but_channels);
    statistics.sum = statistics.count == 0 ? sum : statistics.sum + sum;
    statistics.squares = statistics.count == 0 ? squares : statistics.squares + squares;
    statistics.count += input.numel() / input.size(1);
  }
  const bool learns = is_training() && !IsFrozen(node.name);
  if (learns && processes_ != nullptr) {
    return SharedBatchNorm(input, weight, bias, mean, variance, kBatchNormMomentum,
                           kBatchNormEpsilon, *processes_);
  }
  return torch::batch_norm(input, weight, bias, mean, variance, learns, kBatchNormMomentum,
                           kBatchNormEpsilon, /*cudnn_enabled=*/false);
}

bool TorchNetwork::IsFrozen(const std::string& name) const {
  const int stage = StageOf(name);
  return stage > 0 && stage <= frozen_stages_;
}

void TorchNetwork::Freeze(int stages) {
  frozen_stages_ = stages;
  for (auto& [name, tensor] : tensors_) {
    const bool is_learnt = !name.ends_with(".running_mean") && !name.ends_with(".running_var");
    if (is_learnt) tensor.set_requires_grad(!IsFrozen(name));
  }
}

void TorchNetwork::StartHeadAt(const std::vector<float>& bias) {
  const torch::NoGradGuard no_gradient;
  torch::Tensor(Parameter(architecture_.head_name + ".weight")).zero_();
  torch::Tensor own = Parameter(architecture_.head_name + ".bias");
  own.copy_(FromFloats(bias, own.sizes()));
}

void TorchNetwork::ShareBatchNorm(std::shared_ptr<const Processes> processes) {
  processes_ = std::move(processes);
}

void TorchNetwork::MeasureStatistics(const std::function<torch::Tensor()>& next) {
  const torch::NoGradGuard no_gradient;
  const bool was_training = is_training();
  eval();
  std::map<std::string, Statistics> measured;
  measured_ = &measured;
  for (torch::Tensor batch = next(); batch.defined(); batch = next()) Forward(batch);
  measured_ = nullptr;
  for (const auto& [name, statistics] : measured) {
    const auto count = static_cast<double>(statistics.count);
    const torch::Tensor mean = statistics.sum / count;
    const torch::Tensor variance = (statistics.squares / count - mean * mean).clamp_min(0);
    // The factor so far is 1: y = x + bias.
    const torch::Tensor factor = (variance + static_cast<double>(kBatchNormEpsilon)).sqrt();
    torch::Tensor bias = Parameter(name + ".bias");
    bias.copy_(bias.to(torch::kFloat64) + mean);
    torch::Tensor(Parameter(name + ".weight")).copy_(factor);
    torch::Tensor(Parameter(name + ".running_mean")).copy_(mean);
    torch::Tensor(Parameter(name + ".running_var")).copy_(variance);
  }
  folded_norms_.clear();
  train(was_training);
}

torch::Tensor TorchNetwork::Forward(const torch::Tensor& input) {
  std::vector<torch::Tensor> values = {input};
  values.reserve(graph_.nodes.size() + 1);
  for (const Node& node : graph_.nodes) values.push_back(Apply(node, values));
  return values.back();
}

void TorchNetwork::Load(const Model& model, bool with_head) {
  const torch::NoGradGuard no_gradient;
  folded_norms_.clear();
  const auto set = [&](const std::string& name, const std::vector<float>& values) {
    torch::Tensor parameter = Parameter(name);
    parameter.copy_(FromFloats(values, parameter.sizes()));
  };
  for (const auto& [name, layer] : model.layers) {
    const Node* found = FindNode(graph_, name);
    if (found == nullptr) continue;  // of a stage that this network leaves out
    const Node& node = *found;
    if (node.has_bias && !with_head) continue;
    set(name + ".weight", DenseWeights(layer));
    if (!layer.bias) continue;
    if (node.has_bias) {
      set(name + ".bias", layer.bias->ToFloats());
      continue;
    }
    // A compressed layer's bias stands in the place of its batch norm.
    const std::string norm = BatchNormAfter(graph_, node)->name;
    folded_norms_.insert(norm);
    set(norm + ".bias", layer.bias->ToFloats());
    torch::Tensor(Parameter(norm + ".weight")).fill_(1);
    torch::Tensor(Parameter(norm + ".running_mean")).fill_(0);
    torch::Tensor(Parameter(norm + ".running_var")).fill_(1 - kBatchNormEpsilon);
  }
  for (const auto& [name, norm] : model.batch_norms) {
    if (FindNode(graph_, name) == nullptr) continue;
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
    if (node.kind == OpKind::kConv2d || node.kind == OpKind::kLinear) {
      LayerParameters& layer = model.layers[node.name];
      layer.weight = take(node.name + ".weight");
      if (node.has_bias) layer.bias = take(node.name + ".bias");
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
