#include "train/fine_tuner.h"

#include <ATen/Parallel.h>
#include <sys/resource.h>
#include <torch/torch.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <numeric>
#include <utility>

#include "base/file.h"
#include "train/checkpoint.h"
#include "train/clock.h"
#include "train/fine_tune_report.h"
#include "train/fine_tune_steps.h"
#include "train/processes.h"
#include "train/torch_device.h"
#include "train/torch_error.h"
#include "train/torch_network.h"

namespace deixis {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kEvaluationBatch = 64;
constexpr int64_t kStatisticsPictures = 512;
constexpr double kProgressSeconds = 1;

// The mean mark of each category: where a head that knows nothing yet had best point.
std::vector<float> MeanMarks(const SamplePictures& pictures, const Judgement& judgement,
                             int64_t num_outputs) {
  std::vector<double> sums(static_cast<size_t>(num_outputs));
  std::vector<int64_t> counts(static_cast<size_t>(judgement.num_categories));
  for (const SampleTarget& target : pictures.targets) {
    for (const PlaceTarget& place : target.places) {
      if (!place.is_present) continue;
      const auto category = static_cast<size_t>(place.category);
      sums[2 * category] += place.unit.x;
      sums[2 * category + 1] += place.unit.y;
      ++counts[category];
    }
  }
  std::vector<float> means(sums.size());
  for (size_t label = 0; label < counts.size(); ++label) {
    const auto count = static_cast<double>(std::max<int64_t>(1, counts[label]));
    means[2 * label] = static_cast<float>(sums[2 * label] / count);
    means[2 * label + 1] = static_cast<float>(sums[2 * label + 1] / count);
  }
  return means;
}

// The rows of a soft-argmax head that attends to every pixel alike. A pixel of the map sees most of
// where its convolutions are centred, which is half their stride before its own middle.
std::vector<float> MiddlesOfView(const Architecture& architecture,
                                 const Preprocessing& preprocessing) {
  const MapExtents map = LastMapOf(architecture, preprocessing.height_px, preprocessing.width_px);
  const auto before = [](int64_t extent, int64_t extent_px) {
    return static_cast<float>(1.0 / static_cast<double>(extent_px) -
                              1.0 / static_cast<double>(extent));
  };
  std::vector<float> rows(static_cast<size_t>(architecture.num_head_rows()));
  for (int64_t k = 0; k < architecture.num_attended; ++k) {
    rows[static_cast<size_t>(2 * k)] = before(map.width, preprocessing.width_px);
    rows[static_cast<size_t>(2 * k + 1)] = before(map.height, preprocessing.height_px);
  }
  return rows;
}

// One fine-tuning under way.
class FineTuner {
 public:
  FineTuner(const FineTuneJob& job, const FineTuneInput& input,
            std::shared_ptr<Processes> processes, const FineTuneHooks& hooks)
      : job_(job),
        input_(input),
        processes_(std::move(processes)),
        hooks_(hooks),
        preprocessing_(input.training.preprocessing) {}

  Status Run();

 private:
  Status Prepare();
  Status Resume();
  // Nothing when the training is cancelled, or its loss is no number.
  Status TrainEpoch(int epoch, Score& score);
  Status TrainStep(std::span<const int64_t> indices, std::vector<SampleTarget>& targets,
                   torch::Tensor& answers);
  // Sums gradients over the processes; `extras` [loss, cancelled] with them.
  void ShareGradients(torch::Tensor& extras);
  Score Evaluate(const SamplePictures& pictures);
  Status SaveBest();
  Status SaveProgress(int epoch);
  Status Finish(bool stopped_early);
  void Report(Json line) const {
    if (processes_->is_first() && hooks_.report) hooks_.report(line);
  }
  void ReportProgress(int epoch, int64_t batch);
  Error Stopped(ErrorCode code, const std::string& what, std::string remedy) const;

  const FineTuneJob& job_;
  const FineTuneInput& input_;
  std::shared_ptr<Processes> processes_;
  const FineTuneHooks& hooks_;
  torch::Device device_ = torch::kCPU;
  Preprocessing preprocessing_;
  Judgement judgement_;
  Architecture architecture_;
  std::unique_ptr<TorchNetwork> network_;
  std::unique_ptr<torch::optim::Optimizer> optimizer_;
  double head_rate_ = 1;
  int64_t batch_size_ = 0;
  int64_t steps_per_epoch_ = 0;
  int64_t step_ = 0;

  int first_epoch_ = 1;
  int best_epoch_ = 0;
  Score best_;
  Score last_;
  double seconds_before_ = 0;  // of an interrupted training that this one goes on with
  Clock::time_point start_ = Clock::now();
  Clock::time_point last_report_ = Clock::now();
  int64_t steps_done_here_ = 0;
};

Error FineTuner::Stopped(ErrorCode code, const std::string& what, std::string remedy) const {
  const std::string kept =
      best_epoch_ > 0
          ? "; " + job_.out + " holds the best so far, of epoch " + std::to_string(best_epoch_)
          : "; no epoch had ended, and " + job_.out + " was not written";
  return Error{code, "training: " + what + kept, std::move(remedy)};
}

Status FineTuner::Prepare() {
  at::set_num_threads(job_.threads);
  DEIXIS_ASSIGN(device_, FindTorchDevice(job_.device));
  judgement_.task = job_.locates() ? Task::kLocate : Task::kClassify;
  judgement_.num_categories = input_.num_categories;
  judgement_.tells_presence = TellsPresence(job_, input_);
  DEIXIS_ASSIGN(judgement_.error_size, ParsePictureSize(job_.error_size));
  DEIXIS_ASSIGN(architecture_,
                ArchitectureFor(job_, input_.backbone, preprocessing_, judgement_.num_categories,
                                judgement_.tells_presence));
  batch_size_ = std::min(job_.batch, input_.training.size());
  if (batch_size_ < 2 || batch_size_ < processes_->size()) {
    return InvalidData(
        "training pictures: expected at least two, and one for each process, found " +
            std::to_string(input_.training.size()),
        "add pictures");
  }
  // A last batch that is not full is left out: batch norm dislikes one picture, and the order is
  // new each time.
  steps_per_epoch_ = input_.training.size() / batch_size_;
  network_ = std::make_unique<TorchNetwork>(architecture_, job_.seed);
  network_->Load(input_.backbone, job_.keep_head);
  if (job_.locates() && !job_.keep_head) {
    network_->StartHeadAt(architecture_.HasSoftArgmaxHead()
                              ? MiddlesOfView(architecture_, preprocessing_)
                              : MeanMarks(input_.training, judgement_, architecture_.num_outputs));
  }
  network_->to(device_);
  if (network_->lacks_statistics()) {
    const int64_t most = std::min(kStatisticsPictures, input_.training.size());
    int64_t done = 0;
    network_->MeasureStatistics([&] {
      const int64_t count = std::min(kEvaluationBatch, most - done);
      if (count == 0) return torch::Tensor();
      std::vector<int64_t> indices(static_cast<size_t>(count));
      std::iota(indices.begin(), indices.end(), done);
      done += count;
      const std::span targets(input_.training.targets);
      return MakeBatch(input_.training, indices, {}, targets.first(indices.size()),
                       judgement_.num_categories, device_)
          .input;
    });
  }
  if (processes_->size() > 1) network_->ShareBatchNorm(processes_);
  network_->Freeze(job_.frozen_stages);
  head_rate_ = HeadRate(job_, architecture_);
  optimizer_ = MakeOptimizer(job_, *network_, architecture_.head_name);
  return Ok();
}

void FineTuner::ShareGradients(torch::Tensor& extras) {
  std::vector<torch::Tensor> gradients;
  for (const auto& group : optimizer_->param_groups()) {
    for (const torch::Tensor& parameter : group.params()) {
      gradients.push_back(parameter.grad());
    }
  }
  std::vector<torch::Tensor> flat = {extras};
  for (const torch::Tensor& gradient : gradients)
    flat.push_back(gradient.reshape(-1).to(torch::kCPU));
  torch::Tensor all = torch::cat(flat);
  processes_->Sum(all);
  extras = all.slice(0, 0, extras.numel());
  int64_t place = extras.numel();
  for (torch::Tensor& gradient : gradients) {
    gradient.copy_(all.slice(0, place, place + gradient.numel()).view(gradient.sizes()));
    place += gradient.numel();
  }
}

Status FineTuner::TrainStep(std::span<const int64_t> indices, std::vector<SampleTarget>& targets,
                            torch::Tensor& answers) {
  const auto count = static_cast<int64_t>(indices.size());
  const Share share = ShareOf(count, processes_->rank(), processes_->size());
  const auto own = [&](auto span) {
    return span.subspan(static_cast<size_t>(share.begin),
                        static_cast<size_t>(share.end - share.begin));
  };
  const int epoch = static_cast<int>(step_ / steps_per_epoch_) + 1;
  std::vector<Variation> variations;
  for (size_t n = 0; n < indices.size(); ++n) {
    targets.push_back(input_.training.targets[static_cast<size_t>(indices[n])]);
    variations.push_back(VariationOf(job_, preprocessing_, epoch, indices[n], targets.back()));
  }
  const std::span<const SampleTarget> batch_targets = std::span(targets).last(indices.size());
  SetLearningRate(job_,
                  ScheduleAt(job_, (static_cast<double>(step_) + 0.5) /
                                       static_cast<double>(steps_per_epoch_ * job_.epochs)),
                  head_rate_, *optimizer_);
  const Batch batch =
      MakeBatch(input_.training, own(indices), own(std::span<const Variation>(variations)),
                own(batch_targets), judgement_.num_categories, device_);
  ForgetGradients(*optimizer_);
  const torch::Tensor outputs = network_->Forward(batch.input);
  const torch::Tensor loss =
      SumOfLosses(job_, outputs, batch, judgement_.num_categories, judgement_.tells_presence) /
      static_cast<double>(count);
  loss.backward();
  const bool is_cancelled = hooks_.is_cancelled && hooks_.is_cancelled();
  torch::Tensor extras =
      torch::tensor({loss.item<float>(), is_cancelled ? 1.0f : 0.0f}, torch::kFloat32);
  if (processes_->size() > 1) ShareGradients(extras);
  if (extras[1].item<float>() > 0)
    return Stopped(ErrorCode::kInterrupted, "interrupted", "go on with --resume");
  if (!std::isfinite(extras[0].item<float>())) {
    return Stopped(ErrorCode::kInvalidData,
                   "expected a finite loss, found it diverged in epoch " + std::to_string(epoch),
                   "choose a smaller --learning-rate");
  }
  optimizer_->step();
  torch::Tensor all = torch::zeros({count, outputs.size(1)});
  all.slice(0, share.begin, share.end).copy_(outputs.detach());
  answers = all;
  ++step_;
  ++steps_done_here_;
  return Ok();
}

Status FineTuner::TrainEpoch(int epoch, Score& score) {
  network_->train();
  const std::vector<int64_t> order = OrderOf(job_.seed, epoch, input_.training.size());
  std::vector<SampleTarget> targets;
  std::vector<torch::Tensor> answers;
  for (int64_t batch = 0; batch < steps_per_epoch_; ++batch) {
    const std::span<const int64_t> indices(order.data() + batch * batch_size_,
                                           static_cast<size_t>(batch_size_));
    answers.emplace_back();
    DEIXIS_RETURN_IF_ERROR(TrainStep(indices, targets, answers.back()));
    ReportProgress(epoch, batch + 1);
  }
  torch::Tensor all = torch::cat(answers).contiguous();
  processes_->Sum(all);
  score = Judge(judgement_, preprocessing_,
                {all.data_ptr<float>(), static_cast<size_t>(all.numel())}, targets);
  return Ok();
}

void FineTuner::ReportProgress(int epoch, int64_t batch) {
  if (batch == steps_per_epoch_ || SecondsSince(last_report_) < kProgressSeconds) return;
  last_report_ = Clock::now();
  const int64_t left = steps_per_epoch_ * job_.epochs - step_;
  Report({{"event", "progress"},
          {"epoch", epoch},
          {"epochs", job_.epochs},
          {"step", batch},
          {"steps", steps_per_epoch_},
          {"eta_s", SecondsSince(start_) / static_cast<double>(steps_done_here_) *
                        static_cast<double>(left)}});
}

Score FineTuner::Evaluate(const SamplePictures& pictures) {
  const torch::NoGradGuard no_gradient;
  network_->eval();
  const Share share = ShareOf(pictures.size(), processes_->rank(), processes_->size());
  torch::Tensor all = torch::zeros({pictures.size(), architecture_.num_outputs});
  for (int64_t begin = share.begin; begin < share.end; begin += kEvaluationBatch) {
    const int64_t end = std::min(begin + kEvaluationBatch, share.end);
    std::vector<int64_t> indices(static_cast<size_t>(end - begin));
    std::iota(indices.begin(), indices.end(), begin);
    const auto targets =
        std::span(pictures.targets).subspan(static_cast<size_t>(begin), indices.size());
    const Batch batch =
        MakeBatch(pictures, indices, {}, targets, judgement_.num_categories, device_);
    all.slice(0, begin, end).copy_(network_->Forward(batch.input));
  }
  processes_->Sum(all);
  return Judge(judgement_, preprocessing_,
               {all.data_ptr<float>(), static_cast<size_t>(all.numel())}, pictures.targets);
}

Status FineTuner::SaveBest() {
  if (!processes_->is_first()) return Ok();
  Model model = network_->ToModel();
  model.task = judgement_.task;
  model.tells_presence = judgement_.tells_presence;
  model.preprocessing = preprocessing_;
  model.class_names = input_.class_names;
  model.provenance = {{"trained_by", "deixis-train finetune"},
                      {"backbone_sha256", input_.backbone_sha256},
                      {"epoch", std::to_string(best_epoch_)},
                      {"job", JobFingerprint(job_)}};
  return SaveModel(job_.out, model);
}

Status FineTuner::SaveProgress(int epoch) {
  if (!processes_->is_first()) return Ok();
  return SaveCheckpoint(job_.CheckpointPath(), *network_, *optimizer_,
                        {{"epoch", CheckpointNumber(static_cast<uint64_t>(epoch))},
                         {"best_epoch", CheckpointNumber(static_cast<uint64_t>(best_epoch_))},
                         {"best", ScoreToJson(judgement_, best_).dump()},
                         {"last", ScoreToJson(judgement_, last_).dump()},
                         {"seconds", CheckpointNumber(seconds_before_ + SecondsSince(start_))},
                         {"backbone_sha256", input_.backbone_sha256},
                         {"job", JobFingerprint(job_)}});
}

// The first process reads the checkpoint and gives its bytes to the others.
Status FineTuner::Resume() {
  const std::string& path = job_.CheckpointPath();
  torch::Tensor size = torch::zeros({1}, torch::kInt64);
  torch::Tensor bytes;
  if (processes_->is_first() && std::filesystem::exists(path)) {
    DEIXIS_ASSIGN(const auto file, MappedFile::Open(path));
    size[0] = static_cast<int64_t>(file->bytes().size());
    bytes = torch::from_blob(const_cast<std::byte*>(file->bytes().data()), {size.item<int64_t>()},
                             torch::kUInt8)
                .clone();
  }
  processes_->Sum(size);
  if (size.item<int64_t>() == 0) return Ok();
  std::string own_path = path;
  if (processes_->size() > 1) {
    if (!bytes.defined()) bytes = torch::zeros({size.item<int64_t>()}, torch::kUInt8);
    processes_->Sum(bytes);
    if (!processes_->is_first()) {
      own_path = (std::filesystem::temp_directory_path() /
                  ("deixis_train_" + std::to_string(::getpid()) + ".checkpoint"))
                     .string();
      DEIXIS_RETURN_IF_ERROR(WriteFileAtomically(
          own_path, std::span(reinterpret_cast<const std::byte*>(bytes.data_ptr<uint8_t>()),
                              static_cast<size_t>(bytes.numel()))));
    }
  }
  const Result<CheckpointValues> values = LoadCheckpoint(own_path, *network_, *optimizer_);
  if (own_path != path) std::filesystem::remove(own_path);
  if (!values.ok()) return values.error();
  const auto is = [&](const char* key, const std::string& wanted) {
    const auto found = values->find(key);
    return found != values->end() && found->second == wanted;
  };
  if (!is("job", JobFingerprint(job_)) || !is("backbone_sha256", input_.backbone_sha256)) {
    return InvalidData(path +
                           ": expected the checkpoint of this training, found one of other options "
                           "or another backbone",
                       "give the options that it was begun with, or begin anew without --resume");
  }
  DEIXIS_ASSIGN(const uint64_t epoch, CheckpointInteger(*values, "epoch"));
  DEIXIS_ASSIGN(const uint64_t best_epoch, CheckpointInteger(*values, "best_epoch"));
  DEIXIS_ASSIGN(seconds_before_, CheckpointReal(*values, "seconds"));
  const auto score = [&](const char* key) -> Result<Score> {
    const auto found = values->find(key);
    return ScoreFromJson(found == values->end() ? "" : found->second);
  };
  DEIXIS_ASSIGN(best_, score("best"));
  DEIXIS_ASSIGN(last_, score("last"));
  if (processes_->is_first() && !std::filesystem::exists(job_.out)) {
    return NotFound(job_.out + ": no such file, though the checkpoint says that it holds epoch " +
                        std::to_string(best_epoch),
                    "begin anew without --resume");
  }
  best_epoch_ = static_cast<int>(best_epoch);
  first_epoch_ = static_cast<int>(epoch) + 1;
  step_ = static_cast<int64_t>(epoch) * steps_per_epoch_;
  Report({{"event", "resumed"}, {"checkpoint", path}, {"epoch", epoch}});
  return Ok();
}

// Judges what stands in job.out, which is what is kept.
Status FineTuner::Finish(bool stopped_early) {
  if (processes_->is_first()) {
    DEIXIS_ASSIGN(const Model best, LoadModel(job_.out));
    network_->Load(best);
  }
  if (processes_->size() > 1) {
    const torch::NoGradGuard no_gradient;
    for (const auto& [name, tensor] : network_->tensors()) {
      torch::Tensor shared = tensor.detach().to(torch::kCPU).clone();
      if (!processes_->is_first()) shared.zero_();
      processes_->Sum(shared);
      torch::Tensor(tensor).detach().copy_(shared);
    }
  }
  const Score held_out = Evaluate(input_.held_out);
  Json line = {{"event", "done"},
               {"model", job_.out},
               {"best_epoch", best_epoch_},
               {"stopped", stopped_early ? "patience" : "epochs"},
               {"held_out", ScoreToJson(judgement_, held_out)},
               {"last_epoch", ScoreToJson(judgement_, last_)}};
  if (judgement_.task == Task::kClassify) line["confusion"] = held_out.confusion;
  if (input_.test) {
    const Score test = Evaluate(*input_.test);
    line["test"] = ScoreToJson(judgement_, test);
    if (judgement_.task == Task::kClassify) line["test_confusion"] = test.confusion;
  }
  struct rusage usage {};
  getrusage(RUSAGE_SELF, &usage);
  line["seconds"] = seconds_before_ + SecondsSince(start_);
  line["peak_rss_bytes"] = static_cast<int64_t>(usage.ru_maxrss) * 1024;
  if (processes_->is_first()) {
    line["file_bytes"] = std::filesystem::file_size(job_.out);
    std::error_code error;
    std::filesystem::remove(job_.CheckpointPath(), error);
  }
  Report(std::move(line));
  return Ok();
}

Status FineTuner::Run() {
  DEIXIS_RETURN_IF_ERROR(Prepare());
  if (job_.resume) DEIXIS_RETURN_IF_ERROR(Resume());
  Report(StartLine(job_, input_, judgement_, architecture_, processes_->size(), batch_size_));
  bool stopped_early = false;
  for (int epoch = first_epoch_; epoch <= job_.epochs && !stopped_early; ++epoch) {
    const Clock::time_point epoch_start = Clock::now();
    Score training;
    DEIXIS_RETURN_IF_ERROR(TrainEpoch(epoch, training));
    const double training_seconds = SecondsSince(epoch_start);
    const Score held_out = Evaluate(input_.held_out);
    last_ = held_out;
    if (!std::isfinite(held_out.loss)) {
      return Stopped(ErrorCode::kInvalidData,
                     "expected finite answers, found none after epoch " + std::to_string(epoch),
                     "choose a smaller --learning-rate");
    }
    if (best_epoch_ == 0 || IsBetter(judgement_.task, held_out, best_)) {
      best_ = held_out;
      best_epoch_ = epoch;
      DEIXIS_RETURN_IF_ERROR(SaveBest());
    }
    const double per_epoch = SecondsSince(start_) / static_cast<double>(epoch - first_epoch_ + 1);
    // Told before it is kept: of two processes, one killed and one that goes on, at least one tells
    // each epoch.
    Report({{"event", "epoch"},
            {"epoch", epoch},
            {"epochs", job_.epochs},
            {"train", ScoreToJson(judgement_, training)},
            {"held_out", ScoreToJson(judgement_, held_out)},
            {"best_epoch", best_epoch_},
            {"seconds", training_seconds},
            {"eta_s", per_epoch * (job_.epochs - epoch)}});
    DEIXIS_RETURN_IF_ERROR(SaveProgress(epoch));
    stopped_early = job_.patience > 0 && epoch - best_epoch_ >= job_.patience;
  }
  return Finish(stopped_early);
}

}  // namespace

Preprocessing PreprocessingFor(const FineTuneJob& job, const Model& backbone) {
  Preprocessing preprocessing = backbone.preprocessing;
  if (job.input_px > 0) {
    // The crop keeps its share of the picture.
    preprocessing.shorter_side_px = preprocessing.shorter_side_px * job.input_px /
                                    std::max<int64_t>(1, preprocessing.height_px);
    preprocessing.height_px = preprocessing.width_px = job.input_px;
  }
  if (job.resize == "stretch" || (job.resize == "auto" && job.locates())) {
    preprocessing.resize = ResizePolicy::kStretch;
  } else if (job.resize == "crop") {
    preprocessing.resize = ResizePolicy::kShorterSideCrop;
  }
  return preprocessing;
}

bool TellsPresence(const FineTuneJob& job, const FineTuneInput& input) {
  if (!job.locates()) return false;
  if (job.keep_head) return input.backbone.tells_presence;
  return std::ranges::any_of(input.training.targets, [](const SampleTarget& target) {
    return !std::ranges::all_of(target.places, &PlaceTarget::is_present);
  });
}

Result<Architecture> ArchitectureFor(const FineTuneJob& job, const Model& backbone,
                                     const Preprocessing& preprocessing, int64_t num_categories,
                                     bool tells_presence) {
  const std::string head = job.keep_head        ? std::string(HeadNameOf(backbone.architecture))
                           : job.head != "auto" ? job.head
                           : job.locates()      ? "soft-argmax"
                                                : "pooled";
  Architecture architecture = backbone.architecture;
  // A soft-argmax head wants a fine map more than it wants the last stage's view of the whole.
  const bool drops_layer4 =
      job.stages == 4 || (job.stages == 0 && head == "soft-argmax" && !job.keep_head);
  const Architecture* cut = WithoutLayer4(architecture);
  if (drops_layer4 && cut != nullptr) architecture = *cut;
  architecture.num_outputs = num_categories * (!job.locates() ? 1 : tells_presence ? 3 : 2);
  const int64_t pixels =
      LastMapOf(architecture, preprocessing.height_px, preprocessing.width_px).num_pixels();
  if (!job.keep_head) architecture.pooled_stages = 1;
  // A map of one pixel is its own mean.
  architecture.flattened_pixels = head == "flatten" && pixels > 1 ? pixels : 0;
  architecture.num_attended = head == "soft-argmax" ? num_categories : 0;
  if (!job.keep_head) return architecture;
  if (architecture.num_outputs != backbone.architecture.num_outputs ||
      architecture.num_attended != backbone.architecture.num_attended ||
      architecture.flattened_pixels != backbone.architecture.flattened_pixels ||
      architecture.name != backbone.architecture.name ||
      (backbone.task == Task::kLocate) != job.locates()) {
    return InvalidData("--keep-head: expected a backbone with " +
                           std::to_string(architecture.num_outputs) + " outputs for this task at " +
                           std::to_string(preprocessing.width_px) + "x" +
                           std::to_string(preprocessing.height_px) + ", found " +
                           std::to_string(backbone.architecture.num_outputs) + " outputs",
                       "leave the flag out: the last layer is then new");
  }
  return architecture;
}

Status FineTune(const FineTuneJob& job, const FineTuneInput& input,
                const std::shared_ptr<Processes>& processes, const FineTuneHooks& hooks) {
  try {
    return FineTuner(job, input, processes, hooks).Run();
  } catch (const std::exception& failure) {
    return TorchError(failure);
  }
}

}  // namespace deixis
