#include "compress/calibrate.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "compress/activation_stream.h"
#include "compress/compress_layer.h"
#include "compress/int8_codebook.h"
#include "compress/int8_weights.h"
#include "compress/layer_fit.h"
#include "compress/layer_samples.h"
#include "compress/prune.h"
#include "compress/segments.h"
#include "kernels/linear_f32/linear_f32.h"

namespace deixis {
namespace {

constexpr double kSmallestRidge = 1e-12;
constexpr double kLargestSpread = 2;

// The layer as fitted: palettization, bias, and how near its output comes to the target.
struct FittedLayer {
  Palettization palettization;
  std::vector<float> bias;
  double output_snr_db = 0;
};

// a_oᵀ H b_o for every row o.
std::vector<double> RowProducts(std::span<const float> a, std::span<const float> b,
                                int64_t num_rows) {
  std::vector<double> products(num_rows, 0.0);
  const auto length = static_cast<int64_t>(a.size()) / num_rows;
  for (int64_t o = 0; o < num_rows; ++o) {
    for (int64_t at = o * length; at < (o + 1) * length; ++at) products[o] += double{a[at]} * b[at];
  }
  return products;
}

std::vector<float> BiasFor(std::span<const float> weights, std::span<const double> input_mean,
                           std::span<const double> target_mean) {
  const auto length = static_cast<int64_t>(input_mean.size());
  std::vector<float> bias(target_mean.size());
  for (size_t o = 0; o < bias.size(); ++o) {
    double mean = 0;
    for (int64_t i = 0; i < length; ++i) {
      mean += weights[static_cast<int64_t>(o) * length + i] * input_mean[i];
    }
    bias[o] = static_cast<float>(target_mean[o] - mean);
  }
  return bias;
}

class LayerCalibration {
 public:
  LayerCalibration(const CompressOptions& options, ThreadPool& pool)
      : options_(options), pool_(pool) {}

  Result<FittedLayer> Fit(const LayerPlan& plan, const FoldedWeights& folded,
                          const LayerSamples& samples, const ActivationStream& compressed) {
    const LayerSamples::Moments moments = samples.Gather(compressed, pool_);
    DEIXIS_ASSIGN(const std::vector<uint8_t> pruned, PrunedMask(plan, folded));
    const auto variances_of = [&](std::span<const float> weights) {
      return moments.covariance.empty() ? samples.OutputVariances(compressed, weights, pool_)
                                        : OutputVariances(moments, weights);
    };
    if (options_.calibration.error_feedback && !moments.covariance.empty()) {
      DEIXIS_ASSIGN(Palettization fitted, FitOutput(plan, folded, moments, pruned));
      return Match(std::move(fitted), moments, options_.calibration.spread, variances_of);
    }
    DEIXIS_ASSIGN(Palettization nearest, FitWeights(plan, folded, moments, pruned));
    return Match(std::move(nearest), moments, /*spread=*/1, variances_of);
  }

 private:
  // What H's diagonal is raised by, so that inputs that hardly vary leave the weights alone.
  float RidgeOf(const LayerSamples::Moments& moments) const {
    double trace = 0;
    for (const double variance : moments.input_variance) trace += variance;
    const auto length = static_cast<double>(moments.input_variance.size());
    return static_cast<float>(
        std::max(options_.calibration.damping * trace / length, kSmallestRidge));
  }

  // The weights in their form that disturb the output least: |X̂w - y|² / n + λ|w - w₀|². Means are
  // taken out of X̂ and y, since the bias is free.
  Result<Palettization> FitOutput(const LayerPlan& plan, const FoldedWeights& folded,
                                  const LayerSamples::Moments& moments,
                                  std::span<const uint8_t> pruned) {
    const auto length = static_cast<int64_t>(moments.input_mean.size());
    const float ridge = RidgeOf(moments);
    QuadraticProblem problem{
        .shape = folded.shape, .hessian = moments.covariance, .linear = moments.cross};
    for (int64_t i = 0; i < length; ++i) problem.hessian[i * (length + 1)] += ridge;
    for (size_t at = 0; at < problem.linear.size(); ++at) {
      problem.linear[at] += ridge * folded.weights[at];
    }
    if (plan.form == WeightForm::kInt8) {
      DEIXIS_ASSIGN(const LayerFit fit, LayerFit::CreateInt8(std::move(problem), pruned, pool_));
      return fit.palettization();
    }
    DEIXIS_ASSIGN(LayerFit fit, LayerFit::Create(std::move(problem), PalettizeOptionsOf(plan),
                                                 pruned, plan.prune_nearest_zero, pool_));
    fit.Improve(options_.calibration.rounds, pool_);
    if (options_.codebook_dtype == DType::kI8) {
      fit.RoundToInt8(pool_);
      fit.Improve(1, pool_);
    }
    return fit.palettization();
  }

  // Every input position counts as much as it varies.
  std::vector<float> ImportanceOf(const LayerSamples::Moments& moments) const {
    std::vector<float> importance(moments.input_variance.size(), RidgeOf(moments));
    for (size_t i = 0; i < importance.size(); ++i) {
      importance[i] += static_cast<float>(moments.input_variance[i]);
    }
    return importance;
  }

  // What is nearest to the weights themselves, weighted by the inputs' variance.
  Result<Palettization> FitWeights(const LayerPlan& plan, const FoldedWeights& folded,
                                   const LayerSamples::Moments& moments,
                                   std::span<const uint8_t> pruned) {
    const std::vector<float> importance = ImportanceOf(moments);
    if (plan.form == WeightForm::kInt8) {
      return QuantizeToInt8(folded.weights, folded.shape, importance, pruned, pool_);
    }
    DEIXIS_ASSIGN(Palettization result,
                  Palettize(folded.weights, folded.shape, PalettizeOptionsOf(plan), importance,
                            pruned, pool_));
    if (plan.prune_nearest_zero) PruneNearestZero(result);
    if (options_.codebook_dtype == DType::kI8) {
      RoundCodebooksToInt8(result, importance, pool_);
      PolishInt8Codebooks(result, folded.weights, importance, pool_);
    }
    return result;
  }

  // wᵀ H w of every row.
  std::vector<double> OutputVariances(const LayerSamples::Moments& moments,
                                      std::span<const float> weights) {
    const auto length = static_cast<int64_t>(moments.input_mean.size());
    const int64_t rows = static_cast<int64_t>(weights.size()) / length;
    std::vector<float> products(weights.size());
    LinearF32(PackLinearF32(length, length, moments.covariance), weights.data(), products.data(),
              rows, &pool_);
    return RowProducts(weights, products, rows);
  }

  // Scales and bias by which each channel's output gets back its spread (to the power `spread`) and
  // its mean. Nothing changes when the output is what it was.
  template <typename VariancesOf>
  FittedLayer Match(Palettization palettization, const LayerSamples::Moments& moments,
                    double spread, const VariancesOf& variances_of) {
    const int64_t rows = palettization.num_rows();
    std::vector<float> weights = DenseWeights(palettization);
    const std::vector<double> variance = variances_of(weights);
    const std::vector<double> agreement = RowProducts(weights, moments.cross, rows);
    double signal = 0;
    double noise = 0;
    for (int64_t o = 0; o < rows; ++o) {
      signal += moments.target_variance[o];
      noise += moments.target_variance[o] - 2 * agreement[o] + variance[o];
      const double factor = std::pow(moments.original_variance[o] / variance[o], spread / 2);
      if (!std::isnormal(factor)) continue;  // a channel that is constant
      palettization.scale[o] = static_cast<float>(
          palettization.scale[o] * std::clamp(factor, 1 / kLargestSpread, kLargestSpread));
    }
    weights = DenseWeights(palettization);
    FittedLayer result{.palettization = std::move(palettization),
                       .bias = BiasFor(weights, moments.input_mean, moments.target_mean),
                       .output_snr_db = 10 * std::log10(signal / std::max(noise, kSmallestRidge))};
    return result;
  }

  const CompressOptions& options_;
  ThreadPool& pool_;
};

}  // namespace

Result<CompressedModel> CompressCalibrated(const Model& model, const std::vector<LayerPlan>& plan,
                                           PictureSet& pictures, const CompressOptions& options,
                                           ThreadPool& pool) {
  const Graph& graph = model.graph;
  const std::vector<Segment> segments = PlanSegments(graph);
  const std::vector<std::vector<int>> last_uses = LastUses(graph, segments);
  const std::vector<ValueExtents> extents =
      ExtentsOfValues(graph, model.preprocessing.height_px, model.preprocessing.width_px);
  const int64_t bytes_per_picture = 2 * PeakBytesPerPicture(graph, segments, extents);
  const int64_t num_fitting = options.calibration.max_activation_bytes / bytes_per_picture;
  DEIXIS_ASSIGN(const CalibrationInput input,
                ReadCalibrationInput(
                    model.preprocessing, pictures,
                    std::min(options.calibration.max_pictures, std::max<int64_t>(num_fitting, 1)),
                    options.calibration.mirror, pool));
  ActivationStream original(graph, extents, input.pictures, input.num_pictures);
  ActivationStream compressed(graph, extents, input.pictures, input.num_pictures);
  std::map<std::string, const LayerPlan*> plan_of;
  for (const LayerPlan& layer : plan) plan_of[layer.name] = &layer;

  CompressedModel result;
  result.model = model;
  result.model.activations.clear();  // they were chosen for other weights
  result.calibration_pictures = input.num_originals;
  std::map<std::string, LayerReport> reports;
  LayerCalibration calibration(options, pool);
  std::optional<ActivationRounding> rounding;
  if (options.activations && !options.calibration.on_original_inputs) {
    rounding.emplace(*options.activations, pool);
  }
  for (size_t s = 0; s < segments.size(); ++s) {
    const Segment& segment = segments[s];
    const bool is_layer = segment.layer >= 0;
    const std::string name = is_layer ? graph.nodes[segment.layer].name : "";
    if (options.progress &&
        !options.progress(
            {"calibrate", name, static_cast<double>(s) / static_cast<double>(segments.size())})) {
      return Error{ErrorCode::kInterrupted, "compression interrupted", ""};
    }
    const auto planned = plan_of.find(name);
    const bool is_chosen = is_layer && planned != plan_of.end();
    FoldedWeights folded;
    std::optional<PackedConv2dF32> layer;
    Conv2dShape shape;
    if (is_layer) {
      shape = LayerShapeOf(graph.nodes[segment.layer], extents[segment.input]);
      DEIXIS_ASSIGN(folded, FoldedWeightsOf(model, name));
      layer = PackConv2dF32(shape, folded.weights, folded.bias);
    }
    std::optional<LayerSamples> samples;
    if (is_chosen) samples.emplace(graph, segment, original, options.calibration.max_rows);
    const auto take_samples = [&](int64_t n, std::span<const float> output) {
      samples->TakeOriginal(n, output);
    };
    original.SetValue(
        segment.output,
        original.Run(segment, layer ? &*layer : nullptr,
                     samples ? ActivationStream::OnLayerOutput(take_samples) : nullptr, pool));
    if (is_chosen) {
      samples->TakeShortcuts(original, compressed, pool);
      DEIXIS_ASSIGN(FittedLayer fitted,
                    calibration.Fit(*planned->second, folded, *samples, compressed));
      layer = PackConv2dF32(shape, DenseWeights(fitted.palettization), fitted.bias);
      DEIXIS_ASSIGN(LayerReport report,
                    InstallLayer(*planned->second, folded, fitted.palettization,
                                 std::move(fitted.bias), options.codebook_dtype, result.model));
      report.output_snr_db = fitted.output_snr_db;
      reports.emplace(name, std::move(report));
    }
    for (const int value : last_uses[s]) original.Drop(value);
    const bool is_same =
        options.calibration.on_original_inputs || (!is_chosen && reports.empty() && !rounding);
    if (is_same) {
      compressed.SetValue(segment.output, original.value(segment.output));
    } else {
      auto output = compressed.Run(segment, layer ? &*layer : nullptr, {}, pool);
      const std::string activation = rounding ? ActivationName(graph, segment) : "";
      if (!activation.empty()) DEIXIS_RETURN_IF_ERROR(rounding->Apply(activation, *output));
      compressed.SetValue(segment.output, std::move(output));
    }
    for (const int value : last_uses[s]) compressed.Drop(value);
  }
  for (const Node& node : graph.nodes) {
    const auto report = reports.find(node.name);
    if (report != reports.end()) result.layers.push_back(std::move(report->second));
  }
  if (rounding) {
    result.model.activations = rounding->quantizations();
    result.activations = rounding->reports();
  }
  return result;
}

}  // namespace deixis
