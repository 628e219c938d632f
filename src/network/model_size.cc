#include "network/model_size.h"

#include <variant>

namespace deixis {

int64_t Fp32Bytes(const Graph& graph) {
  int64_t numbers = 0;
  for (const Node& node : graph.nodes) {
    if (node.kind == OpKind::kConv2d) {
      numbers += node.out_channels * node.in_channels * node.filter_size * node.filter_size;
      numbers += (node.has_bias ? 1 : 4) * node.out_channels;
    } else if (node.kind == OpKind::kLinear) {
      numbers += node.out_channels * (node.in_channels + 1);
    }
  }
  return 4 * numbers;
}

const Shape& WeightShape(const WeightStorage& weight) {
  if (const auto* dense = std::get_if<Tensor>(&weight)) return dense->shape();
  return std::get<PalettizedTensor>(weight).shape;
}

}  // namespace deixis
