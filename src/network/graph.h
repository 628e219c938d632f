// A network as a list of nodes in execution order. Node i makes value i + 1; value 0 is the input
// picture, normalised, [N, H, W, 3]. Values are NHWC; weights keep the layout of the state dict,
// [C_out, C_in, K_h, K_w].
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "network/architecture.h"

namespace deixis {

enum class OpKind {
  kConv2d,
  kBatchNorm,
  kRelu,
  kAdd,                // inputs[0] + inputs[1]
  kMaxPool,            // 3x3, stride 2, padding 1
  kGlobalAveragePool,  // [N, H, W, C] -> [N, 1, 1, C]
  kLinear,
  kSubsamplePad,       // option A: every `stride`-th pixel, (C_out - C_in) / 2 zero channels each side
};

struct Node {
  OpKind kind;
  std::string name;         // of its parameters ("layer1.0.conv1", "bn1"); else of its place
  std::vector<int> inputs;  // values
  // kConv2d, kMaxPool, kSubsamplePad, kLinear (channels only); 0 elsewhere.
  int64_t in_channels = 0;
  int64_t out_channels = 0;
  int64_t filter_size = 0;  // K_h = K_w
  int64_t stride = 1;
  int64_t padding = 0;
};

struct Graph {
  std::vector<Node> nodes;
};

// The whole network in evaluation order; the last node is the head.
Graph BuildGraph(const Architecture& architecture);

}  // namespace deixis
