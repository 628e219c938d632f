// A network's graph as a LibTorch module. The graph is the one that the rest of Deixis runs, and
// parameters have the names of the state dict, so what is trained here is what runs on the device.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "network/architecture.h"
#include "network/graph.h"
#include "network/model.h"

namespace deixis {

class TorchNetwork : public torch::nn::Module {
 public:
  // Convolutions and the head drawn as He et al. do ("Delving Deep into Rectifiers", 2015), batch
  // norms the identity. The draw depends on `seed` alone. Throws c10::Error, as LibTorch does.
  TorchNetwork(const Architecture& architecture, uint64_t seed);

  // `input` is normalised, [N, 3, H, W]; the answer is the head's output, [N, num_outputs].
  torch::Tensor Forward(const torch::Tensor& input);

  // Takes the weights of `model`, which has this architecture.
  void Load(const Model& model);

  // The weights as they are now, as a model that names nothing else yet.
  Model ToModel() const;

 private:
  torch::Tensor Apply(const Node& node, const std::vector<torch::Tensor>& values);
  void Register(const std::string& name, torch::Tensor tensor, bool is_learnt);
  const torch::Tensor& Parameter(const std::string& name) const;

  Architecture architecture_;
  Graph graph_;
  // By name in the state dict; the module's own dictionaries are slow to search.
  std::unordered_map<std::string, torch::Tensor> tensors_;
};

}  // namespace deixis
