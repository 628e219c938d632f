// A network as a list of nodes in execution order. Node i makes value i + 1; value 0 is the input
// picture, normalised, [N, H, W, 3]. Values are NHWC; weights keep the layout of the state dict,
// [C_out, C_in, K_h, K_w].
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "network/architecture.h"

namespace deixis {

enum class OpKind {
  kConv2d,
  kBatchNorm,
  kRelu,
  kAdd,                // inputs[0] + inputs[1]
  kMaxPool,            // 3x3, stride 2, padding 1
  kGlobalAveragePool,  // the means of each input, one behind the other: -> [N, 1, 1, sum of C]
  kLinear,             // all of its input, flattened as PyTorch does: [C, H, W], channels outside
  kSoftArgmax,         // the means that a soft-argmax head answers: [N, H, W, C] -> [N, 1, 1, C']
  kSubsamplePad,  // option A: every `stride`-th pixel, (C_out - C_in) / 2 zero channels each side
};

struct Node {
  OpKind kind;
  std::string name;         // of its parameters ("layer1.0.conv1", "bn1"); else of its place
  std::vector<int> inputs;  // values
  // kConv2d, kMaxPool, kSubsamplePad, kLinear, kSoftArgmax (channels only); 0 elsewhere. A linear
  // node that reads more than one pixel counts every pixel's channels: C * H * W.
  int64_t in_channels = 0;
  int64_t out_channels = 0;
  int64_t filter_size = 0;  // K_h = K_w
  int64_t stride = 1;
  int64_t padding = 0;
  bool has_bias = false;  // a layer with one in the state dict: the head
};

struct Graph {
  std::vector<Node> nodes;
};

// The whole network in evaluation order; it ends with the head, which reads a global average pool
// or, when it is a flatten or soft-argmax head, the last feature map itself.
Graph BuildGraph(const Architecture& architecture);

// The node of that name, or nullptr.
const Node* FindNode(const Graph& graph, std::string_view name);
// The batch norm that normalises the output of the convolution `node`, or nullptr.
const Node* BatchNormAfter(const Graph& graph, const Node& node);

// A tensor that a network has in a state dict.
struct ParameterSpec {
  std::string name;  // "layer1.0.conv1.weight"
  Shape shape;
  bool is_optional = false;  // num_batches_tracked, an int64 scalar that evaluation does not use
};

// All of them, in the order in which torchvision's state_dict() has them.
std::vector<ParameterSpec> ParametersOf(const Graph& graph);

}  // namespace deixis
