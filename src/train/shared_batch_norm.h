// Batch norm over the pictures of all processes: the statistics of the whole batch, as one process
// would have them (Ioffe and Szegedy, 2015; over devices as in Peng et al., "MegDet", 2018).
#pragma once

#include <torch/torch.h>

#include "train/processes.h"

namespace deixis {

// `input` [N, C, H, W] of this process; weight, bias and the running statistics [C]. In training
// the sums of all processes make the statistics, forwards and backwards; the running variance is
// the unbiased one, as LibTorch's own batch norm keeps it. Gradients of weight and bias are this
// process's share: they are added up with all the others.
torch::Tensor SharedBatchNorm(const torch::Tensor& input, const torch::Tensor& weight,
                              const torch::Tensor& bias, torch::Tensor running_mean,
                              torch::Tensor running_var, double momentum, double epsilon,
                              const Processes& processes);

}  // namespace deixis
