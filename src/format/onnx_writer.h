// Writes ONNX models: the part of the format's protobuf schema (onnx/onnx.proto, IR version 7) that
// a network of convolutions needs, encoded without a protobuf library. Write only; Deixis reads no
// ONNX.
//
// Wire format (protobuf): a field is a varint of (number << 3 | kind), kind 0 varint, 2 bytes with
// their length in front, 5 four bytes. Messages lie inside messages as bytes.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/dtype.h"
#include "base/result.h"
#include "base/tensor.h"

namespace deixis {

inline constexpr int64_t kOnnxIrVersion = 7;
inline constexpr int64_t kOnnxOpset = 13;

using OnnxAttributeValue =
    std::variant<int64_t, float, std::string, std::vector<int64_t>, std::vector<float>>;

struct OnnxNode {
  std::string op_type;  // "Conv"
  std::string name;
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  std::vector<std::pair<std::string, OnnxAttributeValue>> attributes;
};

// A graph's input or output.
struct OnnxValue {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<std::variant<int64_t, std::string>> shape;  // an extent, or the name of a free one
};

struct OnnxModel {
  std::string producer_version;
  std::string description;  // the doc_string
  std::vector<std::pair<std::string, std::string>> metadata;
  std::string graph_name;
  std::vector<OnnxNode> nodes;            // in an order in which they can run
  std::vector<NamedTensor> initializers;  // weights and other constants
  std::vector<OnnxValue> inputs;
  std::vector<OnnxValue> outputs;
};

// The file's bytes. kInvalidData when they would exceed protobuf's 2 GiB.
Result<std::string> SerializeOnnx(const OnnxModel& model);
// SerializeOnnx, written atomically.
Status WriteOnnx(const std::string& path, const OnnxModel& model);

}  // namespace deixis
