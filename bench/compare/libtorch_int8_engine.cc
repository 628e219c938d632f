// LibTorch in int8 in the comparison: its quantized operators, on oneDNN where it has that, with
// the same integers that ONNX Runtime gets (onnx_export_quantized.h). MODEL is a Deixis file with
// activation scales. Operators are called one by one, as a traced module calls them.
#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/native/quantized/PackedParams.h>
#include <torch/library.h>

#include <functional>
#include <stdexcept>

#include "engine.h"
#include "network/onnx_export_quantized.h"

namespace deixis::compare {
namespace {

using PackedConv = c10::intrusive_ptr<ConvPackedParamsBase<2>>;
using PackedLinear = c10::intrusive_ptr<LinearPackedParamsBase>;

template <typename T>
T OrThrow(Result<T> result) {
  if (!result.ok()) throw std::runtime_error(result.error().message);
  return *std::move(result);
}

template <typename Signature>
auto Operator(const char* name) {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, "").typed<Signature>();
}

// A weight as PyTorch keeps it: int8 with a scale per output channel.
at::Tensor QuantizedWeight(const QuantizedLayer& layer, const std::vector<int64_t>& shape) {
  const at::Tensor integers = at::tensor(at::ArrayRef<int8_t>(layer.weight)).reshape(shape);
  const at::Tensor scales = at::tensor(at::ArrayRef<float>(layer.weight_scale)).to(at::kDouble);
  return at::_make_per_channel_quantized_tensor(integers, scales, at::zeros_like(scales, at::kLong),
                                                0);
}

class LibTorchInt8Engine : public Engine {
 public:
  void Load(const EngineArguments& arguments) override {
    at::set_num_threads(arguments.num_threads);
    at::set_num_interop_threads(1);
    for (const at::QEngine engine : at::globalContext().supportedQEngines()) {
      if (engine == at::QEngine::ONEDNN) at::globalContext().setQEngine(engine);
    }
    const Model model = OrThrow(LoadModel(arguments.model_path));
    const auto quantizations = OrThrow(QuantizationOfValues(model));
    values_.resize(model.graph.nodes.size() + 1);
    const ActivationQuantization picture = *quantizations[0];
    steps_.push_back([this, picture] {
      values_[0] = at::quantize_per_tensor(input_, picture.scale, picture.zero_point, at::kQUInt8);
    });
    for (size_t i = 0; i < model.graph.nodes.size(); ++i) AddStep(model, quantizations, i);
    floats_ = ReadValues<float>(arguments.input_path);
    input_ =
        at::from_blob(floats_.data(), {1, 3, 224, 224}).contiguous(at::MemoryFormat::ChannelsLast);
  }

  std::span<const float> Run() override {
    for (const auto& step : steps_) step();
    output_ = values_.back().contiguous();
    return {output_.data_ptr<float>(), static_cast<size_t>(output_.numel())};
  }

 private:
  using Quantizations = std::vector<std::optional<ActivationQuantization>>;

  // The node's step, which writes value `index + 1`. A ReLU is part of the step before it.
  void AddStep(const Model& model, const Quantizations& quantizations, size_t index) {
    const Node& node = model.graph.nodes[index];
    at::Tensor* out = &values_[index + 1];
    const at::Tensor* in = &values_[static_cast<size_t>(node.inputs[0])];
    switch (node.kind) {
      case OpKind::kConv2d:
        return AddConvolution(model, quantizations, index);
      case OpKind::kAdd: {
        const at::Tensor* other = &values_[static_cast<size_t>(node.inputs[1])];
        const ActivationQuantization sum = *quantizations[index + 2];  // after the ReLU
        const auto add =
            Operator<at::Tensor(at::Tensor, at::Tensor, double, int64_t)>("quantized::add_relu");
        steps_.push_back([=] { *out = add.call(*in, *other, sum.scale, sum.zero_point); });
        return;
      }
      case OpKind::kMaxPool:
        steps_.push_back([=] {
          *out = at::quantized_max_pool2d(*in, {3, 3}, {2, 2}, {1, 1}, {1, 1});
        });
        return;
      case OpKind::kGlobalAveragePool:
        steps_.push_back([=] { *out = at::flatten(at::adaptive_avg_pool2d(*in, {1, 1}), 1); });
        return;
      case OpKind::kLinear:
        return AddLinear(model, quantizations, index);
      case OpKind::kBatchNorm:
      case OpKind::kRelu:
        steps_.push_back([=] { *out = *in; });
        return;
      case OpKind::kSoftArgmax:
        throw std::runtime_error("networks that locate are not in the comparison");
      case OpKind::kSubsamplePad:
        throw std::runtime_error("shortcuts of CIFAR networks are not in the comparison");
    }
  }

  void AddConvolution(const Model& model, const Quantizations& quantizations, size_t index) {
    const std::vector<Node>& nodes = model.graph.nodes;
    const Node& node = nodes[index];
    const auto input = static_cast<size_t>(node.inputs[0]);
    const FoldedLayer folded = OrThrow(FoldLayer(model, node.name));
    const QuantizedLayer layer = QuantizeLayer(folded, Of(quantizations, input).scale);
    const auto prepack =
        Operator<PackedConv(at::Tensor, c10::optional<at::Tensor>, torch::List<int64_t>,
                            torch::List<int64_t>, torch::List<int64_t>, int64_t)>(
            "quantized::conv2d_prepack");
    const PackedConv packed = prepack.call(
        QuantizedWeight(layer,
                        {node.out_channels, node.in_channels, node.filter_size, node.filter_size}),
        at::tensor(at::ArrayRef<float>(folded.bias)),
        torch::List<int64_t>({node.stride, node.stride}),
        torch::List<int64_t>({node.padding, node.padding}), torch::List<int64_t>({1, 1}), 1);
    // conv, batch norm, then a ReLU or not: the first value of the three that has a scale.
    size_t end = index + 1;
    while (!quantizations[end]) ++end;
    const bool relu = nodes[end - 1].kind == OpKind::kRelu;
    const ActivationQuantization quantization = *quantizations[end];
    const at::Tensor* in = &values_[input];
    at::Tensor* out = &values_[index + 1];
    steps_.push_back([=] {
      const auto [scale, zero_point] = quantization;
      *out =
          relu ? packed->apply_relu(*in, scale, zero_point) : packed->apply(*in, scale, zero_point);
    });
  }

  void AddLinear(const Model& model, const Quantizations& quantizations, size_t index) {
    const Node& node = model.graph.nodes[index];
    const auto input = static_cast<size_t>(node.inputs[0]);
    const FoldedLayer folded = OrThrow(FoldLayer(model, node.name));
    const QuantizedLayer layer = QuantizeLayer(folded, Of(quantizations, input).scale);
    const auto prepack =
        Operator<PackedLinear(at::Tensor, c10::optional<at::Tensor>)>("quantized::linear_prepack");
    const PackedLinear packed =
        prepack.call(QuantizedWeight(layer, {node.out_channels, node.in_channels}),
                     at::tensor(at::ArrayRef<float>(folded.bias)));
    const at::Tensor* in = &values_[input];
    at::Tensor* out = &values_[index + 1];
    steps_.push_back([=] { *out = packed->apply_dynamic(at::dequantize(*in)); });
  }

  static const ActivationQuantization& Of(const Quantizations& quantizations, size_t value) {
    if (!quantizations[value]) throw std::runtime_error("a layer reads what has no scale");
    return *quantizations[value];
  }

  c10::InferenceMode no_gradients_;
  std::vector<std::function<void()>> steps_;
  std::vector<at::Tensor> values_;  // of the graph
  std::vector<float> floats_;
  at::Tensor input_;
  at::Tensor output_;
};

}  // namespace
}  // namespace deixis::compare

int main(int argc, char** argv) {
  deixis::compare::LibTorchInt8Engine engine;
  return deixis::compare::EngineMain(argc, argv, engine);
}
