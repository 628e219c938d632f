// Writes a network as TorchScript for the comparison, batch norms folded, since nothing else here
// makes a file that LibTorch loads without Python:
//
//   deixis_compare_libtorch_export MODEL OUT.pt
#include <torch/script.h>

#include <cstdio>
#include <exception>
#include <sstream>
#include <string>
#include <vector>

#include "network/fold.h"
#include "network/model.h"

namespace deixis {
namespace {

// A node's name as an identifier: "layer1_0_conv1".
std::string Identifier(std::string name) {
  for (char& c : name) {
    if (c == '.') c = '_';
  }
  return name;
}

// The line of `forward` that makes value `v<index + 1>`.
std::string Statement(const Node& node, size_t index) {
  std::ostringstream text;
  const auto input = [&](size_t i) { return "v" + std::to_string(node.inputs.at(i)); };
  const std::string parameters =
      "self." + Identifier(node.name) + "_weight, self." + Identifier(node.name) + "_bias";
  text << "    v" << index + 1 << " = ";
  switch (node.kind) {
    case OpKind::kConv2d:
      text << "torch.conv2d(" << input(0) << ", " << parameters << ", [" << node.stride << ", "
           << node.stride << "], [" << node.padding << ", " << node.padding << "])";
      break;
    case OpKind::kBatchNorm:
      text << input(0);
      break;
    case OpKind::kRelu:
      text << "torch.relu(" << input(0) << ")";
      break;
    case OpKind::kAdd:
      text << "torch.add(" << input(0) << ", " << input(1) << ")";
      break;
    case OpKind::kMaxPool:
      text << "torch.max_pool2d(" << input(0) << ", [3, 3], [2, 2], [1, 1])";
      break;
    case OpKind::kGlobalAveragePool:
      text << "torch.flatten(torch.adaptive_avg_pool2d(" << input(0) << ", [1, 1]), 1)";
      break;
    case OpKind::kLinear:
      text << "torch.linear(" << input(0) << ", " << parameters << ")";
      break;
    case OpKind::kSoftArgmax:
      throw std::runtime_error("networks that locate are not in the comparison");
    case OpKind::kSubsamplePad:
      throw std::runtime_error("shortcuts of CIFAR networks are not in the comparison");
  }
  text << '\n';
  return text.str();
}

Status Export(const std::string& model_path, const std::string& out) {
  DEIXIS_ASSIGN(const Model model, LoadModel(model_path));
  torch::jit::Module module(model.architecture.name);
  const auto add = [&](const std::string& name, std::vector<float> values,
                       const std::vector<int64_t>& shape) {
    module.register_parameter(Identifier(name), torch::tensor(values).reshape(shape), false);
  };
  std::string forward = "def forward(self, v0):\n";
  const std::vector<Node>& nodes = model.graph.nodes;
  for (size_t i = 0; i < nodes.size(); ++i) {
    const Node& node = nodes[i];
    forward += Statement(node, i);
    if (node.kind != OpKind::kConv2d && node.kind != OpKind::kLinear) continue;
    DEIXIS_ASSIGN(const FoldedLayer folded, FoldLayer(model, node.name));
    std::vector<int64_t> shape = {node.out_channels, node.in_channels};
    if (node.kind == OpKind::kConv2d) shape.insert(shape.end(), 2, node.filter_size);
    add(node.name + "_weight", folded.ScaledWeights(), shape);
    add(node.name + "_bias", folded.bias, {node.out_channels});
  }
  module.define(forward + "    return v" + std::to_string(nodes.size()) + "\n");
  module.eval();
  module.save(out);
  return Ok();
}

}  // namespace
}  // namespace deixis

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s MODEL OUT.pt\n", argv[0]);
    return 2;
  }
  try {
    const deixis::Status status = deixis::Export(argv[1], argv[2]);
    if (status.ok()) return 0;
    std::fprintf(stderr, "%s\n", status.error().message.c_str());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
  }
  return 1;
}
