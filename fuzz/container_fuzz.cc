// A compressed model in a safetensors file: metadata and palettized layers, packed or
// entropy-coded. Every layer that is accepted must decode, and come out the same after a way
// through the archive form.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "format/model_tensors.h"
#include "format/safetensors.h"

namespace {

// Larger layers are valid and take long, which is no finding.
constexpr int64_t kMaxWeights = 1 << 22;

void CheckArchiveForm(const deixis::TensorFile& file,
                      const std::vector<deixis::PalettizedLayer>& layers) {
  auto archive = deixis::ToArchiveForm(file);
  if (!archive.ok()) std::abort();
  const auto expanded = deixis::TakePalettizedLayers(*archive);
  if (!expanded.ok() || expanded->size() != layers.size()) std::abort();
  for (size_t i = 0; i < layers.size(); ++i) {
    if (!BitIdentical((*expanded)[i].tensor.indices, layers[i].tensor.indices)) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto file = deixis::ReadSafetensors(std::as_bytes(std::span(data, size)));
  if (!file.ok()) return 0;
  (void)deixis::ReadModelMetadata(*file).ok();
  const deixis::TensorFile whole = *file;
  const auto layers = deixis::TakePalettizedLayers(*file);
  if (!layers.ok()) return 0;
  int64_t num_weights = 0;
  for (const auto& [name, tensor] : *layers) {
    num_weights += tensor.num_rows() * tensor.row_length();
  }
  if (num_weights > kMaxWeights) return 0;
  for (const auto& [name, tensor] : *layers) {
    if (Dequantize(tensor).size() != static_cast<size_t>(*deixis::NumElements(tensor.shape)))
      std::abort();
  }
  CheckArchiveForm(whole, *layers);
  return 0;
}
