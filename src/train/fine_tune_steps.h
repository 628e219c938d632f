// The parts of a training step that hold no state: what a batch consists of, what an answer costs,
// and how fast weights move.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "train/fine_tune_job.h"
#include "train/sample_pictures.h"
#include "train/torch_network.h"
#include "vision/augment.h"

namespace deixis {

struct Batch {
  torch::Tensor input;    // [N, 3, H, W], laid out as [N, H, W, 3], which convolutions like best
  torch::Tensor labels;   // [N] int64: kClassify
  torch::Tensor marks;    // [N, C, 2] unit: kLocate, as the next two
  torch::Tensor present;  // [N, C] 0 or 1
  torch::Tensor asked;    // [N, C] 0 or 1: whether anybody looked for it in the picture
};

// How picture `index` is varied in `epoch`; its target goes with it.
Variation VariationOf(const FineTuneJob& job, const Preprocessing& preprocessing, int epoch,
                      int64_t index, SampleTarget& target);

// Pictures `indices` varied so; as they are when `variations` is empty. On LibTorch's threads.
Batch MakeBatch(const SamplePictures& pictures, std::span<const int64_t> indices,
                std::span<const Variation> variations, std::span<const SampleTarget> targets,
                int64_t num_categories, torch::Device device);

// The order of an epoch's pictures.
std::vector<int64_t> OrderOf(uint64_t seed, int epoch, int64_t count);

// Summed over the batch, so that shares of several processes add up: divide by the whole batch.
torch::Tensor SumOfLosses(const FineTuneJob& job, const torch::Tensor& outputs, const Batch& batch,
                          int64_t num_categories, bool tells_presence);

// Learnable parameters in groups: filters and the head's weights decay, biases and batch norms do
// not; the head has a rate of its own.
std::unique_ptr<torch::optim::Optimizer> MakeOptimizer(const FineTuneJob& job,
                                                       const TorchNetwork& network,
                                                       const std::string& head_name);

// Gives gradients up rather than filling them with zeros that would be added to.
void ForgetGradients(torch::optim::Optimizer& optimizer);

// At `progress` 0..1 of all steps, as a multiple of the highest.
double ScheduleAt(const FineTuneJob& job, double progress);
// The job's, or the one that suits the head.
double HeadRate(const FineTuneJob& job, const Architecture& architecture);
// Sets both in every group.
void SetLearningRate(const FineTuneJob& job, double factor, double head_rate,
                     torch::optim::Optimizer& optimizer);
double HighestRate(const FineTuneJob& job);

}  // namespace deixis
