#include "train/checkpoint.h"

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <sstream>
#include <type_traits>
#include <utility>
#include <vector>

#include "format/safetensors.h"
#include "format/tensor_file.h"

namespace deixis {
namespace {

constexpr char kMark[] = "checkpoint";
constexpr char kVersion[] = "1";

Tensor Copy(const torch::Tensor& tensor) {
  const torch::Tensor values = tensor.detach().to(torch::kCPU).contiguous();
  const float* data = values.data_ptr<float>();
  return Tensor::FromVector(values.sizes().vec(), std::vector<float>(data, data + values.numel()));
}

Status Set(torch::Tensor destination, const TensorFile& file, const std::string& name) {
  const Tensor* source = file.Find(name);
  if (source == nullptr || source->dtype() != DType::kF32 ||
      source->shape() != destination.sizes().vec()) {
    return InvalidData("checkpoint: expected \"" + name + "\" float32 " +
                           ToString(destination.sizes().vec()) + ", found " +
                           (source == nullptr ? "none" : ToString(source->shape())),
                       "resume with the options the training was started with");
  }
  std::vector<float> values = source->ToFloats();
  destination.copy_(torch::from_blob(values.data(), destination.sizes()));
  return Ok();
}

// What the optimizers remember, seen alike.
struct Memory {
  std::vector<std::pair<std::string, torch::Tensor*>> tensors;  // by field name
  int64_t* step = nullptr;                                      // none for SGD
};

template <typename State>
Memory AdamMemory(State& state) {
  return {.tensors = {{"exp_avg", &state.exp_avg()}, {"exp_avg_sq", &state.exp_avg_sq()}},
          .step = &state.step()};
}

// Nothing for an unknown kind.
std::optional<Memory> MemoryOf(torch::optim::OptimizerParamState& state) {
  if (auto* sgd = dynamic_cast<torch::optim::SGDParamState*>(&state)) {
    return Memory{.tensors = {{"momentum_buffer", &sgd->momentum_buffer()}}, .step = nullptr};
  }
  if (auto* adam = dynamic_cast<torch::optim::AdamParamState*>(&state)) return AdamMemory(*adam);
  if (auto* adam = dynamic_cast<torch::optim::AdamWParamState*>(&state)) return AdamMemory(*adam);
  return std::nullopt;
}

std::unique_ptr<torch::optim::OptimizerParamState> EmptyState(
    const torch::optim::Optimizer& optimizer) {
  if (dynamic_cast<const torch::optim::SGD*>(&optimizer) != nullptr) {
    return std::make_unique<torch::optim::SGDParamState>();
  }
  if (dynamic_cast<const torch::optim::Adam*>(&optimizer) != nullptr) {
    return std::make_unique<torch::optim::AdamParamState>();
  }
  if (dynamic_cast<const torch::optim::AdamW*>(&optimizer) != nullptr) {
    return std::make_unique<torch::optim::AdamWParamState>();
  }
  return nullptr;
}

// The key under which LibTorch keeps a parameter's state: its address, for long as a text.
template <typename States>
typename States::key_type StateKey(const States&, const torch::Tensor& parameter) {
  void* address = parameter.unsafeGetTensorImpl();
  if constexpr (std::is_same_v<typename States::key_type, std::string>) {
    std::ostringstream text;
    text << address;
    return text.str();
  } else {
    return address;
  }
}

template <typename Body>
Status ForEachParameter(const torch::optim::Optimizer& optimizer, const Body& body) {
  const auto& groups = optimizer.param_groups();
  for (size_t group = 0; group < groups.size(); ++group) {
    const auto& parameters = groups[group].params();
    for (size_t i = 0; i < parameters.size(); ++i) {
      const std::string prefix =
          "optimizer/" + std::to_string(group) + "." + std::to_string(i) + "/";
      DEIXIS_RETURN_IF_ERROR(body(prefix, parameters[i]));
    }
  }
  return Ok();
}

Status LoadState(const TensorFile& file, const std::string& prefix, const torch::Tensor& parameter,
                 const CheckpointValues& values, torch::optim::Optimizer& optimizer) {
  std::unique_ptr<torch::optim::OptimizerParamState> state = EmptyState(optimizer);
  std::optional<Memory> memory = state ? MemoryOf(*state) : std::nullopt;
  if (!memory) return InternalError("checkpoint: this optimizer cannot be restored");
  // A parameter has no memory before its first step.
  if (file.Find(prefix + memory->tensors.front().first) == nullptr) return Ok();
  for (const auto& [field, tensor] : memory->tensors) {
    *tensor = torch::empty_like(parameter);
    DEIXIS_RETURN_IF_ERROR(Set(*tensor, file, prefix + field));
  }
  if (memory->step != nullptr) {
    DEIXIS_ASSIGN(const uint64_t step, CheckpointInteger(values, prefix + "step"));
    *memory->step = static_cast<int64_t>(step);
  }
  optimizer.state()[StateKey(optimizer.state(), parameter)] = std::move(state);
  return Ok();
}

Result<std::string> ValueOf(const CheckpointValues& values, const std::string& key) {
  const auto found = values.find(key);
  if (found == values.end()) return InvalidData("checkpoint: expected a value \"" + key + "\"");
  return found->second;
}

}  // namespace

std::string CheckpointNumber(uint64_t value) { return std::to_string(value); }

std::string CheckpointNumber(double value) {
  char text[40];
  std::snprintf(text, sizeof(text), "%a", value);
  return text;
}

Result<uint64_t> CheckpointInteger(const CheckpointValues& values, const std::string& key) {
  DEIXIS_ASSIGN(const std::string text, ValueOf(values, key));
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    return InvalidData("checkpoint: \"" + key + "\": expected a whole number, found \"" + text +
                       "\"");
  }
  return value;
}

Result<double> CheckpointReal(const CheckpointValues& values, const std::string& key) {
  DEIXIS_ASSIGN(const std::string text, ValueOf(values, key));
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0') {
    return InvalidData("checkpoint: \"" + key + "\": expected a number, found \"" + text + "\"");
  }
  return value;
}

Status SaveCheckpoint(const std::string& path, const TorchNetwork& network,
                      const torch::optim::Optimizer& optimizer, const CheckpointValues& values) {
  TensorFile file;
  file.metadata.emplace_back(kMark, kVersion);
  for (const auto& [key, value] : values) file.metadata.emplace_back(key, value);
  for (const auto& [name, tensor] : network.tensors()) {
    file.tensors.push_back({"weights/" + name, Copy(tensor)});
  }
  DEIXIS_RETURN_IF_ERROR(
      ForEachParameter(optimizer, [&](const std::string& prefix, const torch::Tensor& parameter) {
        const auto found = optimizer.state().find(StateKey(optimizer.state(), parameter));
        if (found == optimizer.state().end()) return Ok();
        const std::optional<Memory> memory = MemoryOf(*found->second);
        if (!memory) return Status(InternalError("checkpoint: this optimizer cannot be saved"));
        for (const auto& [field, tensor] : memory->tensors) {
          if (tensor->defined()) file.tensors.push_back({prefix + field, Copy(*tensor)});
        }
        if (memory->step != nullptr) {
          file.metadata.emplace_back(prefix + "step", std::to_string(*memory->step));
        }
        return Ok();
      }));
  return WriteSafetensors(path, file);
}

Result<CheckpointValues> LoadCheckpoint(const std::string& path, TorchNetwork& network,
                                        torch::optim::Optimizer& optimizer) {
  const torch::NoGradGuard no_gradient;
  DEIXIS_ASSIGN(const TensorFile file, ReadTensorFile(path));
  const std::string* mark = file.FindMetadata(kMark);
  if (mark == nullptr || *mark != kVersion) {
    return InvalidData(path + ": expected a checkpoint of version " + kVersion + ", found " +
                       (mark == nullptr ? "none" : "version " + *mark));
  }
  CheckpointValues values(file.metadata.begin(), file.metadata.end());
  for (const auto& [name, tensor] : network.tensors()) {
    const Status status = Set(tensor, file, "weights/" + name);
    if (!status.ok()) return status.error().WithContext(path);
  }
  const Status status =
      ForEachParameter(optimizer, [&](const std::string& prefix, const torch::Tensor& parameter) {
        return LoadState(file, prefix, parameter, values, optimizer);
      });
  if (!status.ok()) return status.error().WithContext(path);
  values.erase(kMark);
  std::erase_if(values, [](const auto& entry) { return entry.first.starts_with("optimizer/"); });
  return values;
}

}  // namespace deixis
