// From named tensors to a Model: recognises the network and proves every tensor that it takes, so
// that all who use a Model may trust it.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "format/model_tensors.h"
#include "network/model.h"

namespace deixis {
namespace {

std::string TensorNamed(const std::string& name) { return "tensor \"" + name + "\""; }

// The first element whose exponent has all bits of `mask` set (infinity or NaN), or -1. In place,
// and without a branch per element, so that the millions of a large network take milliseconds.
template <typename Bits>
int64_t FirstWithExponent(std::span<const std::byte> bytes, Bits mask) {
  constexpr size_t kBlock = 2048;
  const size_t count = bytes.size() / sizeof(Bits);
  const auto has_exponent = [&](size_t i) {
    Bits bits;
    std::memcpy(&bits, bytes.data() + i * sizeof(Bits), sizeof(Bits));
    return static_cast<Bits>((bits & mask) == mask);
  };
  for (size_t begin = 0; begin < count; begin += kBlock) {
    const size_t end = std::min(begin + kBlock, count);
    Bits any = 0;
    for (size_t i = begin; i < end; ++i) any |= has_exponent(i);
    if (any == 0) continue;
    for (size_t i = begin; i < end; ++i) {
      if (has_exponent(i) != 0) return static_cast<int64_t>(i);
    }
  }
  return -1;
}

// The first element that is no finite float (f64 beyond float's range included), or -1.
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

// A picture's way into a network that comes without a word about it. The pixels that a flatten head
// counts tell the picture's size, taken to be square.
Result<Preprocessing> UsualPreprocessing(const Architecture& architecture) {
  Preprocessing
      usual;  // ImageNet's statistics; the published CIFAR networks were trained with them too
  if (architecture.stem == StemKind::kCifar) {
    usual.height_px = usual.width_px = usual.shorter_side_px = 32;
    usual.resize = ResizePolicy::kStretch;
  }
  if (!architecture.HasFlattenHead()) return usual;
  const auto map_side = static_cast<int64_t>(
      std::lround(std::sqrt(static_cast<double>(architecture.flattened_pixels))));
  if (map_side * map_side != architecture.flattened_pixels) {
    return InvalidData(TensorNamed(architecture.head_name + ".weight") + ": its inputs are " +
                           std::to_string(LastChannelsOf(architecture)) + " channels of " +
                           std::to_string(architecture.flattened_pixels) +
                           " pixels, which is not a square map, and nothing tells the picture's "
                           "extents",
                       "train on square pictures, or save with the metadata of docs/format.md");
  }
  const int64_t usual_side = LastMapOf(architecture, usual.height_px, usual.width_px).height;
  usual.shorter_side_px = usual.shorter_side_px * map_side / usual_side;
  usual.height_px = usual.width_px = usual.height_px * map_side / usual_side;
  return usual;
}

// Whether a flatten head was made for pictures of this size.
Status CheckFlattenedMap(const Architecture& architecture, const Preprocessing& preprocessing) {
  if (!architecture.HasFlattenHead()) return Ok();
  const MapExtents map = LastMapOf(architecture, preprocessing.height_px, preprocessing.width_px);
  if (map.num_pixels() == architecture.flattened_pixels) return Ok();
  return InvalidData(
      TensorNamed(architecture.head_name + ".weight") + ": expected inputs for a map of " +
      std::to_string(map.height) + "x" + std::to_string(map.width) + " pixels, as pictures of " +
      std::to_string(preprocessing.height_px) + "x" + std::to_string(preprocessing.width_px) +
      " give, found " + std::to_string(architecture.flattened_pixels) + " pixels");
}

// Tensors and palettized layers by name, each proved when it is taken.
class Source {
 public:
  Source(const std::vector<NamedTensor>& tensors, const std::vector<PalettizedLayer>& palettized) {
    for (const NamedTensor& named : tensors) tensors_.emplace(named.name, named.tensor);
    for (const PalettizedLayer& layer : palettized) palettized_.emplace(layer.name, layer.tensor);
  }

  Result<Tensor> Take(const std::string& name, const Shape& shape) {
    std::optional<Tensor> tensor = Remove(name);
    if (!tensor) {
      return InvalidData(TensorNamed(name) + " is missing; expected shape " + ToString(shape));
    }
    if (tensor->shape() != shape) {
      return InvalidData(TensorNamed(name) + ": expected shape " + ToString(shape) + ", found " +
                         ToString(tensor->shape()));
    }
    DEIXIS_RETURN_IF_ERROR(CheckValues(name, *tensor));
    return *std::move(tensor);
  }

  // As it is, whatever it is.
  std::optional<Tensor> Remove(const std::string& name) {
    const auto found = tensors_.find(name);
    if (found == tensors_.end()) return std::nullopt;
    Tensor tensor = std::move(found->second);
    tensors_.erase(found);
    return tensor;
  }

  std::optional<PalettizedTensor> TakePalettized(const std::string& layer_name) {
    const auto found = palettized_.find(layer_name);
    if (found == palettized_.end()) return std::nullopt;
    PalettizedTensor tensor = std::move(found->second);
    palettized_.erase(found);
    return tensor;
  }

  // An error when anything is left that no node has taken.
  Status CheckAllTaken(const Architecture& architecture) const {
    if (!tensors_.empty()) {
      return InvalidData(TensorNamed(tensors_.begin()->first) + " has no place in a " +
                         architecture.name);
    }
    if (!palettized_.empty()) {
      return InvalidData("palettized layer \"" + palettized_.begin()->first +
                         "\" has no place in a " + architecture.name);
    }
    return Ok();
  }

 private:
  std::map<std::string, Tensor> tensors_;
  std::map<std::string, PalettizedTensor> palettized_;
};

Result<BatchNormParameters> TakeBatchNorm(Source& source, const Node& node) {
  const Shape shape = {node.out_channels};
  BatchNormParameters parameters;
  DEIXIS_ASSIGN(parameters.weight, source.Take(node.name + ".weight", shape));
  DEIXIS_ASSIGN(parameters.bias, source.Take(node.name + ".bias", shape));
  DEIXIS_ASSIGN(parameters.running_mean, source.Take(node.name + ".running_mean", shape));
  DEIXIS_ASSIGN(parameters.running_var, source.Take(node.name + ".running_var", shape));
  DEIXIS_RETURN_IF_ERROR(CheckVariance(node.name + ".running_var", parameters.running_var));
  parameters.num_batches_tracked = source.Remove(node.name + ".num_batches_tracked");
  return parameters;
}

Result<LayerParameters> TakeLayer(Source& source, const Node& node) {
  LayerParameters layer;
  Shape shape = {node.out_channels, node.in_channels};
  if (node.kind == OpKind::kConv2d) shape.insert(shape.end(), 2, node.filter_size);
  std::optional<PalettizedTensor> palettized = source.TakePalettized(node.name);
  const bool is_palettized = palettized.has_value();
  if (is_palettized) {
    if (palettized->shape != shape) {
      return InvalidData("palettized layer \"" + node.name + "\": expected shape " +
                         ToString(shape) + ", found " + ToString(palettized->shape));
    }
    layer.weight = *std::move(palettized);
  } else {
    DEIXIS_ASSIGN(layer.weight, source.Take(node.name + ".weight", shape));
  }
  if (is_palettized || node.has_bias) {
    DEIXIS_ASSIGN(layer.bias, source.Take(node.name + ".bias", {node.out_channels}));
  }
  return layer;
}

Result<Tensor> TakeFloats(Source& source, const std::string& name, const Shape& shape) {
  DEIXIS_ASSIGN(Tensor tensor, source.Take(name, shape));
  return Tensor::FromVector<float>(shape, tensor.ToFloats());
}

Result<Rejection> TakeRejection(Source& source, int64_t num_logits, float threshold) {
  Rejection rejection;
  const Shape square = {num_logits, num_logits};
  rejection.threshold = threshold;
  DEIXIS_ASSIGN(rejection.means, TakeFloats(source, "rejection.means", square));
  DEIXIS_ASSIGN(rejection.precision, TakeFloats(source, "rejection.precision", square));
  DEIXIS_ASSIGN(rejection.background_mean,
                TakeFloats(source, "rejection.background_mean", {num_logits}));
  DEIXIS_ASSIGN(rejection.background_precision,
                TakeFloats(source, "rejection.background_precision", square));
  return rejection;
}

// Fills in layers and batch norms for the model's graph.
Status TakeParameters(Source source, Model& model) {
  std::set<std::string> folded;  // batch norms of palettized layers
  for (const Node& node : model.graph.nodes) {
    if (node.kind == OpKind::kConv2d || node.kind == OpKind::kLinear) {
      DEIXIS_ASSIGN(LayerParameters layer, TakeLayer(source, node));
      if (std::holds_alternative<PalettizedTensor>(layer.weight)) {
        if (const Node* next = BatchNormAfter(model.graph, node)) folded.insert(next->name);
      }
      model.layers.emplace(node.name, std::move(layer));
    } else if (node.kind == OpKind::kBatchNorm && !folded.contains(node.name)) {
      DEIXIS_ASSIGN(BatchNormParameters parameters, TakeBatchNorm(source, node));
      model.batch_norms.emplace(node.name, std::move(parameters));
    }
  }
  return source.CheckAllTaken(model.architecture);
}

Status CheckClassNames(const Model& model) {
  const int64_t outputs_per_class = OutputsPerCategory(model);
  const int64_t num_outputs = model.architecture.num_outputs;
  if (num_outputs % outputs_per_class != 0) {
    return InvalidData(std::string("task locate: expected x") +
                       (model.tells_presence ? ", y and presence" : " and y") +
                       " per category, found " + std::to_string(num_outputs) + " outputs");
  }
  const auto num_names = static_cast<int64_t>(model.class_names.size());
  if (num_names == 0 || num_names == num_outputs / outputs_per_class) return Ok();
  return InvalidData("expected " + std::to_string(num_outputs / outputs_per_class) +
                     " class names for " + std::to_string(num_outputs) + " outputs, found " +
                     std::to_string(num_names));
}

Result<Architecture> NamedArchitecture(const std::string& name) {
  const Architecture* known = FindArchitecture(name);
  if (known != nullptr) return *known;
  return InvalidData("metadata deixis.architecture: \"" + name + "\" is not a known network",
                     "update deixis, if a newer one wrote this file");
}

// The shape of the head's weight, dense or palettized; empty when there is no such layer.
Shape HeadShape(const std::string& head_name, const std::vector<NamedTensor>& tensors,
                const std::vector<PalettizedLayer>& palettized) {
  for (const PalettizedLayer& layer : palettized) {
    if (layer.name == head_name) return layer.tensor.shape;
  }
  for (const NamedTensor& named : tensors) {
    if (named.name == head_name + ".weight") return named.tensor.shape();
  }
  return {};
}

Result<Model> FromDeixisFile(TensorFile file) {
  DEIXIS_ASSIGN(ModelMetadata metadata, ReadModelMetadata(file));
  DEIXIS_ASSIGN(const std::vector<PalettizedLayer> palettized, TakePalettizedLayers(file));
  Model model;
  DEIXIS_ASSIGN(model.architecture, NamedArchitecture(metadata.architecture));
  const std::string& head_name = model.architecture.head_name;
  const Shape head = HeadShape(head_name, file.tensors, palettized);
  TakeHeadShape(head, metadata.tells_presence, model.architecture);
  if (model.architecture.num_outputs == 0) {
    return InvalidData(
        TensorNamed(head_name + ".weight") +
        (head.empty() ? " is missing" : ": no head has weights of shape " + ToString(head)));
  }
  DEIXIS_RETURN_IF_ERROR(CheckFlattenedMap(model.architecture, metadata.preprocessing));
  model.graph = BuildGraph(model.architecture);
  model.task = metadata.task == "locate" ? Task::kLocate : Task::kClassify;
  model.tells_presence = metadata.tells_presence;
  model.preprocessing = metadata.preprocessing;
  model.class_names = std::move(metadata.class_names);
  model.activations = std::move(metadata.activations);
  model.provenance = std::move(metadata.provenance);
  DEIXIS_RETURN_IF_ERROR(CheckClassNames(model));
  Source source(file.tensors, palettized);
  if (metadata.rejection_threshold) {
    DEIXIS_ASSIGN(model.rejection, TakeRejection(source, model.architecture.num_outputs,
                                                 *metadata.rejection_threshold));
  }
  DEIXIS_RETURN_IF_ERROR(TakeParameters(std::move(source), model));
  return model;
}

Result<Model> FromStateDict(const TensorFile& file) {
  const std::vector<NamedTensor> tensors = StateDictOf(file);
  Model model;
  DEIXIS_ASSIGN(model.architecture, RecognizeArchitecture(tensors));
  model.graph = BuildGraph(model.architecture);
  DEIXIS_ASSIGN(model.preprocessing, UsualPreprocessing(model.architecture));
  model.provenance = file.metadata;
  DEIXIS_RETURN_IF_ERROR(TakeParameters(Source(tensors, {}), model));
  return model;
}

}  // namespace

Result<Model> ModelFromTensors(const TensorFile& file) {
  return HasModelMetadata(file) ? FromDeixisFile(file) : FromStateDict(file);
}

Result<Model> LoadModel(const std::string& path) {
  DEIXIS_ASSIGN(const TensorFile file, ReadTensorFile(path));
  Result<Model> model = ModelFromTensors(file);
  if (!model.ok()) return model.error().WithContext(path);
  return model;
}

}  // namespace deixis
