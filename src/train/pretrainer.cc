#include "train/pretrainer.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <torch/torch.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <future>
#include <memory>
#include <new>
#include <numbers>
#include <utility>

#include "base/thread_pool.h"
#include "format/digest.h"
#include "train/checkpoint.h"
#include "train/clock.h"
#include "train/formula_pictures.h"
#include "train/torch_device.h"
#include "train/torch_network.h"

namespace deixis {
namespace {

constexpr double kPretrainWarmUpShare = 0.01;
constexpr int kStatisticsBatches = 8;

std::unique_ptr<torch::optim::AdamW> MakeOptimizer(const TorchNetwork& network,
                                                   const PretrainOptions& options) {
  std::vector<torch::Tensor> decayed;
  std::vector<torch::Tensor> others;  // batch norm's factors and all shifts
  for (const torch::Tensor& parameter : network.parameters()) {
    (parameter.dim() > 1 ? decayed : others).push_back(parameter);
  }
  const auto group = [&](std::vector<torch::Tensor> parameters, double decay) {
    return torch::optim::OptimizerParamGroup(
        std::move(parameters),
        std::make_unique<torch::optim::AdamWOptions>(
            torch::optim::AdamWOptions(options.learning_rate).weight_decay(decay)));
  };
  std::vector<torch::optim::OptimizerParamGroup> groups;
  groups.push_back(group(std::move(decayed), options.weight_decay));
  groups.push_back(group(std::move(others), 0));
  return std::make_unique<torch::optim::AdamW>(std::move(groups));
}

double PretrainRateAt(double progress, double peak) {
  if (progress < kPretrainWarmUpShare)
    return peak * (0.01 + 0.99 * progress / kPretrainWarmUpShare);
  const double falling =
      std::min((progress - kPretrainWarmUpShare) / (1 - kPretrainWarmUpShare), 1.0);
  return peak * 0.5 * (1 + std::cos(std::numbers::pi * falling));
}

int64_t SideAt(const std::vector<PretrainPhase>& phases, double progress) {
  double until = 0;
  for (const PretrainPhase& phase : phases) {
    until += phase.share;
    if (progress < until) return phase.side_px;
  }
  return phases.back().side_px;
}

// Of a network from nothing.
Preprocessing OwnPreprocessing() {
  return {.mean = {0.45f, 0.45f, 0.45f}, .stddev = {0.25f, 0.25f, 0.25f}};
}

// [N, 3, H, W], laid out as [N, H, W, 3].
torch::Tensor Input(const PictureBatch& batch, const Preprocessing& preprocessing,
                    torch::Device device) {
  const auto constant = [&](const std::array<float, 3>& values) {
    return torch::tensor({values[0], values[1], values[2]}).to(device);
  };
  torch::Tensor bytes =
      torch::from_blob(const_cast<uint8_t*>(batch.pixels.data()),
                       {batch.size(), batch.height_px, batch.width_px, 3}, torch::kU8);
  if (preprocessing.channel_order == ChannelOrder::kBgr) bytes = bytes.flip(3);
  return bytes.to(device)
      .to(torch::kFloat32)
      .div_(255)
      .sub_(constant(preprocessing.mean))
      .div_(constant(preprocessing.stddev))
      .permute({0, 3, 1, 2});
}

// What has happened since the last report.
struct Tally {
  int64_t steps = 0;
  double loss_sum = 0;
  std::map<std::string, std::pair<int64_t, int64_t>> by_family;  // right, all
  Clock::time_point start = Clock::now();
};

class Pretrainer {
 public:
  Pretrainer(const Architecture& architecture, const PretrainOptions& options, torch::Device device)
      : options_(options),
        device_(device),
        pictures_(options.seed),
        pool_(options.num_threads),
        network_(WithOutputs(architecture, pictures_.num_classes()), options.seed) {
    network_.to(device_);
    network_.ConvolveIn(options.precision == "bf16" ? torch::kBFloat16 : torch::kFloat32);
    optimizer_ = MakeOptimizer(network_, options);
  }

  Result<Model> Run(const PretrainCallback& on_report) {
    const bool resumes =
        !options_.checkpoint.empty() && std::filesystem::exists(options_.checkpoint);
    if (!options_.backbone.empty()) DEIXIS_RETURN_IF_ERROR(StartFromBackbone(resumes));
    if (resumes) DEIXIS_RETURN_IF_ERROR(Resume());
    start_ = Clock::now();
    last_checkpoint_ = start_;
    network_.train();
    while (ProgressAt(step_) < 1) {
      DEIXIS_RETURN_IF_ERROR(Step());
      if (tally_.steps == options_.steps_per_report) {
        const PretrainReport report = Report();
        if (on_report && !on_report(report)) {
          DEIXIS_RETURN_IF_ERROR(Save());
          return Error{ErrorCode::kInterrupted,
                       "pretraining: interrupted after step " + std::to_string(step_), ""};
        }
      }
      if (MinutesSince(last_checkpoint_) >= options_.checkpoint_minutes) {
        DEIXIS_RETURN_IF_ERROR(Save());
      }
    }
    if (tally_.steps > 0 && on_report) on_report(Report());
    DEIXIS_RETURN_IF_ERROR(Save());
    Model model = network_.ToModel();
    model.task = Task::kClassify;
    model.preprocessing = preprocessing_;
    const int64_t side = options_.phases.back().side_px;
    model.preprocessing.height_px = model.preprocessing.width_px = side;
    model.preprocessing.shorter_side_px = side;
    model.preprocessing.resize = ResizePolicy::kStretch;
    if (!backbone_sha256_.empty()) model.provenance = {{"backbone_sha256", backbone_sha256_}};
    return model;
  }

 private:
  static Architecture WithOutputs(Architecture architecture, int num_outputs) {
    architecture.num_outputs = num_outputs;
    return architecture;
  }
  static double MinutesSince(Clock::time_point time) { return SecondsSince(time) / 60; }
  double Seconds() const { return seconds_before_ + 60 * MinutesSince(start_); }
  double ProgressAt(int64_t step) const {
    return options_.num_steps > 0
               ? static_cast<double>(step) / static_cast<double>(options_.num_steps)
               : Seconds() / 60 / options_.minutes;
  }

  // A training that resumes takes its weights from the checkpoint.
  Status StartFromBackbone(bool resumes) {
    DEIXIS_ASSIGN(const Model backbone, LoadModel(options_.backbone));
    const std::string& name = network_.architecture().name;
    if (backbone.architecture.name != name) {
      return InvalidData(options_.backbone + ": expected a network of the architecture " + name +
                             ", found " + backbone.architecture.name,
                         "name that architecture, or another backbone");
    }
    DEIXIS_ASSIGN(backbone_sha256_, Sha256OfFile(options_.backbone));
    preprocessing_ = backbone.preprocessing;
    if (resumes) return Ok();
    network_.Load(backbone, /*with_head=*/false);
    if (!network_.lacks_statistics()) return Ok();
    int batches = 0;
    network_.MeasureStatistics([&] {
      return batches == kStatisticsBatches ? torch::Tensor()
                                           : Input(MakeBatch(batches++), preprocessing_, device_);
    });
    return Ok();
  }

  PictureBatch MakeBatch(int64_t step) {
    const auto first = static_cast<uint64_t>(step) * static_cast<uint64_t>(options_.batch_size);
    return pictures_.MakeBatch(first, options_.batch_size,
                               SideAt(options_.phases, ProgressAt(step)), pool_);
  }

  // Of the step to come. While a GPU is busy with it, the processor makes the one after it.
  PictureBatch TakeBatch() {
    if (!device_.is_cuda()) return MakeBatch(step_);
    PictureBatch batch = next_.valid() ? next_.get() : MakeBatch(step_);
    next_ = std::async(std::launch::async, [this, next = step_ + 1] { return MakeBatch(next); });
    return batch;
  }

  Status Step() {
    const PictureBatch batch = TakeBatch();
    side_px_ = batch.height_px;
    rate_ = PretrainRateAt(ProgressAt(step_), options_.learning_rate);
    for (auto& group : optimizer_->param_groups()) group.options().set_lr(rate_);
    const torch::Tensor labels =
        torch::from_blob(const_cast<int*>(batch.labels.data()), {batch.size()}, torch::kInt32)
            .to(device_, torch::kLong);
    optimizer_->zero_grad();
    const torch::Tensor logits = network_.Forward(Input(batch, preprocessing_, device_));
    const torch::Tensor loss = torch::nn::functional::cross_entropy(logits, labels);
    loss.backward();
    const auto value = loss.item<double>();
    if (!std::isfinite(value)) {
      return InvalidData("pretraining: expected a finite loss, found it diverged in step " +
                             std::to_string(step_ + 1),
                         "choose a smaller learning rate");
    }
    optimizer_->step();
    ++step_;
    Count(batch, logits.detach().argmax(1).to(torch::kCPU), value);
    return Ok();
  }

  void Count(const PictureBatch& batch, const torch::Tensor& answers, double loss) {
    ++tally_.steps;
    tally_.loss_sum += loss;
    const int64_t* answer = answers.data_ptr<int64_t>();
    for (size_t i = 0; i < batch.labels.size(); ++i) {
      auto& [right, all] = tally_.by_family[pictures_.FamilyOf(batch.labels[i])];
      right += answer[i] == batch.labels[i] ? 1 : 0;
      ++all;
    }
  }

  PretrainReport Report() {
    PretrainReport report;
    report.step = step_;
    report.side_px = side_px_;
    report.pictures = step_ * options_.batch_size;
    report.loss = tally_.loss_sum / static_cast<double>(tally_.steps);
    report.learning_rate = rate_;
    report.progress = ProgressAt(step_);
    report.seconds = Seconds();
    int64_t right_in_all = 0;
    int64_t all_in_all = 0;
    for (const auto& [family, counts] : tally_.by_family) {
      const auto& [right, all] = counts;
      report.top1_by_family[family] = static_cast<double>(right) / static_cast<double>(all);
      right_in_all += right;
      all_in_all += all;
    }
    report.top1 = static_cast<double>(right_in_all) / static_cast<double>(all_in_all);
    report.pictures_per_s =
        static_cast<double>(all_in_all) / (60 * std::max(MinutesSince(tally_.start), 1e-9));
    tally_ = Tally{};
    return report;
  }

  // A checkpoint of other pictures or another schedule would go on to something that nobody asked
  // for.
  CheckpointValues Settings() const {
    std::string phases;
    for (const PretrainPhase& phase : options_.phases) {
      phases += std::to_string(phase.side_px) + ":" + CheckpointNumber(phase.share) + ",";
    }
    return {{"seed", CheckpointNumber(options_.seed)},
            {"batch", std::to_string(options_.batch_size)},
            {"steps", std::to_string(options_.num_steps)},
            {"minutes", CheckpointNumber(options_.minutes)},
            {"learning_rate", CheckpointNumber(options_.learning_rate)},
            {"weight_decay", CheckpointNumber(options_.weight_decay)},
            {"phases", phases},
            {"precision", options_.precision},
            {"backbone_sha256", backbone_sha256_}};
  }

  Status Save() {
    last_checkpoint_ = Clock::now();
    if (options_.checkpoint.empty()) return Ok();
    CheckpointValues values = Settings();
    values["step"] = CheckpointNumber(static_cast<uint64_t>(step_));
    values["seconds"] = CheckpointNumber(Seconds());
    return SaveCheckpoint(options_.checkpoint, network_, *optimizer_, values);
  }

  Status Resume() {
    DEIXIS_ASSIGN(const CheckpointValues values,
                  LoadCheckpoint(options_.checkpoint, network_, *optimizer_));
    for (const auto& [key, value] : Settings()) {
      const auto found = values.find(key);
      if (found == values.end() || found->second != value) {
        return InvalidData(options_.checkpoint + ": expected " + key + " " + value + ", found " +
                               (found == values.end() ? "none" : found->second),
                           "resume with the options the training was started with, or name "
                           "another checkpoint");
      }
    }
    DEIXIS_ASSIGN(const uint64_t step, CheckpointInteger(values, "step"));
    DEIXIS_ASSIGN(seconds_before_, CheckpointReal(values, "seconds"));
    step_ = static_cast<int64_t>(step);
    return Ok();
  }

  PretrainOptions options_;
  torch::Device device_;
  FormulaPictures pictures_;
  ThreadPool pool_;
  TorchNetwork network_;
  Preprocessing preprocessing_ = OwnPreprocessing();
  std::string backbone_sha256_;
  std::unique_ptr<torch::optim::AdamW> optimizer_;
  int64_t step_ = 0;
  int64_t side_px_ = 0;
  double rate_ = 0;
  double seconds_before_ = 0;
  Clock::time_point start_ = Clock::now();
  Clock::time_point last_checkpoint_ = start_;
  Tally tally_;
  std::future<PictureBatch> next_;  // of a GPU; its thread uses the members above
};

}  // namespace

Status PretrainOptions::Validate() const {
  if ((num_steps > 0) == (minutes > 0)) {
    return UsageError("pretraining: expected either a number of steps or minutes above 0");
  }
  if (batch_size < 2 || num_threads < 1 || steps_per_report < 1 || !(learning_rate > 0) ||
      !(weight_decay >= 0) || !(checkpoint_minutes > 0)) {
    return UsageError(
        "pretraining: expected batches of at least 2, 1 thread, a report every step or less often, "
        "and a positive learning rate");
  }
  if (precision != "fp32" && precision != "bf16") {
    return UsageError("pretraining: expected the precision fp32 or bf16, found " + precision);
  }
  double sum = 0;
  for (const PretrainPhase& phase : phases) {
    if (phase.side_px < 16 || phase.side_px > 512 || !(phase.share > 0)) {
      return UsageError(
          "pretraining: expected phases of 16 to 512 pixels and a share above 0, "
          "found " +
          std::to_string(phase.side_px) + ":" + std::to_string(phase.share));
    }
    sum += phase.share;
  }
  if (std::abs(sum - 1) > 1e-6) {
    return UsageError("pretraining: expected the shares of the phases to sum to 1, found " +
                      std::to_string(sum));
  }
  return Ok();
}

Result<Model> Pretrain(Architecture architecture, const PretrainOptions& options,
                       const PretrainCallback& on_report) {
  DEIXIS_RETURN_IF_ERROR(options.Validate());
  // LibTorch reports by exception; they end here.
  try {
    // Threads take this over from the one that starts them, so it comes first.
    at::globalContext().setFlushDenormal(true);
    at::set_num_threads(options.num_threads);
    DEIXIS_ASSIGN(const torch::Device device, FindTorchDevice(options.device));
    return Pretrainer(architecture, options, device).Run(on_report);
  } catch (const std::bad_alloc&) {
    return ResourceError("pretraining: out of memory", "use smaller batches or pictures");
  } catch (const std::exception& failure) {
    return InternalError(std::string("pretraining: ") + failure.what());
  }
}

}  // namespace deixis
