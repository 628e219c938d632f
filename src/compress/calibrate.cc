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
#include "compress/layer_fit.h"
#include "compress/layer_samples.h"
#include "compress/segments.h"
#include "kernels/linear_f32/linear_f32.h"

namespace deixis {
namespace {

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

class Calibration {
 public:
  Calibration(const CompressOptions& options, ThreadPool& pool) : options_(options), pool_(pool) {}

  Result<FittedLayer> Fit(const LayerPlan& plan, const FoldedWeights& folded,
                          const LayerSamples& samples, const ActivationStream& compressed) {
    const CalibrationOptions& calibration = options_.calibration;
    const LayerSamples::Moments moments = samples.Gather(compressed, pool_);
    const int64_t length = samples.row_length();
    const int64_t rows = samples.num_outputs();

    // |X̂w - y|² / n + λ|w - w₀|².
    double trace = 0;
    for (int64_t i = 0; i < length; ++i) trace += moments.covariance[i * (length + 1)];
    const auto ridge = static_cast<float>(
        std::max(calibration.damping * trace / static_cast<double>(length), 1e-12));
    QuadraticProblem problem{.shape = folded.shape,
                             .hessian = moments.covariance,
                             .linear = WithRidge(moments.cross, ridge, folded.weights)};
    for (int64_t i = 0; i < length; ++i) problem.hessian[i * (length + 1)] += ridge;

    DEIXIS_ASSIGN(const std::vector<uint8_t> pruned, PrunedMask(plan, folded));
    DEIXIS_ASSIGN(LayerFit fit, LayerFit::Create(std::move(problem), PalettizeOptionsOf(plan),
                                                 pruned, plan.prune_nearest_zero, pool_));
    fit.Improve(calibration.rounds, pool_);
    if (options_.codebook_dtype == DType::kI8) {
      fit.RoundToInt8(pool_);
      fit.Improve(1, pool_);
    }
    std::vector<float> weights = DenseWeights(fit.palettization());
    std::vector<double> target_mean = moments.target_mean;
    std::vector<float> bias = BiasFor(weights, moments.input_mean, target_mean);
    for (int round = 0; samples.relu_follows() && round < calibration.rectified_rounds; ++round) {
      LayerSamples::RectifiedMoments rectified =
          samples.GatherRectified(compressed, moments, weights, bias, pool_);
      fit.SetLinear(WithRidge(rectified.cross, ridge, folded.weights));
      fit.Improve(1, pool_);
      weights = DenseWeights(fit.palettization());
      target_mean = std::move(rectified.target_mean);
      bias = BiasFor(weights, moments.input_mean, target_mean);
    }

    FittedLayer result{.palettization = fit.palettization()};
    // Variances of the output and its error, from the moments.
    std::vector<float> spread(weights.size());
    LinearF32Products(moments.covariance, weights, spread, rows);
    const std::vector<double> variance = RowProducts(weights, spread, rows);
    const std::vector<double> agreement = RowProducts(weights, moments.cross, rows);
    double signal = 0;
    double noise = 0;
    for (int64_t o = 0; o < rows; ++o) {
      signal += moments.target_variance[o];
      noise += moments.target_variance[o] - 2 * agreement[o] + variance[o];
      // A least-squares fit is narrower than its target. Part of the spread is given back.
      if (!(variance[o] > 0) || !(moments.target_variance[o] > 0)) continue;
      const double factor =
          std::pow(moments.target_variance[o] / variance[o], calibration.spread / 2);
      result.palettization.scale[o] =
          static_cast<float>(result.palettization.scale[o] * std::clamp(factor, 0.5, 2.0));
    }
    result.output_snr_db = 10 * std::log10(signal / std::max(noise, 1e-30));
    weights = DenseWeights(result.palettization);
    result.bias = BiasFor(weights, moments.input_mean, target_mean);
    return result;
  }

 private:
  static std::vector<float> WithRidge(std::vector<float> cross, float ridge,
                                      std::span<const float> weights) {
    for (size_t at = 0; at < cross.size(); ++at) cross[at] += ridge * weights[at];
    return cross;
  }

  void LinearF32Products(std::span<const float> matrix, std::span<const float> rows,
                         std::span<float> products, int64_t num_rows);

  const CompressOptions& options_;
  ThreadPool& pool_;
};

void Calibration::LinearF32Products(std::span<const float> matrix, std::span<const float> rows,
                                    std::span<float> products, int64_t num_rows) {
  const auto length = static_cast<int64_t>(rows.size()) / num_rows;
  const PackedConv2dF32 packed = PackLinearF32(length, length, matrix);
  LinearF32(packed, rows.data(), products.data(), num_rows, &pool_);
}

PackedConv2dF32 PackLayer(const Node& node, std::span<const float> weights,
                          std::span<const float> bias) {
  const Conv2dShape shape{.in_channels = node.in_channels,
                          .out_channels = node.out_channels,
                          .filter_height = std::max<int64_t>(node.filter_size, 1),
                          .filter_width = std::max<int64_t>(node.filter_size, 1),
                          .stride = std::max<int64_t>(node.stride, 1),
                          .padding = node.padding};
  return PackConv2dF32(shape, weights, bias);
}

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

  CompressedModel result{.model = model};
  result.calibration_pictures = input.num_originals;
  std::map<std::string, LayerReport> reports;
  Calibration calibration(options, pool);
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
    if (is_layer) {
      DEIXIS_ASSIGN(folded, FoldedWeightsOf(model, name));
      layer = PackLayer(graph.nodes[segment.layer], folded.weights, folded.bias);
    }
    std::optional<LayerSamples> samples;
    if (is_chosen) samples.emplace(graph, segment, original, options.calibration.max_rows);
    original.Run(
        segment, layer ? &*layer : nullptr,
        samples ? ActivationStream::OnLayerOutput([&](int64_t n, std::span<const float> output) {
          samples->TakeOriginal(n, output);
        })
                : ActivationStream::OnLayerOutput(),
        pool);
    if (is_chosen) {
      samples->TakeShortcuts(original, compressed, pool);
      DEIXIS_ASSIGN(FittedLayer fitted,
                    calibration.Fit(*planned->second, folded, *samples, compressed));
      layer =
          PackLayer(graph.nodes[segment.layer], DenseWeights(fitted.palettization), fitted.bias);
      DEIXIS_ASSIGN(LayerReport report,
                    InstallLayer(*planned->second, folded, fitted.palettization,
                                 std::move(fitted.bias), options.codebook_dtype, result.model));
      report.output_snr_db = fitted.output_snr_db;
      reports.emplace(name, std::move(report));
    }
    for (const int value : last_uses[s]) original.Drop(value);
    const bool is_same = !is_chosen && reports.empty();
    if (is_same) {
      compressed.SetValue(segment.output, original.value(segment.output));
    } else {
      compressed.Run(segment, layer ? &*layer : nullptr, {}, pool);
    }
    for (const int value : last_uses[s]) compressed.Drop(value);
  }
  for (const Node& node : graph.nodes) {
    const auto report = reports.find(node.name);
    if (report != reports.end()) result.layers.push_back(std::move(report->second));
  }
  return result;
}

}  // namespace deixis
