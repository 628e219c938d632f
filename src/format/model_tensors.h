// How a model lies in a file of named tensors (docs/format.md, sections 2 to 5): the metadata keys,
// and the tensors of palettized layers. What the tensors mean as a network is src/network's
// business.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/preprocessing.h"
#include "base/quantization.h"
#include "base/result.h"
#include "format/palettized.h"
#include "format/tensor_file.h"

namespace deixis {

inline constexpr int kFormatVersion = 1;

// The metadata key that describes the palettized layers.
inline constexpr std::string_view kLayersKey = "deixis.layers";

struct ModelMetadata {
  std::string architecture;              // "resnet18"
  std::string task = "classify";         // "classify" or "locate"
  bool tells_presence = false;           // "locate" with a logit of presence per category
  std::vector<std::string> class_names;  // may be empty
  Preprocessing preprocessing;
  // "classify" that tells the unknown (its tensors are named rejection.*): the score below which a
  // picture is.
  std::optional<float> rejection_threshold = {};
  // By name of the layer or node that makes the value; empty for a network that runs in fp32.
  std::map<std::string, ActivationQuantization> activations;
  // Every other key of the file's metadata but deixis.layers, whole and as written:
  // "deixis.source.sha256", and what other tools put there.
  std::vector<std::pair<std::string, std::string>> provenance;
};

// Whether the file says that it is a Deixis model (has the key deixis.format).
bool HasModelMetadata(const TensorFile& file);

// Proves the version and every value. kInvalidData names the key.
Result<ModelMetadata> ReadModelMetadata(const TensorFile& file);

// Adds the keys to file.metadata. Provenance whose key is one of the format's own is left out.
void WriteModelMetadata(const ModelMetadata& metadata, TensorFile& file);

struct PalettizedLayer {
  std::string name;  // "layer1.0.conv1"
  PalettizedTensor tensor;
};

// Adds NAME.indices, NAME.codebook and NAME.scale of every layer, and the key deixis.layers. Biases
// are ordinary tensors, NAME.bias, and the caller's. Call once per file.
void AddPalettizedLayers(const std::vector<PalettizedLayer>& layers, TensorFile& file);

// The reverse: takes the palettized layers' tensors and deixis.layers out of `file` and returns the
// layers in the order of deixis.layers, archive form expanded, all of them validated. Packed
// indices go on viewing the file. None for a file without deixis.layers. O(bytes of the indices).
Result<std::vector<PalettizedLayer>> TakePalettizedLayers(TensorFile& file);

// The same model with every palettized layer's indices entropy-coded where that is smaller (the
// archive form). kInvalidData when the file's palettized layers are not valid.
Result<TensorFile> ToArchiveForm(const TensorFile& file);

}  // namespace deixis
