#include "format/model_tensors.h"

#include <algorithm>
#include <unordered_map>

#include "format/json.h"
#include "format/printable.h"
#include "format/rans.h"

namespace deixis {
namespace {

// By LayerStorage.
constexpr std::string_view kStorageNames[] = {"palettized", "palettized-panels", "palettized-rans"};
constexpr int64_t kMaxExpandedIndices = int64_t{1} << 28;

Error LayerError(const std::string& name, const std::string& what, std::string remedy = {}) {
  return InvalidData("metadata deixis.layers: " + Quoted(name) + ": " + what, std::move(remedy));
}

enum class LayerStorage { kRows, kPanels, kEntropyCoded };

// What deixis.layers says of one layer.
struct LayerDescription {
  std::string name;
  LayerStorage storage = LayerStorage::kRows;
  Shape shape;
  int num_centroids = 0;
  int64_t group_rows = 0;
};

JsonValue ToJsonValue(const LayerDescription& layer) {
  const std::string_view storage = kStorageNames[static_cast<size_t>(layer.storage)];
  return JsonValue::Object{{"storage", std::string(storage)},
                           {"shape", JsonValue::Array(layer.shape.begin(), layer.shape.end())},
                           {"centroids", layer.num_centroids},
                           {"group_rows", layer.group_rows}};
}

Result<LayerDescription> ReadDescription(const std::string& name, const JsonValue& object) {
  LayerDescription layer;
  layer.name = name;
  const JsonValue* storage = object.Find("storage");
  const std::string* word = storage == nullptr ? nullptr : storage->AsString();
  const auto known = word == nullptr ? std::end(kStorageNames)
                                     : std::find(std::begin(kStorageNames), std::end(kStorageNames),
                                                 std::string_view(*word));
  if (known == std::end(kStorageNames)) {
    return LayerError(name,
                      "expected storage palettized, palettized-panels or palettized-rans, found " +
                          FoundText(storage),
                      "update Deixis: the file may come from a later version");
  }
  layer.storage = static_cast<LayerStorage>(known - std::begin(kStorageNames));

  const JsonValue* shape = object.Find("shape");
  const JsonValue::Array* extents = shape == nullptr ? nullptr : shape->AsArray();
  if (extents == nullptr || (extents->size() != 2 && extents->size() != 4)) {
    return LayerError(name, "expected a shape of 2 or 4 extents, found " + FoundText(shape));
  }
  for (const JsonValue& extent : *extents) {
    layer.shape.push_back(extent.AsInteger().value_or(-1));
    // One factor at a time, so that nothing multiplied later can overflow.
    if (layer.shape.back() < 1 || layer.shape.back() > int64_t{1} << 31 ||
        NumElements(layer.shape).value_or(int64_t{1} << 62) > int64_t{1} << 40) {
      return LayerError(name, "expected extents of at least 1 and at most 2^40 weights, found " +
                                  FoundText(shape));
    }
  }
  const JsonValue* centroids = object.Find("centroids");
  const int64_t k = centroids == nullptr ? 0 : centroids->AsInteger().value_or(0);
  if (k < 2 || k > kMaxCentroids) {
    return LayerError(name, "expected 2 to 256 centroids, found " + FoundText(centroids));
  }
  layer.num_centroids = static_cast<int>(k);
  const JsonValue* group_rows = object.Find("group_rows");
  layer.group_rows = group_rows == nullptr ? 0 : group_rows->AsInteger().value_or(0);
  if (layer.group_rows < 1 || layer.group_rows > layer.shape[0]) {
    return LayerError(name, "expected group_rows of 1 to " + std::to_string(layer.shape[0]) +
                                ", found " + FoundText(group_rows));
  }
  return layer;
}

Result<std::vector<LayerDescription>> ReadDescriptions(const TensorFile& file) {
  std::vector<LayerDescription> layers;
  const std::string* text = file.FindMetadata(kLayersKey);
  if (text == nullptr) return layers;
  auto value = ParseJson(*text);
  if (!value.ok()) return value.error().WithContext("metadata deixis.layers");
  if (value->AsObject() == nullptr) {
    return InvalidData("metadata deixis.layers: expected an object, found " + FoundText(&*value));
  }
  for (const auto& [name, object] : *value->AsObject()) {
    DEIXIS_ASSIGN(LayerDescription layer, ReadDescription(name, object));
    layers.push_back(std::move(layer));
  }
  return layers;
}

void WriteDescriptions(const std::vector<LayerDescription>& layers, TensorFile& file) {
  JsonValue::Object object;
  for (const LayerDescription& layer : layers) object.emplace_back(layer.name, ToJsonValue(layer));
  file.metadata.emplace_back(kLayersKey, ToJson(object));
}

// A block of rows at a time, so that little more than the packed form is held.
Result<Tensor> ExpandIndices(const Tensor& stream, const PalettizedTensor& layer) {
  constexpr int64_t kBlockIndices = 1 << 16;
  const auto* bytes = reinterpret_cast<const uint8_t*>(stream.bytes().data());
  const int64_t length = layer.row_length();
  DEIXIS_ASSIGN(RansDecoder decoder,
                RansDecoder::Create({bytes, stream.bytes().size()}, layer.num_centroids,
                                    layer.num_rows() * length));
  const int64_t rows_per_block = std::max<int64_t>(1, kBlockIndices / length);
  std::vector<uint8_t> block;
  std::vector<uint8_t> packed;
  packed.reserve(static_cast<size_t>(layer.num_rows() * layer.row_bytes()));
  for (int64_t row = 0; row < layer.num_rows(); row += rows_per_block) {
    const int64_t num_rows = std::min(rows_per_block, layer.num_rows() - row);
    block.resize(static_cast<size_t>(num_rows * length));
    DEIXIS_RETURN_IF_ERROR(decoder.Decode(block));
    const auto packed_block = PackIndices(block, length, layer.bits_per_index());
    packed.insert(packed.end(), packed_block.begin(), packed_block.end());
  }
  DEIXIS_RETURN_IF_ERROR(decoder.Finish());
  const auto size = static_cast<int64_t>(packed.size());
  return Tensor::FromVector<uint8_t>({size}, std::move(packed));
}

// The tensors of a file by name; those that were taken are removed at the end.
class TensorTaker {
 public:
  explicit TensorTaker(TensorFile& file) : file_(file), taken_(file.tensors.size()) {
    for (size_t i = 0; i < file.tensors.size(); ++i) places_.emplace(file.tensors[i].name, i);
  }

  bool Has(const std::string& name) const { return places_.contains(name); }

  Result<Tensor> Take(const std::string& layer, std::string_view part) {
    const std::string name = layer + "." + std::string(part);
    const auto place = places_.find(name);
    if (place == places_.end()) {
      return InvalidData("tensor " + Quoted(name) + ": expected it for the palettized layer " +
                         Quoted(layer) + ", found no such tensor");
    }
    taken_[place->second] = true;
    return file_.tensors[place->second].tensor;
  }

  void RemoveTaken() {
    std::vector<NamedTensor> left;
    for (size_t i = 0; i < taken_.size(); ++i) {
      if (!taken_[i]) left.push_back(std::move(file_.tensors[i]));
    }
    file_.tensors = std::move(left);
  }

 private:
  TensorFile& file_;
  std::vector<bool> taken_;
  std::unordered_map<std::string, size_t> places_;
};

Result<PalettizedTensor> TakeLayer(const LayerDescription& description, TensorTaker& tensors,
                                   int64_t& num_expanded) {
  const std::string& name = description.name;
  if (tensors.Has(name + ".weight")) {
    return InvalidData("tensor " + Quoted(name + ".weight") +
                       ": expected no dense weight beside a palettized one, found both");
  }
  PalettizedTensor layer;
  layer.shape = description.shape;
  layer.num_centroids = description.num_centroids;
  layer.group_rows = description.group_rows;
  DEIXIS_ASSIGN(layer.codebook, tensors.Take(name, "codebook"));
  DEIXIS_ASSIGN(layer.scale, tensors.Take(name, "scale"));
  if (description.storage == LayerStorage::kPanels) layer.layout = IndexLayout::kPanels;
  if (description.storage == LayerStorage::kEntropyCoded) {
    DEIXIS_ASSIGN(const Tensor stream, tensors.Take(name, "indices_rans"));
    if (stream.dtype() != DType::kU8) {
      return LayerError(name, "expected indices_rans as U8, found " +
                                  std::string(SafetensorsName(stream.dtype())));
    }
    num_expanded += layer.num_rows() * layer.row_length();
    if (num_expanded > kMaxExpandedIndices) {
      return LayerError(name, "expected at most " + std::to_string(kMaxExpandedIndices) +
                                  " entropy-coded indices in a file, found more");
    }
    auto expanded = ExpandIndices(stream, layer);
    if (!expanded.ok()) return expanded.error().WithContext("tensor " + Quoted(name));
    layer.indices = *std::move(expanded);
  } else {
    DEIXIS_ASSIGN(layer.indices, tensors.Take(name, "indices"));
  }
  DEIXIS_RETURN_IF_ERROR(Validate(layer, name));
  return layer;
}

LayerStorage StorageOf(const PalettizedTensor& tensor) {
  return tensor.layout == IndexLayout::kPanels ? LayerStorage::kPanels : LayerStorage::kRows;
}

}  // namespace

void AddPalettizedLayers(const std::vector<PalettizedLayer>& layers, TensorFile& file) {
  if (layers.empty()) return;
  std::vector<LayerDescription> descriptions;
  for (const auto& [name, tensor] : layers) {
    file.tensors.push_back({name + ".indices", tensor.indices});
    file.tensors.push_back({name + ".codebook", tensor.codebook});
    file.tensors.push_back({name + ".scale", tensor.scale});
    descriptions.push_back(
        {name, StorageOf(tensor), tensor.shape, tensor.num_centroids, tensor.group_rows});
  }
  WriteDescriptions(descriptions, file);
}

Result<std::vector<PalettizedLayer>> TakePalettizedLayers(TensorFile& file) {
  DEIXIS_ASSIGN(const auto descriptions, ReadDescriptions(file));
  std::vector<PalettizedLayer> layers;
  if (descriptions.empty()) {
    std::erase_if(file.metadata, [](const auto& item) { return item.first == kLayersKey; });
    return layers;
  }
  TensorTaker tensors(file);
  int64_t num_expanded = 0;
  for (const LayerDescription& description : descriptions) {
    DEIXIS_ASSIGN(PalettizedTensor tensor, TakeLayer(description, tensors, num_expanded));
    layers.push_back({description.name, std::move(tensor)});
  }
  tensors.RemoveTaken();
  std::erase_if(file.metadata, [](const auto& item) { return item.first == kLayersKey; });
  return layers;
}

Result<TensorFile> ToArchiveForm(const TensorFile& file) {
  TensorFile archive = file;
  DEIXIS_ASSIGN(const std::vector<PalettizedLayer> layers, TakePalettizedLayers(archive));
  if (layers.empty()) return file;
  std::vector<LayerDescription> descriptions;
  for (const auto& [name, tensor] : layers) {
    auto stream = RansEncode(UnpackIndices(tensor), tensor.num_centroids);
    const bool smaller = static_cast<int64_t>(stream.size()) < tensor.indices.num_bytes();
    if (smaller) {
      const auto size = static_cast<int64_t>(stream.size());
      archive.tensors.push_back(
          {name + ".indices_rans", Tensor::FromVector<uint8_t>({size}, std::move(stream))});
    } else {
      archive.tensors.push_back({name + ".indices", tensor.indices});
    }
    archive.tensors.push_back({name + ".codebook", tensor.codebook});
    archive.tensors.push_back({name + ".scale", tensor.scale});
    descriptions.push_back({name, smaller ? LayerStorage::kEntropyCoded : StorageOf(tensor),
                            tensor.shape, tensor.num_centroids, tensor.group_rows});
  }
  WriteDescriptions(descriptions, archive);
  return archive;
}

}  // namespace deixis
