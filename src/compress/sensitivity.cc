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
#include "compress/metrics.h"
#include "compress/palettize.h"
#include "compress/plan_size.h"
#include "runtime/executor.h"

namespace deixis {
namespace {

// What layers are tried with: the ends of the range in which most of the choice lies.
constexpr int kFewCentroids = 4;
constexpr int kManyCentroids = 16;
// The line through both falls by these factors per bit at least and at most: outside lies noise.
constexpr double kSlowestFall = 0.7;
constexpr double kFastestFall = 0.1;
// A part of the pictures and of the effort tells layers apart.
constexpr int64_t kMaxFitPictures = 256;
constexpr int64_t kMaxFitRows = 16000;
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

// What each layer of the plan costs by itself with K = num_centroids.
class Trials {
 public:
  Trials(const Model& model, const std::vector<LayerPlan>& plan, PictureSet& pictures,
         const CompressOptions& compress, int64_t max_pictures, ThreadPool& pool)
      : model_(model), plan_(plan), pictures_(pictures), compress_(compress), pool_(pool) {
    CalibrationOptions& calibration = compress_.calibration;
    calibration.on_original_inputs = true;
    calibration.mirror = false;
    calibration.max_pictures = std::min(calibration.max_pictures, kMaxFitPictures);
    calibration.max_rows = std::min(calibration.max_rows, kMaxFitRows);
    calibration.rounds = std::min(calibration.rounds, 1);
    const int64_t taken = std::min(pictures.size(), max_pictures);
    for (int64_t t = 0; t < taken; ++t) chosen_.push_back(t * pictures.size() / taken);
  }

  // Reports as the part [begin, begin + share) of the whole measurement.
  Result<std::vector<double>> DamagesAt(int num_centroids, double begin, double share) {
    if (original_.empty()) {
      DEIXIS_ASSIGN(original_, RunOver(model_, pictures_, chosen_, pool_));
    }
    CompressOptions options = compress_;
    const double half = share / 2;
    options.progress = [&](const CompressProgress& progress) {
      return Report(progress.layer, begin + half * progress.fraction);
    };
    std::vector<LayerPlan> tried = plan_;
    for (LayerPlan& layer : tried) layer.num_centroids = num_centroids;
    DEIXIS_ASSIGN(const CompressedModel compressed,
                  CompressByPlan(model_, tried, &pictures_, options));
    std::vector<double> damages;
    for (size_t l = 0; l < plan_.size(); ++l) {
      const std::string& name = plan_[l].name;
      if (!Report(name, begin + half +
                            half * static_cast<double>(l) / static_cast<double>(plan_.size()))) {
        return Error{ErrorCode::kInterrupted, "measurement interrupted", ""};
      }
      Model disturbed = model_;
      disturbed.layers.at(name) = compressed.model.layers.at(name);
      const Node* batch_norm = BatchNormAfter(model_.graph, *FindNode(model_.graph, name));
      if (batch_norm != nullptr) disturbed.batch_norms.erase(batch_norm->name);
      DEIXIS_ASSIGN(const std::vector<float> outputs,
                    RunOver(disturbed, pictures_, chosen_, pool_));
      damages.push_back(MeanDamage(model_, original_, outputs));
    }
    return damages;
  }

 private:
  bool Report(std::string_view layer, double fraction) const {
    return !compress_.progress || compress_.progress({"measure", layer, fraction});
  }

  const Model& model_;
  const std::vector<LayerPlan>& plan_;
  PictureSet& pictures_;
  CompressOptions compress_;
  ThreadPool& pool_;
  std::vector<int64_t> chosen_;
  std::vector<float> original_;
};

// The damage at other K, on the line through two in logarithms; beyond the larger the fall of any
// fine quantizer.
double OnTheLine(double at_few, double at_many, int k) {
  if (!(at_few > 0) || !(at_many > 0)) return std::max(0.0, k < kManyCentroids ? at_few : at_many);
  const double bits_between = std::log2(static_cast<double>(kManyCentroids) / kFewCentroids);
  const double fall =
      std::clamp(std::pow(at_many / at_few, 1 / bits_between), kFastestFall, kSlowestFall);
  if (k >= kManyCentroids) {
    return at_many * std::pow(kErrorPerBit, std::log2(static_cast<double>(k) / kManyCentroids));
  }
  return at_many * std::pow(fall, std::log2(static_cast<double>(k) / kManyCentroids));
}

}  // namespace

Result<std::vector<LayerOptions>> MeasureLayerOptions(const Model& model,
                                                      const std::vector<LayerPlan>& plan,
                                                      PictureSet* pictures,
                                                      const CompressOptions& compress,
                                                      const SensitivityOptions& options) {
  DEIXIS_RETURN_IF_ERROR(CheckCentroids(options.centroids));
  ThreadPool pool(compress.num_threads);
  std::vector<double> at_few;
  std::vector<double> at_many;
  if (pictures != nullptr) {
    Trials trials(model, plan, *pictures, compress, options.max_pictures, pool);
    DEIXIS_ASSIGN(at_few, trials.DamagesAt(kFewCentroids, 0, 0.5));
    DEIXIS_ASSIGN(at_many, trials.DamagesAt(kManyCentroids, 0.5, 0.5));
  }
  std::vector<LayerOptions> result;
  for (size_t l = 0; l < plan.size(); ++l) {
    if (pictures == nullptr && compress.progress &&
        !compress.progress(
            {"measure", plan[l].name, static_cast<double>(l) / static_cast<double>(plan.size())})) {
      return Error{ErrorCode::kInterrupted, "measurement interrupted", ""};
    }
    std::optional<ErrorCurve> curve;
    if (pictures == nullptr) {
      DEIXIS_ASSIGN(const FoldedWeights folded, FoldedWeightsOf(model, plan[l].name));
      curve.emplace(folded, plan[l], pool);
    }
    LayerOptions& layer = result.emplace_back();
    for (const int k : options.centroids) {
      LayerPlan tried = plan[l];
      tried.num_centroids = k;
      LayerOption& option = layer.emplace_back();
      DEIXIS_ASSIGN(option.num_bytes, LayerBytes(model, tried, compress.codebook_dtype));
      if (curve) {
        DEIXIS_ASSIGN(option.damage, curve->At(k));
      } else {
        option.damage = OnTheLine(at_few[l], at_many[l], k);
      }
    }
  }
  return result;
}

}  // namespace deixis
