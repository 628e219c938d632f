#include "compress/compress_layer.h"

#include <cmath>
#include <string>
#include <utility>

#include "compress/prune.h"
#include "network/model_size.h"

namespace deixis {
namespace {

int64_t StoredBytes(const LayerParameters& layer) {
  int64_t bytes = layer.bias ? layer.bias->num_bytes() : 0;
  if (const auto* palettized = std::get_if<PalettizedTensor>(&layer.weight)) {
    return bytes + palettized->num_bytes();
  }
  return bytes + std::get<Tensor>(layer.weight).num_bytes();
}

int64_t StoredBytes(const BatchNormParameters& batch_norm) {
  return batch_norm.weight.num_bytes() + batch_norm.bias.num_bytes() +
         batch_norm.running_mean.num_bytes() + batch_norm.running_var.num_bytes();
}

}  // namespace

Result<FoldedWeights> FoldedWeightsOf(const Model& model, const std::string& name) {
  DEIXIS_ASSIGN(const FoldedLayer layer, FoldLayer(model, name));
  return FoldedWeights{WeightShape(layer.weight), layer.ScaledWeights(), layer.bias};
}

Result<std::vector<uint8_t>> PrunedMask(const LayerPlan& plan, const FoldedWeights& folded) {
  if (plan.sparsity == 0) return std::vector<uint8_t>{};
  return MagnitudeMask(folded.weights, plan.sparsity);
}

PalettizeOptions PalettizeOptionsOf(const LayerPlan& plan) {
  return {.num_centroids = plan.num_centroids, .granularity = plan.granularity};
}

Result<LayerReport> InstallLayer(const LayerPlan& plan, const FoldedWeights& folded,
                                 const Palettization& palettization, std::vector<float> bias,
                                 DType codebook_dtype, Model& model) {
  LayerReport report{.plan = plan, .shape = folded.shape};
  const std::vector<float> weights = DenseWeights(palettization);
  double error = 0;
  double square = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    const double difference = double{weights[i]} - folded.weights[i];
    error += difference * difference;
    square += double{folded.weights[i]} * folded.weights[i];
  }
  report.weight_mse = error / static_cast<double>(weights.size());
  report.weight_snr_db = 10 * std::log10(square / error);
  report.sparsity = Sparsity(palettization);

  LayerParameters& layer = model.layers.at(plan.name);
  report.bytes_before = StoredBytes(layer);
  const Node* node = FindNode(model.graph, plan.name);
  if (const Node* batch_norm = BatchNormAfter(model.graph, *node)) {
    const auto found = model.batch_norms.find(batch_norm->name);
    if (found != model.batch_norms.end()) {
      report.bytes_before += StoredBytes(found->second);
      model.batch_norms.erase(found);
    }
  }
  DEIXIS_ASSIGN(PalettizedTensor packed, Pack(palettization, codebook_dtype));
  const auto channels = static_cast<int64_t>(bias.size());
  layer.weight = std::move(packed);
  layer.bias = Tensor::FromVector(Shape{channels}, std::move(bias));
  report.bytes_after = StoredBytes(layer);
  return report;
}

}  // namespace deixis
