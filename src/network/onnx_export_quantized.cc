#include "network/onnx_export_quantized.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

namespace deixis {
namespace {

constexpr int kNone = -1;
constexpr double kLevels = 255;

struct Range {
  double low = 0;
  double high = 0;
};

Range RangeOf(const ActivationQuantization& quantization) {
  const double scale = quantization.scale;
  return {.low = -quantization.zero_point * scale,
          .high = (kLevels - quantization.zero_point) * scale};
}

// The whole of `range`, which holds 0.
ActivationQuantization Spanning(const Range& range) {
  const double scale = (range.high - range.low) / kLevels;
  return {.scale = static_cast<float>(scale),
          .zero_point = static_cast<int>(std::clamp(std::round(-range.low / scale), 0.0, kLevels))};
}

ActivationQuantization OfPicture(const Preprocessing& preprocessing) {
  Range range;
  for (size_t c = 0; c < 3; ++c) {
    const double mean = preprocessing.mean[c];
    const double deviation = preprocessing.stddev[c];
    for (const double unit : {0.0, 1.0}) {
      range.low = std::min(range.low, (unit - mean) / deviation);
      range.high = std::max(range.high, (unit - mean) / deviation);
    }
  }
  return Spanning(range);
}

// Finds, for each name that the model has a scale for, the value that carries it.
class ValueFinder {
 public:
  explicit ValueFinder(const Model& model)
      : model_(model),
        nodes_(model.graph.nodes),
        num_uses_(nodes_.size() + 1, 0),
        quantization_(nodes_.size() + 1) {
    for (const Node& node : nodes_) {
      for (const int value : node.inputs) ++num_uses_[value];
    }
  }

  Result<std::vector<std::optional<ActivationQuantization>>> Run() {
    quantization_[0] = OfPicture(model_.preprocessing);
    const int num_nodes = static_cast<int>(nodes_.size());
    for (int i = 0; i < num_nodes; ++i) DEIXIS_RETURN_IF_ERROR(Visit(i));
    for (const Summand& summand : summands_) {
      const Range sum = RangeOf(*quantization_[summand.sum]);
      const auto& other = quantization_[summand.other];
      if (!other) {
        DEIXIS_RETURN_IF_ERROR(Missing(nodes_[summand.other - 1].name));
      }
      const Range residual = RangeOf(*other);
      quantization_[summand.value] =
          Spanning({.low = sum.low - residual.high, .high = sum.high - residual.low});
    }
    for (size_t i = 0; i < nodes_.size(); ++i) {
      const auto& quantization = quantization_[i + 1];
      if (quantization && !std::isfinite(quantization->scale)) {
        return InvalidData("\"" + nodes_[i].name + "\": its activation scale leaves float's range",
                           "calibrate the model again");
      }
    }
    return std::move(quantization_);
  }

 private:
  struct Summand {
    int value;  // what the convolution adds
    int other;  // the other summand
    int sum;    // with the ReLU that follows
  };

  static Status Missing(const std::string& name) {
    return InvalidData("\"" + name + "\": expected an activation scale in the model, found none",
                       "calibrate the model again, or write fp32");
  }

  // The value of the only node that reads `value`, when it is of that kind; else kNone.
  int After(int value, OpKind kind) const {
    if (num_uses_[value] != 1) return kNone;
    for (size_t i = static_cast<size_t>(value); i < nodes_.size(); ++i) {
      const auto& inputs = nodes_[i].inputs;
      if (std::find(inputs.begin(), inputs.end(), value) == inputs.end()) continue;
      return nodes_[i].kind == kind ? static_cast<int>(i) + 1 : kNone;
    }
    return kNone;
  }

  int PastRelu(int value) const {
    const int relu = After(value, OpKind::kRelu);
    return relu == kNone ? value : relu;
  }

  // `name` is the key; no value is given twice.
  Status Give(int value, const std::string& name) {
    const auto found = model_.activations.find(name);
    if (found == model_.activations.end()) return Missing(name);
    quantization_[value] = found->second;
    return Ok();
  }

  Status Visit(int index) {
    const Node& node = nodes_[index];
    const int value = index + 1;
    switch (node.kind) {
      case OpKind::kConv2d:
      case OpKind::kLinear:
        return VisitLayer(node, value);
      case OpKind::kAdd:
      case OpKind::kRelu:
        // Those that a layer takes in got theirs with that layer, which comes before them.
        if (quantization_[value] || is_inside_[value]) return Ok();
        return Give(node.kind == OpKind::kAdd ? PastRelu(value) : value, node.name);
      case OpKind::kGlobalAveragePool:
        return Give(value, node.name);
      case OpKind::kMaxPool:
      case OpKind::kSubsamplePad:
        quantization_[value] = quantization_[node.inputs[0]];
        if (!quantization_[value]) return Missing(node.name);
        return Ok();
      case OpKind::kBatchNorm:
      case OpKind::kSoftArgmax:
        return Ok();
    }
    return Ok();
  }

  Status VisitLayer(const Node& node, int value) {
    const bool is_head =
        value == static_cast<int>(nodes_.size()) || After(value, OpKind::kSoftArgmax) != kNone;
    if (is_head) return Ok();
    int end = value;
    if (const int normed = After(end, OpKind::kBatchNorm); normed != kNone) end = normed;
    const int sum = After(end, OpKind::kAdd);
    if (sum != kNone && node.kind == OpKind::kConv2d) {
      // The first branch that ends in a convolution takes the other one in, as in the runtime.
      const std::vector<int>& branches = nodes_[sum - 1].inputs;
      const int first = EndsInConvolution(branches[0]) ? branches[0] : branches[1];
      if (first == end) {
        const int other = branches[0] == end ? branches[1] : branches[0];
        is_inside_[sum] = true;
        summands_.push_back({.value = end, .other = other, .sum = PastRelu(sum)});
        return Give(PastRelu(sum), node.name);
      }
    }
    return Give(PastRelu(end), node.name);
  }

  // Through a batch norm, when nothing else reads what lies between.
  bool EndsInConvolution(int value) const {
    if (num_uses_[value] != 1) return false;
    const auto kind = [this](int v) { return v > 0 ? nodes_[v - 1].kind : OpKind::kRelu; };
    if (kind(value) == OpKind::kBatchNorm) value = nodes_[value - 1].inputs[0];
    return kind(value) == OpKind::kConv2d && num_uses_[value] == 1;
  }

  const Model& model_;
  const std::vector<Node>& nodes_;
  std::vector<int> num_uses_;
  std::vector<std::optional<ActivationQuantization>> quantization_;
  std::vector<bool> is_inside_ = std::vector<bool>(nodes_.size() + 1, false);  // of a layer's step
  std::vector<Summand> summands_;
};

bool HasInt8Centroids(const FoldedLayer& layer) {
  const auto* palettized = std::get_if<PalettizedTensor>(&layer.weight);
  return palettized != nullptr && palettized->codebook.dtype() == DType::kI8;
}

}  // namespace

Result<std::vector<std::optional<ActivationQuantization>>> QuantizationOfValues(
    const Model& model) {
  return ValueFinder(model).Run();
}

QuantizedLayer QuantizeLayer(const FoldedLayer& layer, float input_scale) {
  constexpr double kMaxBias = 1 << 30;
  const bool has_int8 = HasInt8Centroids(layer);
  const std::vector<float> weights = layer.ScaledWeights();
  const size_t num_channels = layer.scale.size();
  const size_t row_length = num_channels == 0 ? 0 : weights.size() / num_channels;
  QuantizedLayer quantized;
  quantized.weight.reserve(weights.size());
  for (size_t o = 0; o < num_channels; ++o) {
    const std::span<const float> row = std::span(weights).subspan(o * row_length, row_length);
    float largest = 0;
    for (const float weight : row) largest = std::max(largest, std::abs(weight));
    // A centroid of -128 under a negative scale has no place in int8; such a row is rounded anew.
    const bool keeps = has_int8 && layer.scale[o] > 0;
    const double fitting = keeps ? layer.scale[o] : largest / 127.0;
    const double least = std::abs(double{layer.bias[o]}) / (double{input_scale} * kMaxBias);
    float scale = static_cast<float>(std::max(fitting, least));
    if (!std::isnormal(scale)) scale = 1;  // nothing but zeros
    for (const float weight : row) {
      const double level = std::nearbyint(double{weight} / scale);
      quantized.weight.push_back(static_cast<int8_t>(std::clamp(level, -128.0, 127.0)));
    }
    quantized.weight_scale.push_back(scale);
    quantized.bias.push_back(static_cast<int32_t>(
        std::llround(double{layer.bias[o]} / (double{input_scale} * double{scale}))));
  }
  return quantized;
}

}  // namespace deixis
