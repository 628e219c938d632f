// Models for tests: the small golden networks of tools/golden/networks.py, which are no known
// architecture and are put together here by hand.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "format/tensor_file.h"
#include "network/model.h"

namespace deixis::testing {

struct GoldenNetwork {
  Model model;
  std::vector<uint8_t> pixels;  // [H, W, 3]
  std::vector<double> logits;   // what PyTorch computes in float64
};

// A model of that architecture whose parameters are the tensors of `file`.
inline Model AssembleModel(const Architecture& architecture, const TensorFile& file) {
  Model model;
  model.architecture = architecture;
  model.graph = BuildGraph(architecture);
  const auto get = [&](const std::string& name) {
    const Tensor* tensor = file.Find(name);
    EXPECT_NE(tensor, nullptr) << name;
    return tensor == nullptr ? Tensor() : *tensor;
  };
  for (const Node& node : model.graph.nodes) {
    if (node.kind == OpKind::kConv2d || node.kind == OpKind::kLinear) {
      LayerParameters& layer = model.layers[node.name];
      layer.weight = get(node.name + ".weight");
      if (node.has_bias) layer.bias = get(node.name + ".bias");
    } else if (node.kind == OpKind::kBatchNorm) {
      model.batch_norms[node.name] = {.weight = get(node.name + ".weight"),
                                      .bias = get(node.name + ".bias"),
                                      .running_mean = get(node.name + ".running_mean"),
                                      .running_var = get(node.name + ".running_var"),
                                      .num_batches_tracked = std::nullopt};
    }
  }
  return model;
}

inline Architecture GoldenArchitecture(const std::string& name) {
  Architecture architecture;
  architecture.name = name;
  architecture.head_name = "fc";
  architecture.shortcut_name = "downsample";
  if (name == "basic") {
    architecture.blocks_per_stage = {1, 2, 1, 1};
    architecture.stage_channels = {5, 7, 9, 18};
    architecture.num_outputs = 7;
  } else if (name == "bottleneck") {
    architecture.block = BlockKind::kBottleneck;
    architecture.blocks_per_stage = {1, 1, 1, 1};
    architecture.stage_channels = {3, 4, 5, 6};
    architecture.num_outputs = 5;
  } else {
    architecture.stem = StemKind::kCifar;
    architecture.shortcut = ShortcutKind::kZeroPad;
    architecture.blocks_per_stage = {2, 1, 2};
    architecture.stage_channels = {4, 8, 16};
    architecture.num_outputs = 10;
  }
  return architecture;
}

inline constexpr const char* kGoldenNetworks[] = {"basic", "bottleneck", "cifar"};

// `name` is one of kGoldenNetworks. A missing or damaged file fails the test.
inline GoldenNetwork LoadGoldenNetwork(const std::string& name) {
  GoldenNetwork golden;
  const auto file = ReadTensorFile(std::string(DEIXIS_SOURCE_DIR) + "/tests/golden/network_" +
                                   name + ".safetensors");
  if (!file.ok()) {
    ADD_FAILURE() << file.error().message;
    return golden;
  }
  golden.model = AssembleModel(GoldenArchitecture(name), *file);
  const Tensor& pixels = *file->Find("golden.pixels");
  golden.model.preprocessing.height_px = pixels.extent(0);
  golden.model.preprocessing.width_px = pixels.extent(1);
  golden.pixels.assign(pixels.As<uint8_t>().begin(), pixels.As<uint8_t>().end());
  const Tensor& logits = *file->Find("golden.logits");
  golden.logits.assign(logits.As<double>().begin(), logits.As<double>().end());
  return golden;
}

}  // namespace deixis::testing
