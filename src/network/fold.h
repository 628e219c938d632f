// Batch norm folded away, in the form that kernels want: for each convolution and the head raw
// weights and one multiplier and one bias per output channel, which the epilogue applies in fp32:
//
//   y[o] = scale[o] * sum(raw[o][i] * x[i]) + bias[o]
//
// For a palettized layer raw weights are the codebook's entries, so that the multiply-accumulate
// runs on small integers; for a dense one they are the stored weights. What follows a layer
// (residual, ReLU, requantization) is the runtime's business.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "network/model.h"

namespace deixis {

struct FoldedLayer {
  std::string name;             // of the graph's node
  WeightStorage weight;         // as the model stores it (bytes are shared, not copied)
  std::vector<float> scale;     // [C_out]: batch norm's factor, times PalettizedTensor::scale
  std::vector<float> bias;      // [C_out]
  bool has_batch_norm = false;  // a batch norm was folded in here

  // scale[o] * raw[o][i], row-major in the weight's shape: the plain fp32 convolution. Multiplied
  // in float64, rounded once.
  std::vector<float> ScaledWeights() const;
  // raw[o][i] as float, without the scale.
  std::vector<float> RawWeights() const;
};

// `name` is a kConv2d or kLinear node of the model's graph. Arithmetic in float64. kInvalidData
// when a scale or bias leaves float's range.
Result<FoldedLayer> FoldLayer(const Model& model, const std::string& name);

// Every convolution and the head, in the graph's order.
Result<std::vector<FoldedLayer>> FoldModel(const Model& model);

}  // namespace deixis
