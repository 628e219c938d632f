// A graph lowered to the steps that are executed: batch norm gone into the weights, residual
// addition and ReLU into the convolution before them, and every value given a place in the arena. A
// plan depends on shapes and on the precision alone, not on weights.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "kernels/nhwc.h"
#include "network/graph.h"
#include "runtime/arena.h"

namespace deixis {

enum class StepKind {
  kInput,  // the picture, normalised, into the arena
  kConv2d,
  kLinear,
  kMaxPool,
  kGlobalAveragePool,
  kSoftArgmax,
  kSubsamplePad,
  kAdd,
  kRelu,
};

// What values between the layers are kept as. What the head makes is float in either.
enum class Precision { kF32, kU8 };

inline constexpr int kNoValue = -1;

// Values are indices into Plan::values. Each is made by one step, but for the means of several
// maps: there every map has a step, as soon as it is made.
struct PlanStep {
  StepKind kind = StepKind::kInput;
  std::string layer = {};  // of its parameters; empty without
  std::string name;        // with what is fused into it: "layer1.0.conv2+add+relu"
  // The graph's name for what it makes, as in Model::activations: the layer's, or that of the node.
  // Empty where values are only moved or compared and keep their quantization.
  std::string value_name = {};
  int input = kNoValue;
  int residual = kNoValue;  // the second input of kAdd, or what a convolution adds
  int output = kNoValue;
  int64_t first_channel = 0;  // kGlobalAveragePool: where its means begin in the output
  bool relu = false;
  int64_t filter_size = 0;  // kConv2d and kMaxPool; a linear layer's is all of its input
  int64_t stride = 1;
  int64_t padding = 0;
  int64_t macs = 0;  // multiply-accumulates, padding included
};

struct PlanValue {
  NhwcExtents extents;  // with the border that its readers need
  int64_t element_bytes = 0;
  ArenaValue place;  // in bytes

  bool is_float() const { return element_bytes == sizeof(float); }
};

struct Plan {
  std::vector<PlanStep> steps;  // steps[0] is the input; the last one makes the answer
  std::vector<PlanValue> values;
  Precision precision = Precision::kF32;
  int64_t arena_bytes = 0;
};

// For one picture of height x width with 3 channels. Everything that Run relies on is proved here:
// kInvalidData when channels or extents do not fit together, or when kU8 is asked for a network
// that does not end in a layer or a soft-argmax of one; kResources when the activations exceed 1
// GiB.
Result<Plan> MakePlan(const Graph& graph, int64_t height, int64_t width,
                      Precision precision = Precision::kF32);

}  // namespace deixis
