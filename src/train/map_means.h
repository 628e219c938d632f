// What a pooled head reads, as LibTorch computes it.
#pragma once

#include <torch/torch.h>

#include <cstddef>
#include <vector>

#include "network/graph.h"

namespace deixis {

// The means of the maps that `node`, a global average pool, reads of `values`, [N, C, H, W] each:
// [N, sum of C].
inline torch::Tensor MeansOfMaps(const Node& node, const std::vector<torch::Tensor>& values) {
  std::vector<torch::Tensor> means;
  for (const int value : node.inputs) {
    means.push_back(values[static_cast<size_t>(value)].mean({2, 3}));
  }
  return means.size() == 1 ? means.front() : torch::cat(means, 1);
}

}  // namespace deixis
