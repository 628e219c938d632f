// A network's graph as a LibTorch module. The graph is the one that the rest of Deixis runs, and
// parameters have the names of the state dict, so what is trained here is what runs on the device.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "network/architecture.h"
#include "network/graph.h"
#include "network/model.h"

namespace deixis {

class Processes;

class TorchNetwork : public torch::nn::Module {
 public:
  // Convolutions and the head drawn as He et al. do ("Delving Deep into Rectifiers", 2015), batch
  // norms the identity. The draw depends on `seed` alone. Throws c10::Error, as LibTorch does.
  TorchNetwork(const Architecture& architecture, uint64_t seed);

  // `input` is normalised, [N, 3, H, W]; the answer is the head's output, [N, num_outputs].
  torch::Tensor Forward(const torch::Tensor& input);

  // Takes the weights of `model`, which has this architecture but perhaps another head and a stage
  // more at its end: without `with_head` the head stays as it is. Weights that are palettized are
  // taken as the numbers they stand for.
  void Load(const Model& model, bool with_head = true);

  // A head whose rows are `bias`, [num_head_rows], whatever it sees.
  void StartHeadAt(const std::vector<float>& bias);

  // Whether Load() found batch norms folded into their convolutions, as in a compressed model. They
  // are then the identity with a bias, without the statistics that training goes by.
  bool lacks_statistics() const { return !folded_norms_.empty(); }
  // Gives them the statistics of what `next` brings (normalised batches until it is undefined),
  // scale and bias such that the network computes what it did. At least two numbers per channel.
  void MeasureStatistics(const std::function<torch::Tensor()>& next);

  // The first `stages` stay as they are, their batch norms' statistics too: 1 is the stem, 2..5 are
  // layer1..layer4 (of a CIFAR network 2..4 are layer1..layer3).
  void Freeze(int stages);

  // Convolutions multiply numbers of this type, and what lies between them is kept in it; weights,
  // batch norms' statistics, the head and all gradients of weights stay float32. kBFloat16 takes
  // half the memory, and less time where the processor multiplies it.
  void ConvolveIn(torch::ScalarType type) { convolved_type_ = type; }

  // Batch norm over the pictures of all processes; null: of this one alone.
  void ShareBatchNorm(std::shared_ptr<const Processes> processes);

  const Architecture& architecture() const { return architecture_; }

  // Parameters and buffers by their names in the state dict; they share memory with the network.
  const std::map<std::string, torch::Tensor>& tensors() const { return tensors_; }

  // The weights as they are now, as a model that names nothing else yet.
  Model ToModel() const;

 private:
  torch::Tensor Apply(const Node& node, const std::vector<torch::Tensor>& values);
  torch::Tensor Convolution(const Node& node, const torch::Tensor& input) const;
  torch::Tensor Linear(const Node& node, const torch::Tensor& input) const;
  torch::Tensor ApplyBatchNorm(const Node& node, const torch::Tensor& input);
  bool IsFrozen(const std::string& name) const;
  void Register(const std::string& name, torch::Tensor tensor, bool is_learnt);
  const torch::Tensor& Parameter(const std::string& name) const;

  Architecture architecture_;
  Graph graph_;
  // The module's own dictionaries are slow to search.
  std::map<std::string, torch::Tensor> tensors_;
  std::set<std::string> folded_norms_;
  int frozen_stages_ = 0;
  std::shared_ptr<const Processes> processes_;
  // While statistics are measured: sum, sum of squares and count of each folded batch norm's input.
  struct Statistics;
  std::map<std::string, Statistics>* measured_ = nullptr;
  torch::ScalarType convolved_type_ = torch::kFloat32;
};

}  // namespace deixis
