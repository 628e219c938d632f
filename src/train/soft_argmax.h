// The last step of a soft-argmax head in LibTorch, so that it can be learnt through.
#pragma once

#include <torch/torch.h>

#include "network/graph.h"

namespace deixis {

// `map` is [N, C, H, W], `node` a kSoftArgmax; the answers are [N, node.out_channels], as in
// kernels/soft_argmax_f32.
torch::Tensor SoftArgmax(const Node& node, const torch::Tensor& map);

}  // namespace deixis
