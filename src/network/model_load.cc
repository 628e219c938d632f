// From named tensors to a Model: recognises the network and proves every tensor that it takes, so
// that all who use a Model may trust it.

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <unordered_map>
#include <utility>

#include "network/model.h"

namespace deixis {
namespace {

std::string TensorNamed(const std::string& name) { return "tensor \"" + name + "\""; }

// The first element that is no finite float (f64 beyond float's range included), or -1. In place:
// the values of a large network are not copied for this.
template <typename Bits>
int64_t FirstWithExponent(std::span<const std::byte> bytes, Bits exponent_mask) {
  const size_t count = bytes.size() / sizeof(Bits);
  for (size_t i = 0; i < count; ++i) {
    Bits bits;
    std::memcpy(&bits, bytes.data() + i * sizeof(Bits), sizeof(Bits));
    if ((bits & exponent_mask) == exponent_mask) return static_cast<int64_t>(i);
  }
  return -1;
}

int64_t FirstNonFinite(const Tensor& tensor) {
  switch (tensor.dtype()) {
    case DType::kF32:
      return FirstWithExponent<uint32_t>(tensor.bytes(), 0x7F800000u);
    case DType::kF16:
      return FirstWithExponent<uint16_t>(tensor.bytes(), 0x7C00u);
    case DType::kBF16:
      return FirstWithExponent<uint16_t>(tensor.bytes(), 0x7F80u);
    case DType::kF64:
      for (int64_t i = 0; i < tensor.num_elements(); ++i) {
        double value;
        std::memcpy(&value, tensor.bytes().data() + i * 8, sizeof(value));
        if (!(std::fabs(value) <= std::numeric_limits<float>::max())) return i;
      }
      return -1;
    default:
      return -1;
  }
}

Status CheckValues(const std::string& name, const Tensor& tensor) {
  if (!IsFloat(tensor.dtype())) {
    return InvalidData(TensorNamed(name) + ": expected floating-point values, found " +
                           std::string(TorchName(tensor.dtype())),
                       "a quantized or indexed checkpoint must be turned into float weights first");
  }
  const int64_t index = FirstNonFinite(tensor);
  if (index >= 0) {
    return InvalidData(TensorNamed(name) +
                           ": expected finite values, found NaN, infinity or a value "
                           "beyond float32 at element " +
                           std::to_string(index),
                       "the training of this network diverged, or the file is damaged");
  }
  return Ok();
}

Status CheckVariance(const std::string& name, const Tensor& variance) {
  const std::vector<float> values = variance.ToFloats();
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i] < 0) {
      return InvalidData(TensorNamed(name) + ": expected variances of at least 0, found " +
                             std::to_string(values[i]) + " at element " + std::to_string(i),
                         "the file is damaged, or its values were changed after training");
    }
  }
  return Ok();
}

// A picture's way into a network that comes without a word about it.
Preprocessing UsualPreprocessing(const Architecture& architecture) {
  Preprocessing
      usual;  // ImageNet's statistics; the published CIFAR networks were trained with them too
  if (architecture.stem == StemKind::kCifar) {
    usual.height_px = usual.width_px = usual.shorter_side_px = 32;
    usual.resize = ResizePolicy::kStretch;
  }
  return usual;
}

// Tensors by name, each proved when it is taken.
class Source {
 public:
  explicit Source(const std::vector<NamedTensor>& tensors) {
    for (const NamedTensor& named : tensors) by_name_.emplace(named.name, named.tensor);
  }

  const Tensor* Find(const std::string& name) const {
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? nullptr : &found->second;
  }

  Result<Tensor> Take(const std::string& name, const Shape& shape) const {
    const Tensor* tensor = Find(name);
    if (tensor == nullptr) {
      return InvalidData(TensorNamed(name) + " is missing; expected shape " + ToString(shape));
    }
    if (tensor->shape() != shape) {
      return InvalidData(TensorNamed(name) + ": expected shape " + ToString(shape) + ", found " +
                         ToString(tensor->shape()));
    }
    DEIXIS_RETURN_IF_ERROR(CheckValues(name, *tensor));
    return *tensor;
  }

 private:
  std::unordered_map<std::string_view, Tensor> by_name_;
};

Result<BatchNormParameters> TakeBatchNorm(const Source& source, const Node& node) {
  const Shape shape = {node.out_channels};
  BatchNormParameters parameters;
  DEIXIS_ASSIGN(parameters.weight, source.Take(node.name + ".weight", shape));
  DEIXIS_ASSIGN(parameters.bias, source.Take(node.name + ".bias", shape));
  DEIXIS_ASSIGN(parameters.running_mean, source.Take(node.name + ".running_mean", shape));
  DEIXIS_ASSIGN(parameters.running_var, source.Take(node.name + ".running_var", shape));
  DEIXIS_RETURN_IF_ERROR(CheckVariance(node.name + ".running_var", parameters.running_var));
  if (const Tensor* count = source.Find(node.name + ".num_batches_tracked")) {
    parameters.num_batches_tracked = *count;
  }
  return parameters;
}

Result<LayerParameters> TakeDenseLayer(const Source& source, const Node& node) {
  LayerParameters layer;
  Shape shape = {node.out_channels, node.in_channels};
  if (node.kind == OpKind::kConv2d) shape.insert(shape.end(), 2, node.filter_size);
  DEIXIS_ASSIGN(layer.weight, source.Take(node.name + ".weight", shape));
  if (node.kind == OpKind::kLinear || source.Find(node.name + ".bias") != nullptr) {
    DEIXIS_ASSIGN(layer.bias, source.Take(node.name + ".bias", {node.out_channels}));
  }
  return layer;
}

}  // namespace

Result<Model> ModelFromTensors(const TensorFile& file) {
  const std::vector<NamedTensor> tensors = StateDictOf(file);
  Model model;
  DEIXIS_ASSIGN(model.architecture, RecognizeArchitecture(tensors));
  model.graph = BuildGraph(model.architecture);
  model.preprocessing = UsualPreprocessing(model.architecture);
  const Source source(tensors);
  for (const Node& node : model.graph.nodes) {
    if (node.kind == OpKind::kConv2d || node.kind == OpKind::kLinear) {
      DEIXIS_ASSIGN(LayerParameters layer, TakeDenseLayer(source, node));
      model.layers.emplace(node.name, std::move(layer));
    } else if (node.kind == OpKind::kBatchNorm) {
      DEIXIS_ASSIGN(BatchNormParameters parameters, TakeBatchNorm(source, node));
      model.batch_norms.emplace(node.name, std::move(parameters));
    }
  }
  return model;
}

Result<Model> LoadModel(const std::string& path) {
  DEIXIS_ASSIGN(const TensorFile file, ReadTensorFile(path));
  Result<Model> model = ModelFromTensors(file);
  if (!model.ok()) return model.error().WithContext(path);
  return model;
}

}  // namespace deixis
