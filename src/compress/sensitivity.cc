#include "compress/sensitivity.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "base/thread_pool.h"
#include "compress/compress_layer.h"
#include "compress/int8_codebook.h"
#include "compress/metrics.h"
#include "compress/palettize.h"
#include "compress/plan_size.h"
#include "runtime/executor.h"

namespace deixis {
namespace {

// Disturbs every layer visibly and destroys none.
constexpr int kTriedCentroids = 8;
// Rows that stand for a layer when its error at some K is estimated.
constexpr int64_t kMaxSampledRows = 64;
// From here on another bit per index quarters the error, as of any finely quantized source.
constexpr int kLargestClusteredK = 16;
constexpr double kErrorPerBit = 0.25;

Status CheckCentroids(const std::vector<int>& centroids) {
  if (centroids.empty()) return UsageError("centroids: expected at least one number, found none");
  for (size_t i = 0; i < centroids.size(); ++i) {
    if (centroids[i] < 2 || centroids[i] > kMaxCentroids) {
      return UsageError("centroids: expected 2 to 256, found " + std::to_string(centroids[i]));
    }
    if (i > 0 && centroids[i] <= centroids[i - 1]) {
      return UsageError("centroids: expected ascending numbers, found " +
                        std::to_string(centroids[i]) + " after " +
                        std::to_string(centroids[i - 1]));
    }
  }
  return Ok();
}

// Whole groups of rows, evenly chosen.
FoldedWeights SampleRows(const FoldedWeights& folded, Granularity granularity) {
  const int64_t num_rows = folded.shape[0];
  const auto row_length = static_cast<int64_t>(folded.weights.size()) / num_rows;
  const int64_t unit = granularity == Granularity::kGroup ? kRowsPerGroup : 1;
  const int64_t num_units = (num_rows + unit - 1) / unit;
  const int64_t taken = std::min(num_units, kMaxSampledRows / unit);
  FoldedWeights sample;
  for (int64_t t = 0; t < taken; ++t) {
    const int64_t first = t * num_units / taken * unit;
    const int64_t end = std::min(num_rows, first + unit);
    sample.weights.insert(sample.weights.end(), folded.weights.begin() + first * row_length,
                          folded.weights.begin() + end * row_length);
  }
  sample.shape = {static_cast<int64_t>(sample.weights.size()) / row_length, row_length};
  return sample;
}

double SumOfSquares(const std::vector<float>& values) {
  double sum = 0;
  for (const float value : values) sum += double{value} * value;
  return sum;
}

// Squared error of the layer's weights at each K, relative to their square.
class ErrorCurve {
 public:
  ErrorCurve(const FoldedWeights& folded, const LayerPlan& plan, ThreadPool& pool)
      : sample_(SampleRows(folded, plan.granularity)),
        square_(SumOfSquares(sample_.weights)),
        plan_(plan),
        pool_(pool) {}

  Result<double> At(int k) {
    const int clustered = std::min(k, kLargestClusteredK);
    const auto [found, is_new] = clustered_.try_emplace(clustered, 0.0);
    if (is_new && square_ > 0) {
      plan_.num_centroids = clustered;
      DEIXIS_ASSIGN(
          const Palettization palettization,
          Palettize(sample_.weights, sample_.shape, PalettizeOptionsOf(plan_), {}, {}, pool_));
      found->second = SquaredError(palettization, sample_.weights) / square_;
    }
    return found->second * std::pow(kErrorPerBit, std::log2(static_cast<double>(k) / clustered));
  }

 private:
  FoldedWeights sample_;
  double square_;
  LayerPlan plan_;
  ThreadPool& pool_;
  std::map<int, double> clustered_;  // by K
};

// Outputs for the chosen pictures, [pictures, num_outputs].
Result<std::vector<float>> RunOver(const Model& model, PictureSet& pictures,
                                   const std::vector<int64_t>& chosen, ThreadPool& pool) {
  std::vector<Executor> executors;
  for (int thread = 0; thread < pool.num_threads(); ++thread) {
    DEIXIS_ASSIGN(Executor executor, Executor::Create(model));
    executors.push_back(std::move(executor));
  }
  const int64_t num_outputs = model.architecture.num_outputs;
  std::vector<float> outputs(chosen.size() * num_outputs);
  std::mutex mutex;
  std::optional<Error> failure;
  pool.ParallelFor(static_cast<int64_t>(chosen.size()), [&](int64_t i, int thread) {
    std::vector<uint8_t> pixels(pictures.picture_bytes());
    const Result<PictureSize> size = pictures.Read(chosen[i], pixels);
    if (!size.ok()) {
      const std::lock_guard lock(mutex);
      failure = size.error();
      return;
    }
    const std::span<const float> output = executors[thread].Run(pixels);
    std::copy(output.begin(), output.end(), outputs.begin() + i * num_outputs);
  });
  if (failure) return *failure;
  return outputs;
}

double MeanSquaredDifference(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += (double{a[i]} - b[i]) * (double{a[i]} - b[i]);
  return sum / static_cast<double>(a.size());
}

double MeanDamage(const Model& model, std::span<const float> original,
                  std::span<const float> disturbed) {
  const int64_t num_outputs = model.architecture.num_outputs;
  const auto num_pictures = static_cast<int64_t>(original.size()) / num_outputs;
  double sum = 0;
  for (int64_t n = 0; n < num_pictures; ++n) {
    const auto before = original.subspan(n * num_outputs, num_outputs);
    const auto after = disturbed.subspan(n * num_outputs, num_outputs);
    sum += model.task == Task::kClassify ? KullbackLeibler(before, after)
                                         : MeanSquaredDifference(before, after);
  }
  return sum / static_cast<double>(num_pictures);
}

// The damage of storing this layer alone with kTriedCentroids.
Result<double> TryLayer(const Model& model, LayerPlan plan, const FoldedWeights& folded,
                        PictureSet& pictures, const std::vector<int64_t>& chosen,
                        const std::vector<float>& original, ThreadPool& pool) {
  plan.num_centroids = kTriedCentroids;
  DEIXIS_ASSIGN(Palettization palettization,
                Palettize(folded.weights, folded.shape, PalettizeOptionsOf(plan), {}, {}, pool));
  Model disturbed = model;
  DEIXIS_ASSIGN(const LayerReport report,
                InstallLayer(plan, folded, palettization, folded.bias, DType::kF32, disturbed));
  DEIXIS_ASSIGN(const std::vector<float> outputs, RunOver(disturbed, pictures, chosen, pool));
  return MeanDamage(model, original, outputs);
}

}  // namespace

Result<std::vector<LayerOptions>> MeasureLayerOptions(const Model& model,
                                                      const std::vector<LayerPlan>& plan,
                                                      PictureSet* pictures,
                                                      const SensitivityOptions& options) {
  DEIXIS_RETURN_IF_ERROR(CheckCentroids(options.centroids));
  ThreadPool pool(options.num_threads);
  std::vector<int64_t> chosen;
  std::vector<float> original;
  if (pictures != nullptr) {
    const int64_t taken = std::min(pictures->size(), options.max_pictures);
    for (int64_t t = 0; t < taken; ++t) chosen.push_back(t * pictures->size() / taken);
    DEIXIS_ASSIGN(original, RunOver(model, *pictures, chosen, pool));
  }
  std::vector<LayerOptions> result;
  for (size_t l = 0; l < plan.size(); ++l) {
    if (options.progress &&
        !options.progress(
            {"measure", plan[l].name, static_cast<double>(l) / static_cast<double>(plan.size())})) {
      return Error{ErrorCode::kInterrupted, "measurement interrupted", ""};
    }
    DEIXIS_ASSIGN(const FoldedWeights folded, FoldedWeightsOf(model, plan[l].name));
    ErrorCurve curve(folded, plan[l], pool);
    double damage_per_error = 1;
    if (pictures != nullptr) {
      DEIXIS_ASSIGN(const double damage,
                    TryLayer(model, plan[l], folded, *pictures, chosen, original, pool));
      DEIXIS_ASSIGN(const double error, curve.At(kTriedCentroids));
      damage_per_error = error > 0 ? damage / error : 0;
    }
    LayerOptions& layer = result.emplace_back();
    for (const int k : options.centroids) {
      LayerPlan tried = plan[l];
      tried.num_centroids = k;
      LayerOption& option = layer.emplace_back();
      DEIXIS_ASSIGN(option.num_bytes, LayerBytes(model, tried, options.codebook_dtype));
      DEIXIS_ASSIGN(const double error, curve.At(k));
      option.damage = damage_per_error * error;
    }
  }
  return result;
}

}  // namespace deixis
