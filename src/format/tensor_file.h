// A file of named tensors, whatever its format: what every reader returns and every writer takes.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/tensor.h"

namespace deixis {

enum class TensorFileFormat {
  kPthZip,     // torch.save since PyTorch 1.6
  kPthLegacy,  // torch.save before: a stream of pickles, then the storages
  kSafetensors,
};

struct TensorFile {
  TensorFileFormat format = TensorFileFormat::kSafetensors;
  // In the file's own order. Names of nested containers are joined with '/': the tensor under key
  // "module.conv1.weight" of a dict under "state_dict" is "state_dict/module.conv1.weight".
  std::vector<NamedTensor> tensors;
  // safetensors: __metadata__. In the file's own order.
  std::vector<std::pair<std::string, std::string>> metadata;
  // .pth: plain values beside the tensors (epoch, best_prec1, ...), named as tensors are, as text.
  std::vector<std::pair<std::string, std::string>> values;
  // .pth: classes and functions the pickle names that are not tensor constructors. They were not
  // called; what they would have built is left out.
  std::vector<std::string> inert_globals;

  const Tensor* Find(std::string_view name) const;
  const std::string* FindMetadata(std::string_view key) const;
};

// Reads a file by its content, not its name. Tensors view the mapped file where they can.
// kNotFound, kInvalidData (with what the file seems to be instead), kResources.
Result<TensorFile> ReadTensorFile(const std::string& path);

}  // namespace deixis
