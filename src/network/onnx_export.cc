#include "network/onnx_export.h"

#include <limits>
#include <unordered_map>

#include "network/fold.h"

namespace deixis {
namespace {

// Turns nodes into ONNX nodes one by one. NHWC becomes NCHW, ONNX's only layout; weights are laid
// out as ONNX wants them already.
class Exporter {
 public:
  Exporter(const Model& model, OnnxModel& onnx) : model_(model), onnx_(onnx) {}

  Status Export(const std::string& output_name) {
    values_ = {"input"};
    for (size_t i = 0; i < model_.graph.nodes.size(); ++i) {
      const Node& node = model_.graph.nodes[i];
      const bool is_last = i + 1 == model_.graph.nodes.size();
      output_ = is_last ? output_name : node.name + "_out";
      DEIXIS_RETURN_IF_ERROR(ExportNode(node));
      values_.push_back(output_);
    }
    return Ok();
  }

 private:
  const std::string& Input(const Node& node, size_t index) const {
    return values_.at(static_cast<size_t>(node.inputs.at(index)));
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

  // Adds NAME.weight and NAME.bias, batch norm folded in.
  Status AddParameters(const Node& node, Shape shape) {
    DEIXIS_ASSIGN(const FoldedLayer folded, FoldLayer(model_, node.name));
    onnx_.initializers.push_back(
        {node.name + ".weight",
         Tensor::FromVector<float>(std::move(shape), folded.ScaledWeights())});
    onnx_.initializers.push_back(
        {node.name + ".bias", Tensor::FromVector<float>({node.out_channels}, folded.bias)});
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
    const std::string flat = node.name + "_flat";
    onnx_.nodes.push_back({"Flatten", flat, {Input(node, 0)}, {flat}, {{"axis", int64_t{1}}}});
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
    onnx_.nodes.push_back(
        {"Slice",
         sliced,
         {Input(node, 0), AddConstant(node.name + ".starts", {0, 0}),
          AddConstant(node.name + ".ends", {kEnd, kEnd}), AddConstant(node.name + ".axes", {2, 3}),
          AddConstant(node.name + ".steps", {node.stride, node.stride})},
         {sliced},
         {}});
    const int64_t before = (node.out_channels - node.in_channels) / 2;
    const int64_t after = node.out_channels - node.in_channels - before;
    Add(node, "Pad", {sliced, AddConstant(node.name + ".pads", {0, before, 0, 0, 0, after, 0, 0})});
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
        Add(node, "GlobalAveragePool", {Input(node, 0)});
        return Ok();
      case OpKind::kSubsamplePad:
        ExportSubsamplePad(node);
        return Ok();
    }
    return InternalError("node \"" + node.name + "\": expected a kind that ONNX export knows");
  }

  const Model& model_;
  OnnxModel& onnx_;
  std::vector<std::string> values_;  // the ONNX name of every value so far
  std::string output_;               // of the node that is being exported
};

constexpr char kInputDescription[] =
    "float32 [batch, 3, height, width]: an RGB picture resized as deixis.preprocessing says, each "
    "channel (pixel / 255 - mean[c]) / stddev[c], channels in channel_order";

}  // namespace

Result<OnnxModel> ModelToOnnx(const Model& model, const OnnxExportOptions& options) {
  const std::string output = model.task == Task::kClassify ? "logits" : "points";
  std::variant<int64_t, std::string> batch = std::string("batch");
  if (options.batch > 0) batch = options.batch;

  OnnxModel onnx;
  onnx.graph_name = model.architecture.name;
  onnx.description = model.architecture.name +
                     " in fp32, batch norms folded. Input: " + std::string(kInputDescription) + ".";
  onnx.inputs = {
      {"input",
       DType::kF32,
       {batch, int64_t{3}, model.preprocessing.height_px, model.preprocessing.width_px}}};
  onnx.outputs = {{output, DType::kF32, {batch, model.architecture.num_outputs}}};
  // How the weights lie in a Deixis file says nothing about this one.
  for (const auto& [key, value] : ModelToTensors(model).metadata) {
    if (key != "deixis.format" && key != "deixis.layers" && key != "deixis.activations")
      onnx.metadata.emplace_back(key, value);
  }
  onnx.metadata.emplace_back("deixis.input", kInputDescription);
  DEIXIS_RETURN_IF_ERROR(Exporter(model, onnx).Export(output));
  return onnx;
}

Status ExportOnnx(const std::string& path, const Model& model, const OnnxExportOptions& options) {
  DEIXIS_ASSIGN(const OnnxModel onnx, ModelToOnnx(model, options));
  return WriteOnnx(path, onnx);
}

}  // namespace deixis
