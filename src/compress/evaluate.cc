#include "compress/evaluate.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "compress/metrics.h"
#include "runtime/executor.h"

namespace deixis {
namespace {

Status CheckCategories(const Model& model, const Dataset& dataset) {
  const int64_t outputs = NumCategories(model);
  for (const Sample& sample : dataset.samples) {
    if (sample.label >= 0 && sample.label < outputs) continue;
    return InvalidData(dataset.folder + ": expected labels 0 to " + std::to_string(outputs - 1) +
                           ", the outputs of the model, found " + std::to_string(sample.label) +
                           " for " + sample.path,
                       "choose the dataset that the model was made for");
  }
  if (model.class_names.empty() || dataset.class_names.empty()) return Ok();
  const size_t common = std::min(model.class_names.size(), dataset.class_names.size());
  for (size_t label = 0; label < common; ++label) {
    if (dataset.class_names[label].empty() ||
        model.class_names[label] == dataset.class_names[label]) {
      continue;
    }
    return InvalidData(dataset.folder + ": category " + std::to_string(label) + " is \"" +
                           dataset.class_names[label] + "\", but the model calls it \"" +
                           model.class_names[label] + "\"",
                       "choose the dataset that the model was made for");
  }
  return Ok();
}

// Without a mark in any picture a locate model cannot be judged.
Status CheckMarks(const Model& model, const Dataset& dataset) {
  if (model.task != Task::kLocate) return Ok();
  for (const Sample& sample : dataset.samples) {
    if (sample.point_px) return Ok();
  }
  return InvalidData(
      dataset.folder + ": expected marked pictures for a model that locates, found " +
          std::to_string(dataset.samples.size()) + " without a mark",
      "mark them in points.csv (file,x_px,y_px), or in their names (105_88_name.jpg)");
}

// What the workers share.
struct Tally {
  std::atomic<int64_t> next{0};
  std::atomic<bool> stop{false};
  std::mutex mutex;  // guards what follows
  int64_t done = 0;
  std::optional<Error> error;
};

void Stop(Tally& tally, Error error) {
  const std::lock_guard lock(tally.mutex);
  if (!tally.error) tally.error = std::move(error);
  tally.stop = true;
}

}  // namespace

double Evaluation::mean_error_px() const {
  double sum = 0;
  for (const double error : errors_px) sum += error;
  return errors_px.empty() ? 0.0 : sum / static_cast<double>(errors_px.size());
}

double Evaluation::median_error_px() const {
  return errors_px.empty() ? 0.0 : Quantile(errors_px, 0.5);
}

double Evaluation::p95_error_px() const {
  return errors_px.empty() ? 0.0 : Quantile(errors_px, 0.95);
}

Result<Evaluation> Evaluate(const Model& model, PictureSet& pictures,
                            const EvaluateOptions& options) {
  DEIXIS_RETURN_IF_ERROR(CheckCategories(model, pictures.dataset()));
  DEIXIS_RETURN_IF_ERROR(CheckMarks(model, pictures.dataset()));
  const auto start = std::chrono::steady_clock::now();
  const int64_t outputs = model.architecture.num_outputs;
  const int64_t images = pictures.size();
  const int num_workers =
      static_cast<int>(std::clamp<int64_t>(options.num_threads, 1, std::max<int64_t>(images, 1)));
  // One executor per worker, single-threaded: pictures are independent, so nothing waits.
  std::vector<Executor> executors;
  for (int worker = 0; worker < num_workers; ++worker) {
    DEIXIS_ASSIGN(Executor executor, Executor::Create(model));
    executors.push_back(std::move(executor));
  }

  const bool locates = model.task == Task::kLocate;
  Evaluation evaluation;
  evaluation.images = images;
  evaluation.predictions.resize(images);
  if (options.keep_logits) evaluation.logits.resize(images * outputs);
  std::vector<int> ranks(images);
  std::vector<char> unknown(locates ? 0 : images);
  if (!locates) evaluation.known_scores.resize(images);
  const int nothing_label = NothingLabel(model.class_names);
  std::vector<double> cross_entropies(images);
  std::vector<double> errors_px(locates ? images : 0);
  std::vector<double> presences(model.tells_presence ? images : 0);
  Tally tally;
  const auto work = [&](Executor& executor) {
    std::vector<uint8_t> pixels(pictures.picture_bytes());
    for (int64_t i = tally.next++; i < images && !tally.stop; i = tally.next++) {
      Result<PictureSize> size = pictures.Read(i, pixels);
      if (!size.ok()) return Stop(tally, std::move(size).error());
      const Sample& sample = pictures.sample(i);
      const std::span<const float> logits = executor.Run(pixels);
      if (!locates) {
        evaluation.predictions[i] = LargestLogit(logits);
        evaluation.known_scores[i] = KnownScore(model.rejection, logits, nothing_label);
        unknown[i] = IsUnknown(model.rejection, logits, nothing_label) ? 1 : 0;
        ranks[i] = RankOf(logits, sample.label);
        cross_entropies[i] = CrossEntropy(logits, sample.label);
      } else if (sample.point_px) {
        const Point answer = PixelFromUnit({logits[2 * sample.label], logits[2 * sample.label + 1]},
                                           *size, pictures.preprocessing());
        errors_px[i] = std::hypot(answer.x - sample.point_px->x, answer.y - sample.point_px->y);
      }
      if (model.tells_presence) {
        presences[i] = Logistic(logits[PresenceOutput(model, sample.label)]);
      }
      if (options.keep_logits) {
        std::copy(logits.begin(), logits.end(), evaluation.logits.begin() + i * outputs);
      }
      const std::lock_guard lock(tally.mutex);
      ++tally.done;
      if (options.progress && !options.progress(tally.done, images)) {
        if (!tally.error) tally.error = Error{ErrorCode::kInterrupted, "interrupted", ""};
        tally.stop = true;
      }
    }
  };
  // Joined also when one of them cannot be started.
  std::vector<std::jthread> threads;
  for (int worker = 1; worker < num_workers; ++worker) {
    threads.emplace_back(work, std::ref(executors[worker]));
  }
  work(executors[0]);
  for (std::jthread& thread : threads) thread.join();
  if (tally.error) return *std::move(tally.error);

  evaluation.called_unknown.assign(unknown.begin(), unknown.end());
  // Summed in order, so that the figures do not depend on the number of threads.
  for (int64_t i = 0; i < images; ++i) {
    if (locates) {
      const bool is_marked = pictures.sample(i).point_px.has_value();
      if (is_marked) evaluation.errors_px.push_back(errors_px[i]);
      if (model.tells_presence) {
        (is_marked ? evaluation.presence_where_marked : evaluation.presence_where_absent)
            .push_back(presences[i]);
      }
      continue;
    }
    evaluation.correct += ranks[i] == 0 ? 1 : 0;
    evaluation.correct_top5 += ranks[i] < 5 ? 1 : 0;
    evaluation.mean_cross_entropy += cross_entropies[i] / static_cast<double>(images);
  }
  evaluation.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return evaluation;
}

}  // namespace deixis
