#include "compress/activation_rounding.h"

#include <algorithm>
#include <cstdint>

namespace deixis {
namespace {

// Values that a thread takes at a time.
constexpr int64_t kChunk = int64_t{1} << 20;

}  // namespace

std::string ActivationName(const Graph& graph, const Segment& segment) {
  if (segment.output == static_cast<int>(graph.nodes.size())) return "";
  if (segment.layer >= 0) return graph.nodes[segment.layer].name;
  for (const int index : segment.tail) {
    const Node& node = graph.nodes[index];
    if (node.kind == OpKind::kGlobalAveragePool || node.kind == OpKind::kAdd ||
        node.kind == OpKind::kRelu) {
      return node.name;
    }
  }
  return "";
}

Status ActivationRounding::Apply(const std::string& name, std::span<float> values) {
  const auto size = static_cast<int64_t>(values.size());
  const int64_t num_chunks = (size + kChunk - 1) / kChunk;
  const auto chunk = [&](int64_t i) {
    return values.subspan(i * kChunk, std::min(kChunk, size - i * kChunk));
  };
  std::vector<ActivationHistogram> parts(pool_.num_threads());
  pool_.ParallelFor(num_chunks, [&](int64_t i, int thread) { parts[thread].Add(chunk(i)); });
  ActivationHistogram histogram;
  for (const ActivationHistogram& part : parts) histogram.Merge(part);
  if (histogram.num_not_finite() > 0) {
    return InvalidData(
        "activations of \"" + name + "\": " + std::to_string(histogram.num_not_finite()) + " of " +
            std::to_string(size) + " values are NaN or infinite on the calibration pictures",
        "check the model with deixis eval; it cannot run on eight bits as it is");
  }
  const ActivationQuantization quantization = ChooseQuantization(histogram, options_);
  const QuantizationError error = ErrorOf(histogram, quantization);
  reports_.push_back({.name = name,
                      .quantization = quantization,
                      .min = histogram.min(),
                      .max = histogram.max(),
                      .sqnr_db = error.sqnr_db,
                      .clipped_fraction = error.clipped_fraction});
  pool_.ParallelFor(num_chunks, [&](int64_t i, int) { RoundThroughU8(quantization, chunk(i)); });
  return Ok();
}

std::map<std::string, ActivationQuantization> ActivationRounding::quantizations() const {
  std::map<std::string, ActivationQuantization> result;
  for (const ActivationReport& report : reports_) result[report.name] = report.quantization;
  return result;
}

}  // namespace deixis
