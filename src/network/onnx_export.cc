#include "network/onnx_export.h"

#include <limits>
#include <optional>
#include <tuple>
#include <utility>

#include "network/fold.h"
#include "network/onnx_export_quantized.h"

namespace deixis {
namespace {

// Turns nodes into ONNX nodes one by one. NHWC becomes NCHW, ONNX's only layout; weights are laid
// out as ONNX wants them already.
//
// In eight bits (QDQ) operations stay what they are in fp32, and each value that is rounded goes
// through QuantizeLinear and DequantizeLinear; engines fuse an operation between the two into one
// on integers. What only moves values (a subsampling shortcut, the flattening before the head) is
// written on the integers themselves.
class Exporter {
 public:
  using Quantizations = std::vector<std::optional<ActivationQuantization>>;

  // `quantizations`: by value of the graph; all nullopt for fp32.
  Exporter(const Model& model, Quantizations quantizations, OnnxModel& onnx)
      : model_(model), quantizations_(std::move(quantizations)), onnx_(onnx) {}

  Status Export(const std::string& output_name) {
    output_ = "input";
    FinishValue();
    for (size_t i = 0; i < model_.graph.nodes.size(); ++i) {
      const Node& node = model_.graph.nodes[i];
      const bool is_last = i + 1 == model_.graph.nodes.size();
      output_ = is_last ? output_name : node.name + "_out";
      DEIXIS_RETURN_IF_ERROR(ExportNode(node));
      FinishValue();
    }
    return Ok();
  }

 private:
  // The ONNX names of a value.
  struct Value {
    std::string real;       // as floats; of a quantized one empty until somebody reads it
    std::string quantized;  // as bytes; empty in fp32
    ActivationQuantization quantization;
    std::string scale;  // the initializers
    std::string zero_point;
  };

  Value& InputValue(const Node& node, size_t index) {
    return values_.at(static_cast<size_t>(node.inputs.at(index)));
  }

  // As floats.
  const std::string& Input(const Node& node, size_t index) {
    Value& value = InputValue(node, index);
    if (value.real.empty()) {
      value.real = value.quantized + "_real";
      AddDequantize(value.quantized, value.scale, value.zero_point, value.real);
    }
    return value.real;
  }

  // As bytes where there are bytes.
  static const std::string& Stored(const Value& value) {
    return value.quantized.empty() ? value.real : value.quantized;
  }

  // The newest value, `output_`, takes its place; rounded where it is to be.
  void FinishValue() {
    Value value;
    if (const auto& quantization = quantizations_.at(values_.size())) {
      value.quantization = *quantization;
      std::tie(value.scale, value.zero_point) = AddQuantization(output_, *quantization);
      value.quantized = output_;
      if (!std::exchange(is_output_quantized_, false)) {
        value.quantized += "_quantized";
        onnx_.nodes.push_back({"QuantizeLinear",
                               value.quantized,
                               {output_, value.scale, value.zero_point},
                               {value.quantized},
                               {}});
      }
    } else {
      value.real = output_;
    }
    values_.push_back(std::move(value));
  }

  // NAME.scale and NAME.zero_point.
  std::pair<std::string, std::string> AddQuantization(const std::string& name,
                                                      const ActivationQuantization& quantization) {
    onnx_.initializers.push_back(
        {name + ".scale", Tensor::FromVector<float>({}, {quantization.scale})});
    onnx_.initializers.push_back(
        {name + ".zero_point",
         Tensor::FromVector<uint8_t>({}, {static_cast<uint8_t>(quantization.zero_point)})});
    return {name + ".scale", name + ".zero_point"};
  }

  void AddDequantize(const std::string& from, const std::string& scale,
                     const std::string& zero_point, const std::string& to,
                     std::vector<std::pair<std::string, OnnxAttributeValue>> attributes = {}) {
    onnx_.nodes.push_back(
        {"DequantizeLinear", to, {from, scale, zero_point}, {to}, std::move(attributes)});
  }

  void Add(const Node& node, std::string op_type, std::vector<std::string> inputs,
           std::vector<std::pair<std::string, OnnxAttributeValue>> attributes = {}) {
    onnx_.nodes.push_back(
        {std::move(op_type), node.name, std::move(inputs), {output_}, std::move(attributes)});
  }

  std::string AddConstant(const std::string& name, std::vector<int64_t> values) {
    const auto size = static_cast<int64_t>(values.size());
    onnx_.initializers.push_back({name, Tensor::FromVector<int64_t>({size}, std::move(values))});
    return name;
  }

  // Integers with a scale per output channel, as the float tensor NAME.
  template <typename T>
  void AddPerChannel(const std::string& name, Shape shape, std::vector<T> values,
                     std::vector<float> scale) {
    const auto channels = static_cast<int64_t>(scale.size());
    onnx_.initializers.push_back(
        {name + "_quantized", Tensor::FromVector<T>(std::move(shape), std::move(values))});
    onnx_.initializers.push_back(
        {name + "_scale", Tensor::FromVector<float>({channels}, std::move(scale))});
    onnx_.initializers.push_back(
        {name + "_zero_point",
         Tensor::FromVector<T>({channels}, std::vector<T>(static_cast<size_t>(channels)))});
    AddDequantize(name + "_quantized", name + "_scale", name + "_zero_point", name,
                  {{"axis", int64_t{0}}});
  }

  // Adds NAME.weight and NAME.bias, batch norm folded in.
  Status AddParameters(const Node& node, Shape shape) {
    DEIXIS_ASSIGN(const FoldedLayer folded, FoldLayer(model_, node.name));
    const Value& input = InputValue(node, 0);
    if (input.quantized.empty()) {
      onnx_.initializers.push_back(
          {node.name + ".weight",
           Tensor::FromVector<float>(std::move(shape), folded.ScaledWeights())});
      onnx_.initializers.push_back(
          {node.name + ".bias", Tensor::FromVector<float>({node.out_channels}, folded.bias)});
      return Ok();
    }
    QuantizedLayer quantized = QuantizeLayer(folded, input.quantization.scale);
    std::vector<float> bias_scale = quantized.weight_scale;
    for (float& scale : bias_scale) scale *= input.quantization.scale;
    AddPerChannel(node.name + ".weight", std::move(shape), std::move(quantized.weight),
                  std::move(quantized.weight_scale));
    AddPerChannel(node.name + ".bias", {node.out_channels}, std::move(quantized.bias),
                  std::move(bias_scale));
    return Ok();
  }

  Status ExportConv(const Node& node) {
    const int64_t k = node.filter_size;
    const int64_t p = node.padding;
    DEIXIS_RETURN_IF_ERROR(AddParameters(node, {node.out_channels, node.in_channels, k, k}));
    Add(node, "Conv", {Input(node, 0), node.name + ".weight", node.name + ".bias"},
        {{"kernel_shape", std::vector<int64_t>{k, k}},
         {"strides", std::vector<int64_t>{node.stride, node.stride}},
         {"pads", std::vector<int64_t>{p, p, p, p}}});
    return Ok();
  }

  Status ExportLinear(const Node& node) {
    DEIXIS_RETURN_IF_ERROR(AddParameters(node, {node.out_channels, node.in_channels}));
    const Value input = InputValue(node, 0);
    std::string flat = node.name + "_flat";
    onnx_.nodes.push_back({"Flatten", flat, {Stored(input)}, {flat}, {{"axis", int64_t{1}}}});
    if (!input.quantized.empty()) {
      AddDequantize(flat, input.scale, input.zero_point, flat + "_real");
      flat += "_real";
    }
    Add(node, "Gemm", {flat, node.name + ".weight", node.name + ".bias"}, {{"transB", int64_t{1}}});
    return Ok();
  }

  void ExportMaxPool(const Node& node) {
    const int64_t k = node.filter_size;
    const int64_t p = node.padding;
    Add(node, "MaxPool", {Input(node, 0)},
        {{"kernel_shape", std::vector<int64_t>{k, k}},
         {"strides", std::vector<int64_t>{node.stride, node.stride}},
         {"pads", std::vector<int64_t>{p, p, p, p}}});
  }

  // Every stride-th pixel, then the missing channels as zeros, half on each side.
  void ExportSubsamplePad(const Node& node) {
    constexpr int64_t kEnd = std::numeric_limits<int64_t>::max();
    const std::string sliced = node.name + "_sliced";
    const Value input = InputValue(node, 0);
    is_output_quantized_ = !input.quantized.empty();
    onnx_.nodes.push_back(
        {"Slice",
         sliced,
         {Stored(input), AddConstant(node.name + ".starts", {0, 0}),
          AddConstant(node.name + ".ends", {kEnd, kEnd}), AddConstant(node.name + ".axes", {2, 3}),
          AddConstant(node.name + ".steps", {node.stride, node.stride})},
         {sliced},
         {}});
    const int64_t before = (node.out_channels - node.in_channels) / 2;
    const int64_t after = node.out_channels - node.in_channels - before;
    std::vector<std::string> inputs = {
        sliced, AddConstant(node.name + ".pads", {0, before, 0, 0, 0, after, 0, 0})};
    // The byte that stands for zero.
    if (is_output_quantized_) inputs.push_back(input.zero_point);
    Add(node, "Pad", std::move(inputs));
  }

  void ExportGlobalAveragePool(const Node& node) {
    if (node.inputs.size() == 1) {
      Add(node, "GlobalAveragePool", {Input(node, 0)});
      return;
    }
    // Rounded before they are joined: engines then have an operator on integers for each.
    const auto& quantization = quantizations_.at(values_.size());
    is_output_quantized_ = quantization.has_value();
    std::vector<std::string> means;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      std::string mean = node.name + "_" + std::to_string(i);
      onnx_.nodes.push_back({"GlobalAveragePool", mean, {Input(node, i)}, {mean}, {}});
      if (quantization) {
        const auto [scale, zero_point] = AddQuantization(mean, *quantization);
        const std::string rounded = mean + "_quantized";
        onnx_.nodes.push_back(
            {"QuantizeLinear", rounded, {mean, scale, zero_point}, {rounded}, {}});
        mean = rounded;
      }
      means.push_back(std::move(mean));
    }
    Add(node, "Concat", std::move(means), {{"axis", int64_t{1}}});
  }

  // The mean over the map's pixels, weighted by the softmax of the attention; see
  // kernels/soft_argmax_f32. ONNX has no such operator, but all of its parts.
  void ExportSoftArgmax(const Node& node) {
    const int64_t num_attended = node.in_channels - node.out_channels;
    const MapExtents map = LastMapOf(model_.architecture, model_.preprocessing.height_px,
                                     model_.preprocessing.width_px);
    const std::string& name = node.name;
    const auto add = [&](std::string op_type, const std::string& suffix,
                         std::vector<std::string> inputs,
                         std::vector<std::pair<std::string, OnnxAttributeValue>> attributes = {}) {
      std::string made = name + "_" + suffix;
      onnx_.nodes.push_back(
          {std::move(op_type), made, std::move(inputs), {made}, std::move(attributes)});
      return made;
    };
    const auto channels = [&](const std::string& from, const std::string& suffix, int64_t begin,
                              int64_t end) {
      return add("Slice", suffix,
                 {from, AddConstant(name + "." + suffix + "_begin", {begin}),
                  AddConstant(name + "." + suffix + "_end", {end}),
                  AddConstant(name + "." + suffix + "_axis", {1})});
    };
    const std::string pixels =
        add("Reshape", "pixels",
            {Input(node, 0), AddConstant(name + ".shape", {0, node.in_channels, -1})});
    const std::string weights = add(
        "Softmax", "weights", {channels(pixels, "attention", node.out_channels, node.in_channels)},
        {{"axis", int64_t{2}}});
    std::vector<int64_t> categories;  // of each answer
    std::vector<float> places;        // [answers, pixels]
    for (int64_t j = 0; j < node.out_channels; ++j) {
      const bool is_place = j < 2 * num_attended;
      categories.push_back(is_place ? j / 2 : j - 2 * num_attended);
      for (int64_t p = 0; p < map.num_pixels(); ++p) {
        const int64_t at = j % 2 == 0 ? p % map.width : p / map.width;
        const int64_t extent = j % 2 == 0 ? map.width : map.height;
        const double middle = static_cast<double>(2 * at + 1) / static_cast<double>(extent) - 1;
        places.push_back(is_place ? static_cast<float>(middle) : 0.0f);
      }
    }
    onnx_.initializers.push_back(
        {name + ".places",
         Tensor::FromVector<float>({1, node.out_channels, map.num_pixels()}, std::move(places))});
    const std::string values =
        add("Add", "values", {channels(pixels, "offsets", 0, node.out_channels), name + ".places"});
    const std::string weighted =
        add("Mul", "weighted",
            {add("Gather", "weights_by_answer",
                 {weights, AddConstant(name + ".categories", std::move(categories))},
                 {{"axis", int64_t{1}}}),
             values});
    Add(node, "ReduceSum", {weighted, AddConstant(name + ".axes", {2})},
        {{"keepdims", int64_t{0}}});
  }

  Status ExportNode(const Node& node) {
    switch (node.kind) {
      case OpKind::kConv2d:
        return ExportConv(node);
      case OpKind::kLinear:
        return ExportLinear(node);
      case OpKind::kBatchNorm:
        output_ = Input(node, 0);
        return Ok();  // folded into its convolution
      case OpKind::kRelu:
        Add(node, "Relu", {Input(node, 0)});
        return Ok();
      case OpKind::kAdd:
        Add(node, "Add", {Input(node, 0), Input(node, 1)});
        return Ok();
      case OpKind::kMaxPool:
        ExportMaxPool(node);
        return Ok();
      case OpKind::kGlobalAveragePool:
        ExportGlobalAveragePool(node);
        return Ok();
      case OpKind::kSoftArgmax:
        ExportSoftArgmax(node);
        return Ok();
      case OpKind::kSubsamplePad:
        ExportSubsamplePad(node);
        return Ok();
    }
    return InternalError("node \"" + node.name + "\": expected a kind that ONNX export knows");
  }

  const Model& model_;
  const Quantizations quantizations_;
  OnnxModel& onnx_;
  std::vector<Value> values_;         // so far, by value of the graph
  std::string output_;                // of the node that is being exported
  bool is_output_quantized_ = false;  // the node was written on integers
};

constexpr char kInputDescription[] =
    "float32 [batch, 3, height, width]: an RGB picture resized as deixis.preprocessing says, each "
    "channel (pixel / 255 - mean[c]) / stddev[c], channels in channel_order";

}  // namespace

bool WritesInt8(const Model& model, const OnnxExportOptions& options) {
  if (options.precision == OnnxPrecision::kAsModel) return !model.activations.empty();
  return options.precision == OnnxPrecision::kInt8;
}

Result<OnnxModel> ModelToOnnx(const Model& model, const OnnxExportOptions& options) {
  const std::string output = model.task == Task::kClassify ? "logits" : "points";
  std::variant<int64_t, std::string> batch = std::string("batch");
  if (options.batch > 0) batch = options.batch;

  const bool is_int8 = WritesInt8(model, options);
  Exporter::Quantizations quantizations(model.graph.nodes.size() + 1);
  if (is_int8) {
    DEIXIS_ASSIGN(quantizations, QuantizationOfValues(model));
  }

  OnnxModel onnx;
  onnx.graph_name = model.architecture.name;
  onnx.description = model.architecture.name + " in " + (is_int8 ? "int8 (QDQ)" : "fp32") +
                     ", batch norms folded. Input: " + std::string(kInputDescription) + ".";
  onnx.inputs = {
      {"input",
       DType::kF32,
       {batch, int64_t{3}, model.preprocessing.height_px, model.preprocessing.width_px}}};
  onnx.outputs = {{output, DType::kF32, {batch, model.architecture.num_outputs}}};
  // How the weights lie in a Deixis file says nothing about this one.
  for (const auto& [key, value] : ModelToTensors(model).metadata) {
    if (key != "deixis.format" && key != "deixis.layers" && key != "deixis.activations" &&
        key != "deixis.rejection") {
      onnx.metadata.emplace_back(key, value);
    }
  }
  onnx.metadata.emplace_back("deixis.input", kInputDescription);
  DEIXIS_RETURN_IF_ERROR(Exporter(model, std::move(quantizations), onnx).Export(output));
  return onnx;
}

Status ExportOnnx(const std::string& path, const Model& model, const OnnxExportOptions& options) {
  DEIXIS_ASSIGN(const OnnxModel onnx, ModelToOnnx(model, options));
  return WriteOnnx(path, onnx);
}

}  // namespace deixis
