#include "compress/compress.h"

#include <cmath>
#include <regex>
#include <set>
#include <utility>

#include "base/thread_pool.h"
#include "compress/calibrate.h"
#include "compress/compress_layer.h"
#include "compress/int8_codebook.h"
#include "compress/int8_weights.h"
#include "compress/prune.h"

namespace deixis {
namespace {

constexpr double kLargestSparsity = 0.99;

std::vector<std::string> LayerNames(const Model& model) {
  std::vector<std::string> names;
  for (const Node& node : model.graph.nodes) {
    if (node.kind == OpKind::kConv2d || node.kind == OpKind::kLinear) names.push_back(node.name);
  }
  return names;
}

Status ValidatePlan(const Model& model, const std::vector<LayerPlan>& plan) {
  std::set<std::string> seen;
  for (const LayerPlan& layer : plan) {
    const std::string context = "plan of layer \"" + layer.name + "\"";
    if (!model.layers.contains(layer.name)) {
      return UsageError(context + ": the model has no such layer",
                        "deixis info lists the model's layers");
    }
    if (!seen.insert(layer.name).second) return UsageError(context + ": given twice");
    if (layer.num_centroids < 2 || layer.num_centroids > kMaxCentroids) {
      return UsageError(context + ": expected 2 to 256 centroids, found " +
                        std::to_string(layer.num_centroids));
    }
    if (!(layer.sparsity >= 0 && layer.sparsity <= kLargestSparsity)) {
      return UsageError(context + ": expected a sparsity of 0 to 0.99, found " +
                        std::to_string(layer.sparsity));
    }
    if (layer.prune_nearest_zero && layer.sparsity > 0) {
      return UsageError(context + ": both kinds of pruning", "choose one of them");
    }
  }
  return Ok();
}

Result<Palettization> FitWeights(const LayerPlan& plan, const FoldedWeights& folded,
                                 std::span<const uint8_t> pruned, DType codebook_dtype,
                                 ThreadPool& pool) {
  if (plan.form == WeightForm::kInt8) {
    return QuantizeToInt8(folded.weights, folded.shape, {}, pruned, pool);
  }
  DEIXIS_ASSIGN(Palettization result, Palettize(folded.weights, folded.shape,
                                                PalettizeOptionsOf(plan), {}, pruned, pool));
  if (plan.prune_nearest_zero) PruneNearestZero(result);
  if (codebook_dtype != DType::kI8) return result;
  RoundCodebooksToInt8(result, {}, pool);
  PolishInt8Codebooks(result, folded.weights, {}, pool);
  return result;
}

Result<CompressedModel> CompressWithoutPictures(const Model& model,
                                                const std::vector<LayerPlan>& plan,
                                                const CompressOptions& options, ThreadPool& pool) {
  CompressedModel result;
  result.model = model;
  result.model.activations.clear();  // they were chosen for other weights
  for (size_t i = 0; i < plan.size(); ++i) {
    if (options.progress &&
        !options.progress({"compress", plan[i].name,
                           static_cast<double>(i) / static_cast<double>(plan.size())})) {
      return Error{ErrorCode::kInterrupted, "compression interrupted", ""};
    }
    DEIXIS_ASSIGN(const FoldedWeights folded, FoldedWeightsOf(model, plan[i].name));
    DEIXIS_ASSIGN(const std::vector<uint8_t> pruned, PrunedMask(plan[i], folded));
    DEIXIS_ASSIGN(const Palettization palettization,
                  FitWeights(plan[i], folded, pruned, options.codebook_dtype, pool));
    DEIXIS_ASSIGN(LayerReport report, InstallLayer(plan[i], folded, palettization, folded.bias,
                                                   options.codebook_dtype, result.model));
    result.layers.push_back(std::move(report));
  }
  return result;
}

}  // namespace

Status CompressOptions::Validate() const {
  if (num_centroids < 2 || num_centroids > kMaxCentroids) {
    return UsageError("centroids: expected 2 to 256, found " + std::to_string(num_centroids));
  }
  if (codebook_dtype != DType::kI8 && codebook_dtype != DType::kF16 &&
      codebook_dtype != DType::kF32) {
    return UsageError("codebook: expected int8, float16 or float32");
  }
  if (!(sparsity >= 0 && sparsity <= kLargestSparsity)) {
    return UsageError("sparsity: expected 0 to 0.99, found " + std::to_string(sparsity));
  }
  if (prune_nearest_zero && sparsity > 0) {
    return UsageError("pruning: expected nearest-zero or a sparsity, found both",
                      "choose one of them");
  }
  if (form == WeightForm::kInt8 && prune_nearest_zero) {
    return UsageError("pruning: the centroid nearest to zero is one of a codebook",
                      "choose codebooks, or a sparsity");
  }
  if (activations) {
    DEIXIS_RETURN_IF_ERROR(activations->Validate());
    if (codebook_dtype != DType::kI8) {
      return UsageError("codebook: activations in eight bits need centroids of int8");
    }
  }
  if (calibration.max_pictures < 1 || calibration.max_rows < 1 || !(calibration.damping > 0) ||
      calibration.rounds < 0) {
    return UsageError("calibration: expected positive numbers of pictures and rows, damping > 0");
  }
  return Ok();
}

Result<std::vector<LayerPlan>> MakePlan(const Model& model, const CompressOptions& options) {
  DEIXIS_RETURN_IF_ERROR(options.Validate());
  const bool all = options.layers == "all";
  std::regex expression;
  try {
    expression = std::regex(all ? ".*" : options.layers);
  } catch (const std::regex_error& error) {
    return UsageError(
        "layers: \"" + options.layers + "\" is not a regular expression (" + error.what() + ")",
        "give \"all\", a layer's name or an ECMAScript expression");
  }
  std::vector<LayerPlan> plan;
  std::string names;
  for (const std::string& name : LayerNames(model)) {
    names += (names.empty() ? "" : ", ") + name;
    if (!std::regex_match(name, expression)) continue;
    const bool is_int8 = options.form == WeightForm::kInt8;
    plan.push_back({.name = name,
                    .form = options.form,
                    .num_centroids = is_int8 ? kMaxCentroids : options.num_centroids,
                    .granularity = is_int8 ? Granularity::kTensor : options.granularity,
                    .prune_nearest_zero = options.prune_nearest_zero,
                    .sparsity = options.sparsity});
  }
  if (plan.empty()) {
    return UsageError("layers: \"" + options.layers + "\" matches no layer",
                      "the model has " + names);
  }
  return plan;
}

Result<CompressedModel> CompressByPlan(const Model& model, const std::vector<LayerPlan>& plan,
                                       PictureSet* pictures, const CompressOptions& options) {
  DEIXIS_RETURN_IF_ERROR(options.Validate());
  DEIXIS_RETURN_IF_ERROR(ValidatePlan(model, plan));
  if (options.activations && pictures == nullptr) {
    return UsageError("activations in eight bits need pictures to find their ranges with",
                      "give pictures, or leave activations as they are");
  }
  ThreadPool pool(options.num_threads);
  if (pictures == nullptr) return CompressWithoutPictures(model, plan, options, pool);
  return CompressCalibrated(model, plan, *pictures, options, pool);
}

Result<CompressedModel> Compress(const Model& model, PictureSet* pictures,
                                 const CompressOptions& options) {
  DEIXIS_ASSIGN(const std::vector<LayerPlan> plan, MakePlan(model, options));
  return CompressByPlan(model, plan, pictures, options);
}

}  // namespace deixis
