// A compressed network as something that learns: what is stored of it stays what it is, indices
// into codebooks, and the centroids, scales and biases move. A centroid's gradient is the sum over
// the weights that share it (Han, Mao and Dally, "Deep Compression", 2016). Forwards the centroids
// are rounded to the int8 of the file and activations to the u8 of the runtime; backwards rounding
// counts as the identity (Bengio, Léonard and Courville, 2013).
#pragma once

#include <torch/torch.h>

#include <map>
#include <string>
#include <vector>

#include "base/quantization.h"
#include "network/model.h"

namespace deixis {

class CentroidNetwork {
 public:
  // Layers that are not palettized, and batch norms that are not folded, stay as they are.
  explicit CentroidNetwork(const Model& compressed);

  // `input` [N, 3, H, W], normalised; the answer is the head's, [N, num_outputs].
  torch::Tensor Forward(const torch::Tensor& input) const;

  // What learns: centroids in 127ths, logarithms of what scales are multiplied by, biases.
  std::vector<torch::Tensor> Parameters() const;
  // After each step: centroids stay in order and in range, those that are 0 stay 0.
  void Constrain();

  // The compressed model with what was learnt; indices and everything else are the same bytes.
  Model ToModel() const;

  bool has_palettized_layers() const { return !layers_.empty(); }

 private:
  struct Layer {
    torch::Tensor places;    // int64 [weights], into the flattened codebook
    torch::Tensor codebook;  // [G, K], over `unit`; learns
    torch::Tensor is_zero;   // [G, K] bool
    torch::Tensor growth;    // [C_out], learns
    torch::Tensor scale;     // [C_out], as it was
    torch::Tensor bias;      // [C_out], learns
    double unit = 1;         // 127 for an int8 codebook
    bool is_int8 = false;
    std::vector<int64_t> shape;

    torch::Tensor Codebook() const;  // as the file will have it
    torch::Tensor Weight() const;
  };
  torch::Tensor Apply(const Node& node, const std::vector<torch::Tensor>& values) const;

  Model model_;
  std::map<std::string, Layer> layers_;
  std::map<std::string, torch::Tensor> constants_;  // of what is not palettized, by state dict name
  std::map<int, ActivationQuantization> rounding_;  // by value of the graph
};

// Which value of the graph each of the model's activations is: the layer's own, with the batch
// norm, addition and ReLU that follow it done.
std::map<int, ActivationQuantization> RoundedValues(const Model& model);

}  // namespace deixis
