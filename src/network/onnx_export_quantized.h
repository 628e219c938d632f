// What an ONNX file in eight bits (QDQ) says beyond one in fp32: how each value of the graph is
// kept, and the weights of each layer as integers.
//
// The model has scales for what the steps of its own runtime make, in which a residual addition is
// part of a convolution. Other engines add as an operation of its own, so the summand that the
// convolution gives needs a scale too. It follows from the two there are: where the sum lies in
// [lo_s, hi_s] and the other summand in [lo_r, hi_r], a value outside of [lo_s - hi_r, hi_s - lo_r]
// would be cut off after the addition anyway. So nothing is cut off that was not before, and no
// further calibration is needed.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/quantization.h"
#include "base/result.h"
#include "network/fold.h"
#include "network/model.h"

namespace deixis {

// By value of the graph (0 is the normalised picture); nullopt where a value is not rounded: what
// lies between a convolution and the batch norm or ReLU after it, and the head's answer.
// kInvalidData when the model lacks a scale.
Result<std::vector<std::optional<ActivationQuantization>>> QuantizationOfValues(const Model& model);

// real weight = weight * weight_scale[o]; real bias = bias[o] * input_scale * weight_scale[o].
struct QuantizedLayer {
  std::vector<int8_t> weight;       // as FoldedLayer::ScaledWeights, -127..127 where it was dense
  std::vector<float> weight_scale;  // [C_out], above 0
  std::vector<int32_t> bias;        // [C_out]
};

// A palettized layer with int8 centroids keeps them and its scales as they are; any other one is
// rounded symmetrically per output channel. A channel whose weights are so small beside its bias
// that the bias would not fit 32 bits gets a larger scale.
QuantizedLayer QuantizeLayer(const FoldedLayer& layer, float input_scale);

}  // namespace deixis
