#include "train/trainer.h"

#include <ATen/Parallel.h>
#include <torch/torch.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <memory>
#include <new>
#include <numbers>
#include <numeric>
#include <span>

#include "base/rng.h"
#include "train/torch_network.h"

namespace deixis {
namespace {

constexpr int kClassifierEvaluationBatch = 128;
constexpr double kWarmUpShare = 0.1;

// How one picture is varied: what it shows stays the same.
struct Variation {
  int64_t shift_y = 0;
  int64_t shift_x = 0;
  bool mirrored = false;
};

Variation RandomVariation(const TrainOptions& options, Rng& rng) {
  const auto span = static_cast<uint64_t>(2 * options.max_shift_px + 1);
  Variation variation;
  variation.shift_y = static_cast<int64_t>(rng.Below(span)) - options.max_shift_px;
  variation.shift_x = static_cast<int64_t>(rng.Below(span)) - options.max_shift_px;
  variation.mirrored = options.mirror && rng.Below(2) == 1;
  return variation;
}

// Normalised pictures in the order of their indices, [N, 3, H, W] laid out as [N, H, W, 3], which
// is what the convolutions are fastest with.
class InputMaker {
 public:
  InputMaker(const PictureBatch& pictures, const Preprocessing& preprocessing)
      : pictures_(pictures) {
    for (size_t c = 0; c < 3; ++c) {
      const size_t source = preprocessing.channel_order == ChannelOrder::kBgr ? 2 - c : c;
      source_channel_[c] = source;
      for (size_t value = 0; value < 256; ++value) {
        normalised_[c][value] =
            (static_cast<float>(value) / 255 - preprocessing.mean[c]) / preprocessing.stddev[c];
      }
    }
  }

  torch::Tensor Make(std::span<const int64_t> indices,
                     std::span<const Variation> variations) const {
    const int64_t height = pictures_.height_px;
    const int64_t width = pictures_.width_px;
    const auto count = static_cast<int64_t>(indices.size());
    torch::Tensor input = torch::empty({count, height, width, 3});
    float* out = input.data_ptr<float>();
    for (size_t n = 0; n < indices.size(); ++n) {
      const uint8_t* picture = pictures_.pixels.data() + indices[n] * pictures_.picture_bytes();
      const Variation variation = variations.empty() ? Variation{} : variations[n];
      for (int64_t y = 0; y < height; ++y) {
        const int64_t from_y = std::clamp<int64_t>(y + variation.shift_y, 0, height - 1);
        for (int64_t x = 0; x < width; ++x) {
          const int64_t shifted = std::clamp<int64_t>(x + variation.shift_x, 0, width - 1);
          const int64_t from_x = variation.mirrored ? width - 1 - shifted : shifted;
          const uint8_t* pixel = picture + 3 * (from_y * width + from_x);
          for (size_t c = 0; c < 3; ++c) *out++ = normalised_[c][pixel[source_channel_[c]]];
        }
      }
    }
    return input.permute({0, 3, 1, 2});
  }

  torch::Tensor Labels(std::span<const int64_t> indices) const {
    std::vector<int64_t> labels;
    for (const int64_t i : indices) labels.push_back(pictures_.labels[static_cast<size_t>(i)]);
    return torch::tensor(labels);
  }

 private:
  const PictureBatch& pictures_;
  std::array<size_t, 3> source_channel_{};
  std::array<std::array<float, 256>, 3> normalised_{};
};

double Top1(TorchNetwork& network, const PictureBatch& pictures, const InputMaker& maker) {
  const torch::NoGradGuard no_gradient;
  network.eval();
  int64_t correct = 0;
  for (int64_t begin = 0; begin < pictures.size(); begin += kClassifierEvaluationBatch) {
    std::vector<int64_t> indices(static_cast<size_t>(
        std::min<int64_t>(kClassifierEvaluationBatch, pictures.size() - begin)));
    std::iota(indices.begin(), indices.end(), begin);
    const torch::Tensor answers = network.Forward(maker.Make(indices, {})).argmax(1);
    correct += (answers == maker.Labels(indices)).sum().item<int64_t>();
  }
  return pictures.size() == 0 ? 0.0
                              : static_cast<double>(correct) / static_cast<double>(pictures.size());
}

double LearningRateAt(double progress, double peak) {
  if (progress < kWarmUpShare) return peak * progress / kWarmUpShare;
  const double falling = (progress - kWarmUpShare) / (1 - kWarmUpShare);
  return peak * 0.5 * (1 + std::cos(std::numbers::pi * falling));
}

// Decay would only shrink batch norm's factors and shifts, for no good.
torch::optim::SGD MakeOptimizer(const TorchNetwork& network, const TrainOptions& options) {
  std::vector<torch::Tensor> decayed;
  std::vector<torch::Tensor> others;
  for (const torch::Tensor& parameter : network.parameters()) {
    (parameter.dim() > 1 ? decayed : others).push_back(parameter);
  }
  const auto group = [&](std::vector<torch::Tensor> parameters, double decay) {
    auto settings = std::make_unique<torch::optim::SGDOptions>(options.learning_rate);
    settings->momentum(options.momentum).nesterov(options.momentum > 0).weight_decay(decay);
    return torch::optim::OptimizerParamGroup(std::move(parameters), std::move(settings));
  };
  std::vector<torch::optim::OptimizerParamGroup> groups;
  groups.push_back(group(std::move(decayed), options.weight_decay));
  groups.push_back(group(std::move(others), 0));
  return torch::optim::SGD(std::move(groups), torch::optim::SGDOptions(options.learning_rate));
}

Status CheckPictures(const PictureBatch& pictures, const Preprocessing& preprocessing,
                     size_t num_classes, const std::string& what) {
  if (pictures.height_px != preprocessing.height_px ||
      pictures.width_px != preprocessing.width_px) {
    return InvalidData(what + ": expected " + std::to_string(preprocessing.width_px) + "x" +
                       std::to_string(preprocessing.height_px) + " pixels, found " +
                       std::to_string(pictures.width_px) + "x" +
                       std::to_string(pictures.height_px));
  }
  for (const int label : pictures.labels) {
    if (label < 0 || static_cast<size_t>(label) >= num_classes) {
      return InvalidData(what + ": expected labels below " + std::to_string(num_classes) +
                         ", found " + std::to_string(label));
    }
  }
  return Ok();
}

Result<Model> Train(const Architecture& architecture, const Preprocessing& preprocessing,
                    const PictureBatch& training, const PictureBatch& held_out,
                    const TrainOptions& options, const EpochCallback& on_epoch) {
  const auto start = std::chrono::steady_clock::now();
  at::set_num_threads(options.num_threads);
  TorchNetwork network(architecture, options.seed);
  torch::optim::SGD optimizer = MakeOptimizer(network, options);
  const InputMaker training_maker(training, preprocessing);
  const InputMaker held_out_maker(held_out, preprocessing);
  Rng rng(options.seed ^ 0x5EEDF00Du);
  std::vector<int64_t> order(static_cast<size_t>(training.size()));
  std::iota(order.begin(), order.end(), 0);
  // A last batch that is not full is left out: batch norm dislikes one picture, and the order is
  // new each time.
  const int64_t steps_per_epoch = training.size() / options.batch_size;
  const int64_t num_steps = steps_per_epoch * options.epochs;
  int64_t step = 0;
  for (int epoch = 1; epoch <= options.epochs; ++epoch) {
    network.train();
    rng.Shuffle(order);
    double loss_sum = 0;
    for (int64_t batch = 0; batch < steps_per_epoch; ++batch, ++step) {
      const std::span<const int64_t> indices(order.data() + batch * options.batch_size,
                                             static_cast<size_t>(options.batch_size));
      std::vector<Variation> variations;
      for (size_t i = 0; i < indices.size(); ++i)
        variations.push_back(RandomVariation(options, rng));
      const double rate = LearningRateAt(static_cast<double>(step) / static_cast<double>(num_steps),
                                         options.learning_rate);
      for (auto& group : optimizer.param_groups()) {
        static_cast<torch::optim::SGDOptions&>(group.options()).lr(rate);
      }
      optimizer.zero_grad();
      const torch::Tensor logits = network.Forward(training_maker.Make(indices, variations));
      const torch::Tensor loss =
          torch::nn::functional::cross_entropy(logits, training_maker.Labels(indices));
      loss.backward();
      optimizer.step();
      loss_sum += loss.item<double>();
    }
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const EpochReport report{.epoch = epoch,
                             .mean_loss = loss_sum / static_cast<double>(steps_per_epoch),
                             .top1 = Top1(network, held_out, held_out_maker),
                             .seconds = seconds};
    if (!std::isfinite(report.mean_loss)) {
      return InvalidData(
          "training: expected a finite loss, found it diverged in epoch " + std::to_string(epoch),
          "choose a smaller learning rate");
    }
    if (on_epoch && !on_epoch(report)) {
      return Error{ErrorCode::kInterrupted,
                   "training: interrupted after epoch " + std::to_string(epoch), ""};
    }
  }
  return network.ToModel();
}

}  // namespace

Status TrainOptions::Validate() const {
  if (epochs < 1 || batch_size < 2 || num_threads < 1 || max_shift_px < 0) {
    return UsageError(
        "training: expected at least 1 epoch, batches of 2, 1 thread and a shift of 0, "
        "found " +
        std::to_string(epochs) + ", " + std::to_string(batch_size) + ", " +
        std::to_string(num_threads) + " and " + std::to_string(max_shift_px));
  }
  if (!(learning_rate > 0 && momentum >= 0 && momentum < 1 && weight_decay >= 0)) {
    return UsageError(
        "training: expected a positive learning rate, momentum within 0..1 and a weight "
        "decay of at least 0, found " +
        std::to_string(learning_rate) + ", " + std::to_string(momentum) + " and " +
        std::to_string(weight_decay));
  }
  return Ok();
}

Result<Model> TrainClassifier(Architecture architecture,
                              const std::vector<std::string>& class_names,
                              const Preprocessing& preprocessing, const PictureBatch& training,
                              const PictureBatch& held_out, const TrainOptions& options,
                              const EpochCallback& on_epoch) {
  DEIXIS_RETURN_IF_ERROR(options.Validate());
  const size_t num_classes = class_names.size();
  DEIXIS_RETURN_IF_ERROR(CheckPictures(training, preprocessing, num_classes, "training pictures"));
  DEIXIS_RETURN_IF_ERROR(CheckPictures(held_out, preprocessing, num_classes, "held-out pictures"));
  if (training.size() < options.batch_size) {
    return InvalidData("training pictures: expected at least a batch of " +
                           std::to_string(options.batch_size) + ", found " +
                           std::to_string(training.size()),
                       "use more pictures or a smaller batch");
  }
  architecture.num_outputs = static_cast<int64_t>(num_classes);
  // LibTorch reports by exception; they end here.
  try {
    auto model = Train(architecture, preprocessing, training, held_out, options, on_epoch);
    if (!model.ok()) return model;
    model->task = Task::kClassify;
    model->preprocessing = preprocessing;
    model->class_names = class_names;
    return model;
  } catch (const std::bad_alloc&) {
    return ResourceError("training: out of memory", "use fewer pictures or a smaller batch");
  } catch (const std::exception& failure) {
    return InternalError(std::string("training: ") + failure.what());
  }
}

}  // namespace deixis
