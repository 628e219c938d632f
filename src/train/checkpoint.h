// What a training needs to go on after it was stopped or killed as if nothing had happened: the
// weights, what the optimizer remembers of them, and the values that the trainer names (its step,
// its random state, its options). One safetensors file, written atomically.
//
//   weights/NAME               every parameter and buffer of the network
//   optimizer/G.I/FIELD        of parameter I in group G: momentum_buffer (SGD); exp_avg and
//                              exp_avg_sq (Adam, AdamW)
//   metadata "checkpoint"      "1"
//   metadata                   values, as they were given; "optimizer/G.I/step" (Adam, AdamW)
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <map>
#include <string>

#include "base/result.h"
#include "train/torch_network.h"

namespace deixis {

using CheckpointValues = std::map<std::string, std::string>;

// Numbers as text that gives back the same bits.
std::string CheckpointNumber(uint64_t value);
std::string CheckpointNumber(double value);
// kInvalidData when `values` has no such key or no such number.
Result<uint64_t> CheckpointInteger(const CheckpointValues& values, const std::string& key);
Result<double> CheckpointReal(const CheckpointValues& values, const std::string& key);

// Errors: those of AtomicFile; kInternal for an optimizer that is none of SGD, Adam and AdamW. A
// file at `path` is replaced.
Status SaveCheckpoint(const std::string& path, const TorchNetwork& network,
                      const torch::optim::Optimizer& optimizer, const CheckpointValues& values);

// Sets the network and the optimizer, which must be made as those that were saved (the learning
// rate and other settings are not in the file), and returns the values. kNotFound without a file;
// kInvalidData when it is no checkpoint, or of another network or optimizer: both may then be set
// in part.
Result<CheckpointValues> LoadCheckpoint(const std::string& path, TorchNetwork& network,
                                        torch::optim::Optimizer& optimizer);

}  // namespace deixis
