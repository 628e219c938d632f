#include "train/centroid_trainer.h"

#include <ATen/Parallel.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <numeric>
#include <utility>
#include <vector>

#include "train/centroid_network.h"
#include "train/clock.h"
#include "train/fine_tune_report.h"
#include "train/fine_tune_steps.h"
#include "train/torch_error.h"
#include "train/torch_network.h"

namespace deixis {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kCentroidEvaluationBatch = 32;
constexpr double kTemperature = 2;
// Few pictures are soon known by heart; what the original answers to them says more.
constexpr double kLabelWeight = 0.2;

Status CheckFit(const FineTuneInput& input, const Model& teacher, const Judgement& judgement) {
  const Model& model = input.backbone;
  if (teacher.architecture.name != model.architecture.name ||
      teacher.architecture.num_outputs != model.architecture.num_outputs ||
      teacher.task != model.task) {
    return InvalidData(
        "--teacher: expected the network that was compressed, a " + model.architecture.name +
            " with " + std::to_string(model.architecture.num_outputs) + " outputs, found a " +
            teacher.architecture.name + " with " + std::to_string(teacher.architecture.num_outputs),
        "name the model that `deixis compress` was given");
  }
  const bool same_names = model.class_names.empty() || input.class_names.empty() ||
                          model.class_names == input.class_names;
  if (judgement.num_categories != NumCategories(model) || !same_names) {
    return InvalidData("the pictures: expected the " + std::to_string(NumCategories(model)) +
                           " categories of the model, found " +
                           std::to_string(judgement.num_categories) +
                           (same_names ? "" : " of other names"),
                       "choose the dataset that the model was made for");
  }
  return Ok();
}

torch::Tensor SumOfDistances(const FineTuneJob& job, const torch::Tensor& answers,
                             const torch::Tensor& wanted) {
  if (job.locates()) return torch::smooth_l1_loss(answers, wanted, at::Reduction::Sum, 0.1);
  const torch::Tensor from = torch::log_softmax(answers / kTemperature, 1);
  const torch::Tensor to = torch::log_softmax(wanted / kTemperature, 1);
  return kTemperature * kTemperature * torch::kl_div(from, to, at::Reduction::Sum, true);
}

class CentroidTrainer {
 public:
  CentroidTrainer(const FineTuneJob& job, const FineTuneInput& input, const Model& teacher,
                  const FineTuneHooks& hooks)
      : job_(job),
        input_(input),
        hooks_(hooks),
        network_(input.backbone),
        teacher_(teacher.architecture, 1) {
    judgement_.task = input.backbone.task;
    judgement_.num_categories = input.num_categories;
    judgement_.tells_presence = input.backbone.tells_presence;
    teacher_.Load(teacher);
    teacher_.eval();
  }

  Status Run(const Model& teacher);

 private:
  Status TrainEpoch(int epoch, torch::optim::Optimizer& optimizer, double& loss);
  Score Evaluate(const SamplePictures& pictures) const;
  void ReportEpoch(int epoch, double loss, const Score& score, double seconds) const {
    hooks_.report(
        {{"event", "epoch"},
         {"epoch", epoch},
         {"epochs", job_.epochs},
         {"loss", loss},
         {"held_out", ScoreToJson(judgement_, score)},
         {"best_epoch", best_epoch_},
         {"seconds", seconds},
         {"eta_s", epoch == 0 ? 0.0 : SecondsSince(start_) / epoch * (job_.epochs - epoch)}});
  }

  const FineTuneJob& job_;
  const FineTuneInput& input_;
  const FineTuneHooks& hooks_;
  CentroidNetwork network_;
  TorchNetwork teacher_;
  Judgement judgement_;
  int best_epoch_ = 0;
  int64_t step_ = 0;
  Clock::time_point start_ = Clock::now();
};

Score CentroidTrainer::Evaluate(const SamplePictures& pictures) const {
  const torch::NoGradGuard no_gradient;
  std::vector<torch::Tensor> answers;
  for (int64_t begin = 0; begin < pictures.size(); begin += kCentroidEvaluationBatch) {
    std::vector<int64_t> indices(
        static_cast<size_t>(std::min(kCentroidEvaluationBatch, pictures.size() - begin)));
    std::iota(indices.begin(), indices.end(), begin);
    const auto targets =
        std::span(pictures.targets).subspan(static_cast<size_t>(begin), indices.size());
    answers.push_back(network_.Forward(
        MakeBatch(pictures, indices, {}, targets, judgement_.num_categories, torch::kCPU).input));
  }
  const torch::Tensor all = torch::cat(answers).contiguous();
  return Judge(judgement_, pictures.preprocessing,
               {all.data_ptr<float>(), static_cast<size_t>(all.numel())}, pictures.targets);
}

Status CentroidTrainer::TrainEpoch(int epoch, torch::optim::Optimizer& optimizer, double& loss) {
  const SamplePictures& pictures = input_.training;
  const int64_t batch_size = std::min(job_.batch, pictures.size());
  const int64_t steps = pictures.size() / batch_size;
  const std::vector<int64_t> order = OrderOf(job_.seed, epoch, pictures.size());
  loss = 0;
  for (int64_t batch = 0; batch < steps; ++batch, ++step_) {
    const std::span<const int64_t> indices(order.data() + batch * batch_size,
                                           static_cast<size_t>(batch_size));
    std::vector<SampleTarget> targets;
    std::vector<Variation> variations;
    for (const int64_t index : indices) {
      targets.push_back(pictures.targets[static_cast<size_t>(index)]);
      variations.push_back(VariationOf(job_, pictures.preprocessing, epoch, index, targets.back()));
    }
    const Batch made =
        MakeBatch(pictures, indices, variations, targets, judgement_.num_categories, torch::kCPU);
    torch::Tensor wanted;
    {
      const torch::NoGradGuard no_gradient;
      wanted = teacher_.Forward(made.input);
    }
    SetLearningRate(job_,
                    ScheduleAt(job_, (static_cast<double>(step_) + 0.5) /
                                         static_cast<double>(steps * job_.epochs)),
                    1, optimizer);
    ForgetGradients(optimizer);
    const torch::Tensor answers = network_.Forward(made.input);
    const torch::Tensor total =
        (SumOfDistances(job_, answers, wanted) +
         kLabelWeight * SumOfLosses(job_, answers, made, judgement_.num_categories,
                                    judgement_.tells_presence)) /
        static_cast<double>(batch_size);
    total.backward();
    const double value = total.item<double>();
    if (!std::isfinite(value)) {
      return InvalidData("training: expected a finite loss, found it diverged in epoch " +
                             std::to_string(epoch) + "; nothing was written",
                         "choose a smaller --learning-rate");
    }
    optimizer.step();
    network_.Constrain();
    loss += value / static_cast<double>(steps);
    if (hooks_.is_cancelled && hooks_.is_cancelled()) {
      return Error{ErrorCode::kInterrupted, "training: interrupted; nothing was written", ""};
    }
  }
  return Ok();
}

Status CentroidTrainer::Run(const Model& teacher) {
  DEIXIS_ASSIGN(judgement_.error_size, ParsePictureSize(job_.error_size));
  DEIXIS_RETURN_IF_ERROR(CheckFit(input_, teacher, judgement_));
  if (!network_.has_palettized_layers()) {
    return InvalidData(job_.backbone + ": expected a compressed model, found no palettized layer",
                       "compress it first, or train all of it with finetune");
  }
  if (input_.training.size() < 1) {
    return InvalidData(job_.data + ": expected pictures to train on, found none");
  }
  at::set_num_threads(job_.threads);
  torch::optim::AdamW optimizer(network_.Parameters(),
                                torch::optim::AdamWOptions(HighestRate(job_)).weight_decay(0));
  hooks_.report(StartLine(job_, input_, judgement_, input_.backbone.architecture, 1,
                          std::min(job_.batch, input_.training.size())));
  Score best = Evaluate(input_.held_out);
  const Score before = best;
  Model best_model = input_.backbone;
  ReportEpoch(0, 0, best, SecondsSince(start_));
  for (int epoch = 1; epoch <= job_.epochs; ++epoch) {
    const Clock::time_point epoch_start = Clock::now();
    double loss = 0;
    DEIXIS_RETURN_IF_ERROR(TrainEpoch(epoch, optimizer, loss));
    const double seconds = SecondsSince(epoch_start);
    const Score score = Evaluate(input_.held_out);
    if (IsBetter(judgement_.task, score, best)) {
      best = score;
      best_epoch_ = epoch;
      best_model = network_.ToModel();
    }
    ReportEpoch(epoch, loss, score, seconds);
  }
  if (best_epoch_ > 0) {
    best_model.provenance.emplace_back("centroids_trained_by", "deixis-train centroids");
    best_model.provenance.emplace_back("centroids_job", JobFingerprint(job_));
  }
  DEIXIS_RETURN_IF_ERROR(SaveModel(job_.out, best_model));
  hooks_.report({{"event", "done"},
                 {"model", job_.out},
                 {"best_epoch", best_epoch_},
                 {"before", ScoreToJson(judgement_, before)},
                 {"held_out", ScoreToJson(judgement_, best)},
                 {"seconds", SecondsSince(start_)},
                 {"file_bytes", std::filesystem::file_size(job_.out)}});
  return Ok();
}

}  // namespace

Status TrainCentroids(const FineTuneJob& job, const FineTuneInput& input, const Model& teacher,
                      const FineTuneHooks& hooks) {
  try {
    return CentroidTrainer(job, input, teacher, hooks).Run(teacher);
  } catch (const std::exception& failure) {
    return TorchError(failure);
  }
}

}  // namespace deixis
