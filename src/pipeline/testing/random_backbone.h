// A backbone for tests that need one and no knowledge in it.
#pragma once

#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "network/model.h"

namespace deixis::testing {

// A CIFAR ResNet-20 of small random weights and plain batch norms.
inline Model RandomBackbone() {
  Model model;
  for (const Architecture& each : KnownArchitectures()) {
    if (each.name == "resnet20-cifar") model.architecture = each;
  }
  model.architecture.num_outputs = 3;
  model.graph = BuildGraph(model.architecture);
  model.preprocessing.height_px = 32;
  model.preprocessing.width_px = 32;
  model.preprocessing.resize = ResizePolicy::kStretch;
  Rng rng(7);
  const auto constant = [](int64_t n, float value) {
    return Tensor::FromVector({n}, std::vector<float>(static_cast<size_t>(n), value));
  };
  int64_t channels = 0;
  for (const Node& node : model.graph.nodes) {
    if (node.kind == OpKind::kConv2d || node.kind == OpKind::kLinear) {
      const bool is_head = node.kind == OpKind::kLinear;
      const int64_t area = is_head ? 1 : node.filter_size * node.filter_size;
      const int64_t row = node.in_channels * area;
      std::vector<float> weights(static_cast<size_t>(node.out_channels * row));
      const double deviation = std::sqrt(2.0 / static_cast<double>(row));
      for (float& weight : weights) weight = static_cast<float>(deviation * rng.Normal());
      Shape shape =
          is_head ? Shape{node.out_channels, node.in_channels}
                  : Shape{node.out_channels, node.in_channels, node.filter_size, node.filter_size};
      model.layers[node.name].weight = Tensor::FromVector(std::move(shape), std::move(weights));
      if (is_head) model.layers[node.name].bias = constant(node.out_channels, 0);
      channels = node.out_channels;
    } else if (node.kind == OpKind::kBatchNorm) {
      model.batch_norms[node.name] = {.weight = constant(channels, 0.5f),
                                      .bias = constant(channels, 0),
                                      .running_mean = constant(channels, 0),
                                      .running_var = constant(channels, 1),
                                      .num_batches_tracked = {}};
    }
  }
  return model;
}

// The same with a head that gives `answers` whatever it sees.
inline Model ConstantModel(Task task, const std::vector<float>& answers) {
  Model model = RandomBackbone();
  const auto outputs = static_cast<int64_t>(answers.size());
  model.task = task;
  model.architecture.num_outputs = outputs;
  model.graph = BuildGraph(model.architecture);
  const int64_t width = model.graph.nodes.back().in_channels;
  model.layers[model.architecture.head_name] = {
      .weight = Tensor::FromVector({outputs, width},
                                   std::vector<float>(static_cast<size_t>(outputs * width))),
      .bias = Tensor::FromVector({outputs}, answers)};
  return model;
}

}  // namespace deixis::testing
