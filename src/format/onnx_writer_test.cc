// The ONNX writer's bytes, field by field against the schema, on a model small enough to encode by
// hand. That other engines take what it writes is tests/integration/onnx's matter.
#include "format/onnx_writer.h"

#include "gtest/gtest.h"

namespace deixis {
namespace {

std::string Field(int number, int kind) {
  return std::string(1, static_cast<char>(number << 3 | kind));
}

// A field of bytes shorter than 128.
std::string Bytes(int number, const std::string& content) {
  std::string field = Field(number, 2);
  field += static_cast<char>(content.size());
  return field += content;
}

// A varint field below 128.
std::string Varint(int number, int value) { return Field(number, 0) + static_cast<char>(value); }

TEST(OnnxWriter, EncodesTheSchema) {
  OnnxModel model;
  model.producer_version = "1";
  model.description = "doc";
  model.metadata = {{"k", "v"}};
  model.graph_name = "g";
  OnnxNode node;
  node.op_type = "Op";
  node.name = "n";
  node.inputs = {"x", "", "w"};
  node.outputs = {"y"};
  node.attributes = {{"i", int64_t{3}},
                     {"f", 1.0f},
                     {"s", std::string("t")},
                     {"is", std::vector<int64_t>{1, 2}},
                     {"fs", std::vector<float>{1.0f}}};
  model.nodes = {node};
  model.initializers = {{"w", Tensor::FromVector<int8_t>({2, 1}, {5, -1})}};
  model.inputs = {{"x", DType::kF32, {std::string("b"), int64_t{3}}}};
  model.outputs = {{"y", DType::kI64, {}}};

  const std::string one("\x00\x00\x80\x3F", 4);
  const std::string expected_node =
      Bytes(1, "x") + Bytes(1, "") + Bytes(1, "w") + Bytes(2, "y") + Bytes(3, "n") +
      Bytes(4, "Op") + Bytes(5, Bytes(1, "i") + Varint(3, 3) + "\xA0\x01\x02") +
      Bytes(5, Bytes(1, "f") + Field(2, 5) + one + "\xA0\x01\x01") +
      Bytes(5, Bytes(1, "s") + Bytes(4, "t") + "\xA0\x01\x03") +
      Bytes(5, Bytes(1, "is") + Varint(8, 1) + Varint(8, 2) + "\xA0\x01\x07") +
      Bytes(5, Bytes(1, "fs") + Field(7, 5) + one + "\xA0\x01\x06");
  const std::string expected_weight =
      Varint(1, 2) + Varint(1, 1) + Varint(2, 3) + Bytes(8, "w") + Bytes(9, "\x05\xFF");
  const std::string expected_input =
      Bytes(1, "x") +
      Bytes(2, Bytes(1, Varint(1, 1) + Bytes(2, Bytes(1, Bytes(2, "b")) + Bytes(1, Varint(1, 3)))));
  const std::string expected_output =
      Bytes(1, "y") + Bytes(2, Bytes(1, Varint(1, 7) + Bytes(2, "")));
  const std::string graph = Bytes(1, expected_node) + Bytes(2, "g") + Bytes(5, expected_weight) +
                            Bytes(11, expected_input) + Bytes(12, expected_output);
  ASSERT_GE(graph.size(), 128u);  // two bytes of length
  const std::string graph_length = {static_cast<char>(graph.size() % 128 | 0x80),
                                    static_cast<char>(graph.size() / 128)};
  const std::string expected = Varint(1, 7) + Bytes(2, "deixis") + Bytes(3, "1") + Bytes(6, "doc") +
                               Field(7, 2) + graph_length + graph + Bytes(8, Varint(2, 13)) +
                               Bytes(14, Bytes(1, "k") + Bytes(2, "v"));
  const auto written = SerializeOnnx(model);
  ASSERT_TRUE(written.ok());
  EXPECT_EQ(*written, expected);
}

TEST(OnnxWriter, NegativeIntegersTakeTenBytes) {
  OnnxModel model;
  model.nodes = {{"Op", "", {}, {}, {{"axis", int64_t{-1}}}}};
  EXPECT_NE(SerializeOnnx(model)->find("\x18\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"),
            std::string::npos);
}

TEST(OnnxWriter, RefusesWhatProtobufCannotHold) {
  OnnxModel model;
  // A view that claims 2 GiB; nothing reads it before the size is checked.
  static const std::byte kByte{};
  const size_t size = size_t{1} << 31;
  model.initializers = {
      {"w", Tensor::View(DType::kU8, {int64_t{1} << 31}, nullptr, {&kByte, size})}};
  const auto written = SerializeOnnx(model);
  ASSERT_FALSE(written.ok());
  EXPECT_EQ(written.error().code, ErrorCode::kInvalidData);
}

}  // namespace
}  // namespace deixis
