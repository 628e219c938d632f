#include "compress/plan_size.h"

#include <optional>
#include <string>
#include <utility>

#include "compress/activation_rounding.h"
#include "compress/segments.h"
#include "format/safetensors.h"
#include "network/graph.h"
#include "network/model_size.h"

namespace deixis {
namespace {

Tensor Zeros(DType dtype, Shape shape) {
  const int64_t num_bytes = NumElements(shape).value_or(0) * SizeOf(dtype);
  return Tensor::FromBytes(dtype, std::move(shape), std::vector<std::byte>(num_bytes));
}

// The layer as the plan stores it, all zeros.
Result<LayerParameters> ZeroLayer(const Model& model, const LayerPlan& plan, DType codebook_dtype) {
  const auto found = model.layers.find(plan.name);
  if (found == model.layers.end()) {
    return UsageError("layer \"" + plan.name + "\": the model has no such layer",
                      "deixis info lists the model's layers");
  }
  PalettizedTensor tensor;
  tensor.shape = WeightShape(found->second.weight);
  tensor.num_centroids = plan.num_centroids;
  tensor.group_rows = GroupRows(plan.granularity, tensor.num_rows());
  tensor.indices = Zeros(DType::kU8, {tensor.num_rows() * tensor.row_bytes()});
  tensor.codebook = Zeros(codebook_dtype, {tensor.num_groups(), tensor.num_centroids});
  tensor.scale = Zeros(DType::kF32, {tensor.num_rows()});
  Tensor bias = Zeros(DType::kF32, {tensor.num_rows()});
  return LayerParameters{.weight = std::move(tensor), .bias = std::move(bias)};
}

}  // namespace

Result<int64_t> LayerBytes(const Model& model, const LayerPlan& plan, DType codebook_dtype) {
  DEIXIS_ASSIGN(const LayerParameters layer, ZeroLayer(model, plan, codebook_dtype));
  return std::get<PalettizedTensor>(layer.weight).num_bytes() + layer.bias->num_bytes();
}

Result<int64_t> FileBytes(const Model& model, const std::vector<LayerPlan>& plan,
                          DType codebook_dtype) {
  Model compressed = model;
  for (const LayerPlan& layer : plan) {
    DEIXIS_ASSIGN(compressed.layers[layer.name], ZeroLayer(model, layer, codebook_dtype));
    const Node* node = FindNode(model.graph, layer.name);
    if (node == nullptr) continue;
    if (const Node* batch_norm = BatchNormAfter(model.graph, *node)) {
      compressed.batch_norms.erase(batch_norm->name);
    }
  }
  return SafetensorsBytes(ModelToTensors(compressed));
}

int64_t ActivationBytes(const Graph& graph) {
  // The key and its braces, and \"NAME\":{\"scale\":0.00012345678,\"zero_point\":255}, each.
  constexpr int64_t kKeyBytes = 40;
  constexpr int64_t kEntryBytes = 64;
  int64_t bytes = kKeyBytes;
  for (const Segment& segment : PlanSegments(graph)) {
    const std::string name = ActivationName(graph, segment);
    if (!name.empty()) bytes += kEntryBytes + static_cast<int64_t>(name.size());
  }
  return bytes;
}

}  // namespace deixis
