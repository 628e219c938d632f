// A graph lowered to the steps that are executed: batch norm gone into the weights, residual
// addition and ReLU into the convolution before them, and every value given a place in the arena. A
// plan depends on shapes alone, not on weights.
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
  kSubsamplePad,
  kAdd,
  kRelu,
};

inline constexpr int kNoValue = -1;

// Values are indices into Plan::values.
struct PlanStep {
  StepKind kind = StepKind::kInput;
  std::string layer = {};  // of its parameters; empty without
  std::string name;        // with what is fused into it: "layer1.0.conv2+add+relu"
  int input = kNoValue;
  int residual = kNoValue;  // the second input of kAdd, or what a convolution adds
  int output = kNoValue;
  bool relu = false;
  int64_t filter_size = 0;
  int64_t stride = 1;
  int64_t padding = 0;
  int64_t macs = 0;  // multiply-accumulates, padding included
};

struct PlanValue {
  NhwcExtents extents;  // with the border that its readers need
  ArenaValue place;     // in floats
};

struct Plan {
  std::vector<PlanStep> steps;  // steps[0] is the input; the last one makes the answer
  std::vector<PlanValue> values;
  int64_t arena_elements = 0;
};

// For one picture of height x width with 3 channels. Everything that Run relies on is proved here:
// kInvalidData when channels or extents do not fit together, kResources when the activations exceed
// 1 GiB.
Result<Plan> MakePlan(const Graph& graph, int64_t height, int64_t width);

}  // namespace deixis
