// Where a training computes.
#pragma once

#include <torch/torch.h>

#include <string>

#include "base/result.h"

namespace deixis {

// "cpu" or "cuda". kDeviceUnavailable for a GPU that is not there or that this LibTorch cannot use,
// kUsage for another name.
inline Result<torch::Device> FindTorchDevice(const std::string& name) {
  if (name == "cpu") return torch::Device(torch::kCPU);
  if (name != "cuda") {
    return UsageError("--device: expected cpu or cuda, found \"" + name + "\"");
  }
  if (!torch::cuda::is_available()) {
    return Error{ErrorCode::kDeviceUnavailable,
                 "--device cuda: expected a LibTorch with CUDA and a GPU, found none",
                 "leave the flag out to train on the processor"};
  }
  return torch::Device(torch::kCUDA);
}

}  // namespace deixis
