// A model: an architecture with its weights, however each is stored, and everything needed to use
// it (preprocessing, task, category names). One file on disk is one Model.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/preprocessing.h"
#include "base/quantization.h"
#include "base/result.h"
#include "base/tensor.h"
#include "format/palettized.h"
#include "format/tensor_file.h"
#include "network/architecture.h"
#include "network/graph.h"
#include "network/rejection.h"

namespace deixis {

enum class Task {
  kClassify,  // softmax over class_names
  kLocate,    // x, y per category in -1..1 of the input's width and height
};

using WeightStorage = std::variant<Tensor, PalettizedTensor>;

// A convolution or the head. Tensors have the floating-point dtype of the source (F64, F32, F16 or
// BF16): read them with ToFloats() or DenseWeights().
struct LayerParameters {
  WeightStorage weight;        // [C_out, C_in, K_h, K_w]; a linear head [C_out, C_in]
  std::optional<Tensor> bias;  // [C_out]
};

// y = (x - running_mean) / sqrt(running_var + kBatchNormEpsilon) * weight + bias; all [C], of any
// floating-point dtype (that of the source, so that a model written again is bit-identical): read
// them with ToFloats(), or let fold.h do it.
struct BatchNormParameters {
  Tensor weight;
  Tensor bias;
  Tensor running_mean;
  Tensor running_var;
  std::optional<Tensor> num_batches_tracked;  // I64 scalar, kept when the source has it
};
inline constexpr float kBatchNormEpsilon = 1e-5f;

struct Model {
  Architecture architecture;
  Graph graph;
  Task task = Task::kClassify;
  // kLocate only: after x and y of every category comes one logit for each, that it is in the
  // picture at all.
  bool tells_presence = false;
  Preprocessing preprocessing;
  // Empty when the source names none; else NumCategories() of them.
  std::vector<std::string> class_names;
  // kClassify only; none: everything is taken for one of the categories.
  std::optional<Rejection> rejection;
  // By name of the graph's node. A palettized layer has its batch norm folded into scale and bias,
  // and no entry in batch_norms: the graph's node for it is then the identity.
  std::map<std::string, LayerParameters> layers;
  std::map<std::string, BatchNormParameters> batch_norms;
  // How the u8 runtime keeps what each step makes; empty for a network that runs in fp32. By name
  // of the convolution or linear node whose value it is, with the batch norm, residual addition and
  // ReLU that follow it done; for what no layer makes (a global average pool, an addition or ReLU
  // that stands alone) by name of that node. Max pooling and subsampling keep their input's; the
  // picture and what the head makes have none.
  std::map<std::string, ActivationQuantization> activations;
  // sha256 of the file this was compressed or converted from, and other provenance, kept as
  // written.
  std::vector<std::pair<std::string, std::string>> provenance;
};

// Outputs of the network that belong to one category: 1 (kClassify), 2 or, with presence, 3.
int64_t OutputsPerCategory(const Model& model);
int64_t NumCategories(const Model& model);
// Of a model that tells presence: the output that is category's logit.
inline int64_t PresenceOutput(const Model& model, int64_t category) {
  return 2 * NumCategories(model) + category;
}

// The state dict inside a file, for RecognizeArchitecture: the dict and the prefix ("state_dict/",
// "model_state_dict/", "module.", "model.", ...) under which the most names of a known network lie,
// with that prefix removed; everything else in the file (optimiser state, a second copy) is left
// out. When no name is known: the tensors of the dict that holds most of them. A Deixis file is
// its own state dict.
std::vector<NamedTensor> StateDictOf(const TensorFile& file);

// Recognises the architecture and takes the tensors over. Metadata of a Deixis file is used; for a
// plain state dict the preprocessing is that of the architecture's usual training (ImageNet or
// CIFAR statistics) and the names are those that the class count implies, if any.
Result<Model> ModelFromTensors(const TensorFile& file);

// ReadTensorFile and ModelFromTensors, errors prefixed with the path.
Result<Model> LoadModel(const std::string& path);

// The model as a Deixis file: layers as they are stored, metadata of docs/format.md.
TensorFile ModelToTensors(const Model& model);
Status SaveModel(const std::string& path, const Model& model);

// The same network as a plain state dict that torchvision's load_state_dict takes (strict): weights
// dequantized, every batch norm present (identity with the bias where it was folded).
TensorFile ModelToStateDict(const Model& model);

// Dense float weights of a layer, [C_out, C_in, K_h, K_w], whatever its storage.
std::vector<float> DenseWeights(const LayerParameters& layer);

}  // namespace deixis
