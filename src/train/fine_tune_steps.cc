#include "train/fine_tune_steps.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "base/rng.h"

namespace deixis {
namespace {

namespace F = torch::nn::functional;

constexpr double kUsualRate = 1e-3;
// A pixel off by less than a twentieth of the width counts by its square, by its distance beyond.
constexpr double kHuberBend = 0.1;
// Presence is learnt in a few epochs; its gradient should not drown the place's.
constexpr double kPresenceWeight = 0.05;

uint64_t Mixed(uint64_t a, uint64_t b) { return Rng(a ^ (b * 0xD6E8FEB86659FD93ull)).NextBits(); }

torch::Tensor SumOfPlaceLosses(const FineTuneJob& job, const torch::Tensor& outputs,
                               const Batch& batch, int64_t num_categories, bool tells_presence) {
  const torch::Tensor places =
      outputs.slice(1, 0, 2 * num_categories).reshape({outputs.size(0), num_categories, 2});
  const torch::Tensor each =
      job.loss == "mse"
          ? F::mse_loss(places, batch.marks, F::MSELossFuncOptions(torch::kNone))
          : torch::smooth_l1_loss(places, batch.marks, at::Reduction::None, kHuberBend);
  torch::Tensor sum = (each.mean(2) * batch.present).sum();
  if (tells_presence) {
    sum = sum + kPresenceWeight * torch::binary_cross_entropy_with_logits(
                                      outputs.slice(1, 2 * num_categories), batch.present,
                                      batch.asked, {}, at::Reduction::Sum);
  }
  return sum;
}

template <typename Options>
std::unique_ptr<torch::optim::OptimizerOptions> OptionsOf(Options options, double decay) {
  auto settings = std::make_unique<Options>(std::move(options));
  settings->weight_decay(decay);
  return settings;
}

std::unique_ptr<torch::optim::OptimizerOptions> GroupOptions(const FineTuneJob& job, double decay) {
  if (job.optimizer == "sgd") {
    return OptionsOf(torch::optim::SGDOptions(HighestRate(job)).momentum(job.momentum), decay);
  }
  return OptionsOf(torch::optim::AdamWOptions(HighestRate(job)), decay);
}

}  // namespace

Variation VariationOf(const FineTuneJob& job, const Preprocessing& preprocessing, int epoch,
                      int64_t index, SampleTarget& target) {
  Rng rng(Mixed(Mixed(job.seed, static_cast<uint64_t>(epoch)), static_cast<uint64_t>(index)));
  std::vector<Point> marks;
  for (const PlaceTarget& place : target.places) {
    if (place.is_present) marks.push_back(place.unit);
  }
  const Variation variation = DrawVariation(job.augment, preprocessing, marks, rng);
  for (PlaceTarget& place : target.places) {
    if (place.is_present) place.unit = VaryPoint(variation, preprocessing, place.unit);
  }
  return variation;
}

Batch MakeBatch(const SamplePictures& pictures, std::span<const int64_t> indices,
                std::span<const Variation> variations, std::span<const SampleTarget> targets,
                int64_t num_categories, torch::Device device) {
  const Preprocessing& preprocessing = pictures.preprocessing;
  const auto count = static_cast<int64_t>(indices.size());
  torch::Tensor input = torch::empty({count, preprocessing.height_px, preprocessing.width_px, 3});
  Batch batch;
  batch.labels = torch::empty({count}, torch::kInt64);
  batch.marks = torch::zeros({count, num_categories, 2});
  batch.present = torch::zeros({count, num_categories});
  batch.asked = torch::zeros({count, num_categories});
  float* const pixels = input.data_ptr<float>();
  auto* const labels = batch.labels.data_ptr<int64_t>();
  float* const marks = batch.marks.data_ptr<float>();
  float* const present = batch.present.data_ptr<float>();
  float* const asked = batch.asked.data_ptr<float>();
  at::parallel_for(0, count, 1, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      const Variation variation =
          variations.empty() ? Variation{} : variations[static_cast<size_t>(n)];
      VaryPicture(pictures.picture(indices[static_cast<size_t>(n)]), variation, preprocessing,
                  pixels + n * pictures.picture_bytes());
    }
  });
  for (int64_t n = 0; n < count; ++n) {
    const SampleTarget& target = targets[static_cast<size_t>(n)];
    labels[n] = target.label;
    for (const PlaceTarget& place : target.places) {
      const int64_t at = n * num_categories + place.category;
      asked[at] = 1;
      if (!place.is_present) continue;
      present[at] = 1;
      marks[2 * at] = static_cast<float>(place.unit.x);
      marks[2 * at + 1] = static_cast<float>(place.unit.y);
    }
  }
  batch.input = input.to(device).permute({0, 3, 1, 2});
  batch.labels = batch.labels.to(device);
  batch.marks = batch.marks.to(device);
  batch.present = batch.present.to(device);
  batch.asked = batch.asked.to(device);
  return batch;
}

std::vector<int64_t> OrderOf(uint64_t seed, int epoch, int64_t count) {
  std::vector<int64_t> order(static_cast<size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  Rng rng(Mixed(~seed, static_cast<uint64_t>(epoch)));
  rng.Shuffle(order);
  return order;
}

torch::Tensor SumOfLosses(const FineTuneJob& job, const torch::Tensor& outputs, const Batch& batch,
                          int64_t num_categories, bool tells_presence) {
  if (job.locates()) {
    return SumOfPlaceLosses(job, outputs, batch, num_categories, tells_presence);
  }
  return F::cross_entropy(
      outputs, batch.labels,
      F::CrossEntropyFuncOptions().reduction(torch::kSum).label_smoothing(job.label_smoothing));
}

std::unique_ptr<torch::optim::Optimizer> MakeOptimizer(const FineTuneJob& job,
                                                       const TorchNetwork& network,
                                                       const std::string& head_name) {
  // Two groups of the backbone, two of the head; LibTorch does not mind an empty one.
  std::vector<std::vector<torch::Tensor>> members(4);
  for (const auto& [name, tensor] : network.tensors()) {
    if (!tensor.requires_grad()) continue;
    const bool is_head = name.starts_with(head_name + ".");
    members[(is_head ? 2 : 0) + (tensor.dim() > 1 ? 0 : 1)].push_back(tensor);
  }
  std::vector<torch::optim::OptimizerParamGroup> groups;
  for (size_t group = 0; group < members.size(); ++group) {
    groups.emplace_back(std::move(members[group]),
                        GroupOptions(job, group % 2 == 0 ? job.weight_decay : 0));
  }
  if (job.optimizer == "sgd") {
    return std::make_unique<torch::optim::SGD>(std::move(groups),
                                               torch::optim::SGDOptions(HighestRate(job)));
  }
  return std::make_unique<torch::optim::AdamW>(std::move(groups),
                                               torch::optim::AdamWOptions(HighestRate(job)));
}

void ForgetGradients(torch::optim::Optimizer& optimizer) {
  for (auto& group : optimizer.param_groups()) {
    for (torch::Tensor& parameter : group.params()) parameter.mutable_grad() = torch::Tensor();
  }
}

double HighestRate(const FineTuneJob& job) {
  return job.learning_rate > 0 ? job.learning_rate : kUsualRate;
}

double ScheduleAt(const FineTuneJob& job, double progress) {
  if (progress < job.warm_up) return progress / job.warm_up;
  if (job.schedule == "constant") return 1;
  if (job.schedule == "step") return progress < 0.5 ? 1 : progress < 0.75 ? 0.1 : 0.01;
  const double falling = (progress - job.warm_up) / (1 - job.warm_up);
  return 0.5 * (1 + std::cos(std::numbers::pi * falling));
}

double HeadRate(const FineTuneJob& job, const Architecture& architecture) {
  if (job.head_rate > 0) return job.head_rate;
  // Each of its inputs moves the answer: with so many more of them each has to move it less.
  return 1 / static_cast<double>(std::max<int64_t>(1, architecture.flattened_pixels));
}

void SetLearningRate(const FineTuneJob& job, double factor, double head_rate,
                     torch::optim::Optimizer& optimizer) {
  auto& groups = optimizer.param_groups();
  for (size_t group = 0; group < groups.size(); ++group) {
    const double rate = factor * HighestRate(job) * (group >= 2 ? head_rate : 1);
    auto& options = groups[group].options();
    if (job.optimizer == "sgd") {
      static_cast<torch::optim::SGDOptions&>(options).lr(rate);
    } else {
      static_cast<torch::optim::AdamWOptions&>(options).lr(rate);
    }
  }
}

}  // namespace deixis
