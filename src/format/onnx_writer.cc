#include "format/onnx_writer.h"

#include <bit>
#include <cstring>
#include <limits>
#include <string_view>
#include <type_traits>

#include "base/file.h"

namespace deixis {
namespace {

// Field numbers of onnx.proto.
namespace model_field {
constexpr int kIrVersion = 1, kProducerName = 2, kProducerVersion = 3, kDocString = 6, kGraph = 7,
              kOpsetImport = 8, kMetadataProps = 14;
}
namespace opset_field {
constexpr int kVersion = 2;
}
namespace entry_field {
constexpr int kKey = 1, kValue = 2;
}
namespace graph_field {
constexpr int kNode = 1, kName = 2, kInitializer = 5, kInput = 11, kOutput = 12;
}
namespace node_field {
constexpr int kInput = 1, kOutput = 2, kName = 3, kOpType = 4, kAttribute = 5;
}
namespace attribute_field {
constexpr int kName = 1, kFloat = 2, kInt = 3, kString = 4, kFloats = 7, kInts = 8, kType = 20;
}
namespace attribute_type {
constexpr int kFloat = 1, kInt = 2, kString = 3, kFloats = 6, kInts = 7;
}
namespace tensor_field {
constexpr int kDims = 1, kDataType = 2, kName = 8, kRawData = 9;
}
namespace value_field {
constexpr int kName = 1, kType = 2;
}
namespace type_field {
constexpr int kTensorType = 1, kElemType = 1, kShape = 2, kDim = 1, kDimValue = 1, kDimParam = 2;
}

// TensorProto.DataType.
int DataTypeOf(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return 1;
    case DType::kU8:
      return 2;
    case DType::kI8:
      return 3;
    case DType::kI16:
      return 5;
    case DType::kI32:
      return 6;
    case DType::kI64:
      return 7;
    case DType::kBool:
      return 9;
    case DType::kF16:
      return 10;
    case DType::kF64:
      return 11;
    case DType::kBF16:
      return 16;
  }
  return 0;
}

// One protobuf message being written.
class Message {
 public:
  void AddVarint(int field, int64_t value) {
    AppendVarint(static_cast<uint64_t>(field) << 3);
    AppendVarint(static_cast<uint64_t>(value));
  }

  void AddFloat(int field, float value) {
    AppendVarint(static_cast<uint64_t>(field) << 3 | 5);
    const auto bits = std::bit_cast<uint32_t>(value);
    for (int shift = 0; shift < 32; shift += 8) bytes_.push_back(static_cast<char>(bits >> shift));
  }

  void AddBytes(int field, std::string_view value) {
    AppendVarint(static_cast<uint64_t>(field) << 3 | 2);
    AppendVarint(value.size());
    bytes_.append(value);
  }

  // A field left at its default is not written.
  void AddText(int field, std::string_view value) {
    if (!value.empty()) AddBytes(field, value);
  }

  void AddMessage(int field, const Message& message) { AddBytes(field, message.bytes_); }

  std::string Take() && { return std::move(bytes_); }

 private:
  void AppendVarint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_.push_back(static_cast<char>(value | 0x80));
    bytes_.push_back(static_cast<char>(value));
  }
  std::string bytes_;
};

Message AttributeMessage(const std::string& name, const OnnxAttributeValue& value) {
  Message message;
  message.AddText(attribute_field::kName, name);
  const auto add = [&message](const auto& content) -> int {
    using T = std::decay_t<decltype(content)>;
    if constexpr (std::is_same_v<T, int64_t>) {
      message.AddVarint(attribute_field::kInt, content);
      return attribute_type::kInt;
    } else if constexpr (std::is_same_v<T, float>) {
      message.AddFloat(attribute_field::kFloat, content);
      return attribute_type::kFloat;
    } else if constexpr (std::is_same_v<T, std::string>) {
      message.AddBytes(attribute_field::kString, content);
      return attribute_type::kString;
    } else if constexpr (std::is_same_v<T, std::vector<int64_t>>) {
      for (int64_t item : content) message.AddVarint(attribute_field::kInts, item);
      return attribute_type::kInts;
    } else {
      for (float item : content) message.AddFloat(attribute_field::kFloats, item);
      return attribute_type::kFloats;
    }
  };
  const int type = std::visit(add, value);
  message.AddVarint(attribute_field::kType, type);
  return message;
}

Message NodeMessage(const OnnxNode& node) {
  Message message;
  // An empty name is an optional input left out, so it is written all the same.
  for (const std::string& input : node.inputs) message.AddBytes(node_field::kInput, input);
  for (const std::string& output : node.outputs) message.AddBytes(node_field::kOutput, output);
  message.AddText(node_field::kName, node.name);
  message.AddText(node_field::kOpType, node.op_type);
  for (const auto& [name, value] : node.attributes) {
    message.AddMessage(node_field::kAttribute, AttributeMessage(name, value));
  }
  return message;
}

Message TensorMessage(const NamedTensor& named) {
  Message message;
  for (int64_t extent : named.tensor.shape()) message.AddVarint(tensor_field::kDims, extent);
  message.AddVarint(tensor_field::kDataType, DataTypeOf(named.tensor.dtype()));
  message.AddText(tensor_field::kName, named.name);
  const auto bytes = named.tensor.bytes();
  message.AddBytes(tensor_field::kRawData,
                   {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  return message;
}

Message ValueMessage(const OnnxValue& value) {
  Message shape;
  for (const auto& extent : value.shape) {
    Message dimension;
    if (const auto* name = std::get_if<std::string>(&extent)) {
      dimension.AddText(type_field::kDimParam, *name);
    } else {
      dimension.AddVarint(type_field::kDimValue, std::get<int64_t>(extent));
    }
    shape.AddMessage(type_field::kDim, dimension);
  }
  Message tensor_type;
  tensor_type.AddVarint(type_field::kElemType, DataTypeOf(value.dtype));
  tensor_type.AddMessage(type_field::kShape, shape);
  Message type;
  type.AddMessage(type_field::kTensorType, tensor_type);
  Message message;
  message.AddText(value_field::kName, value.name);
  message.AddMessage(value_field::kType, type);
  return message;
}

Message GraphMessage(const OnnxModel& model) {
  Message graph;
  for (const OnnxNode& node : model.nodes) graph.AddMessage(graph_field::kNode, NodeMessage(node));
  graph.AddText(graph_field::kName, model.graph_name);
  for (const NamedTensor& named : model.initializers) {
    graph.AddMessage(graph_field::kInitializer, TensorMessage(named));
  }
  for (const OnnxValue& value : model.inputs) {
    graph.AddMessage(graph_field::kInput, ValueMessage(value));
  }
  for (const OnnxValue& value : model.outputs) {
    graph.AddMessage(graph_field::kOutput, ValueMessage(value));
  }
  return graph;
}

}  // namespace

Result<std::string> SerializeOnnx(const OnnxModel& model) {
  constexpr int64_t kMaxBytes = std::numeric_limits<int32_t>::max();
  int64_t weight_bytes = 0;
  for (const NamedTensor& named : model.initializers) weight_bytes += named.tensor.num_bytes();
  // Names and nodes are small change beside the weights; 16 MiB are kept for them.
  if (weight_bytes > kMaxBytes - (int64_t{16} << 20)) {
    return InvalidData(
        "ONNX: expected weights below 2 GiB, found " + std::to_string(weight_bytes) + " bytes",
        "write a safetensors file instead");
  }
  Message message;
  message.AddVarint(model_field::kIrVersion, kOnnxIrVersion);
  message.AddText(model_field::kProducerName, "deixis");
  message.AddText(model_field::kProducerVersion, model.producer_version);
  message.AddText(model_field::kDocString, model.description);
  message.AddMessage(model_field::kGraph, GraphMessage(model));
  Message opset;
  opset.AddVarint(opset_field::kVersion, kOnnxOpset);
  message.AddMessage(model_field::kOpsetImport, opset);
  for (const auto& [key, value] : model.metadata) {
    Message entry;
    entry.AddText(entry_field::kKey, key);
    entry.AddText(entry_field::kValue, value);
    message.AddMessage(model_field::kMetadataProps, entry);
  }
  return std::move(message).Take();
}

Status WriteOnnx(const std::string& path, const OnnxModel& model) {
  DEIXIS_ASSIGN(const std::string bytes, SerializeOnnx(model));
  return WriteFileAtomically(path, std::string_view(bytes));
}

}  // namespace deixis
