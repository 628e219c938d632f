#include "format/pth.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <vector>

#include "base/file.h"
#include "format/testing/pth_builder.h"

namespace deixis {
namespace {

using testing::Call;
using testing::Dict;
using ::testing::ElementsAre;
using testing::EmptyOrderedDict;
using testing::Global;
using ::testing::HasSubstr;
using testing::Int;
using testing::Ints;
using ::testing::IsEmpty;
using testing::LegacyCheckpoint;
using ::testing::Pair;
using testing::RebuildTensor;
using testing::Storage;
using testing::StorageData;
using testing::Text;
using testing::Tuple;
using testing::ZipCheckpoint;

Result<TensorFile> Read(std::string file) {
  const auto owner = std::make_shared<const std::string>(std::move(file));
  return ReadPth(testing::AsBytes(*owner), owner);
}

TensorFile MustRead(std::string file) {
  auto result = Read(std::move(file));
  EXPECT_TRUE(result.ok()) << result.error().message;
  return result.ok() ? *std::move(result) : TensorFile();
}

template <typename T>
std::string Elements(const std::vector<T>& values) {
  return std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

// 0, 1, 2, ... as float32, under key "0".
StorageData FloatData(int64_t count) {
  std::vector<float> values;
  for (int64_t i = 0; i < count; ++i) values.push_back(static_cast<float>(i));
  return {"0", Elements(values)};
}
std::string FloatStorage(int64_t count) { return Storage({.num_elements = count}); }

std::vector<float> Floats(const TensorFile& file, std::string_view name) {
  const Tensor* tensor = file.Find(name);
  EXPECT_NE(tensor, nullptr) << name;
  return tensor == nullptr ? std::vector<float>() : tensor->ToFloats();
}

TEST(PthTest, NestedContainersValuesAndOrder) {
  const std::string tensor = RebuildTensor({FloatStorage(2), 0, {2}, {1}});
  const TensorFile file = MustRead(ZipCheckpoint(
      Dict({Text("epoch"), Int(3), Text("lr"),
            "G" + std::string("\x3F\x50\x62\x4D\xD2\xF1\xA9\xFC"), Text("state_dict"),
            Dict({Text("b"), tensor, Text("a"), tensor}), Int(7),
            "](" + tensor + "N\x88" + Text("x") + "e", Text("shape"),
            Call(Global("torch", "Size"), {Ints({4, 5})}), Text("dtype"),
            Global("torch", "float16"), Text("device"),
            Call(Global("torch", "device"), {Text("cuda"), Int(1)}), Text("raw"), "C\x02\x01\x02"}),
      {FloatData(2)}));
  EXPECT_EQ(file.format, TensorFileFormat::kPthZip);
  std::vector<std::string> names;
  for (const NamedTensor& named : file.tensors) names.push_back(named.name);
  EXPECT_THAT(names, ElementsAre("state_dict/b", "state_dict/a", "7/0"));
  EXPECT_THAT(file.values, ElementsAre(Pair("epoch", "3"), Pair("lr", "0.001"), Pair("7/1", "None"),
                                       Pair("7/2", "True"), Pair("7/3", "x"), Pair("shape/0", "4"),
                                       Pair("shape/1", "5"), Pair("dtype", "torch.float16"),
                                       Pair("device", "cuda:1"), Pair("raw", "2 bytes")));
  EXPECT_THAT(file.inert_globals, IsEmpty());
}

TEST(PthTest, EveryDType) {
  const std::vector<std::pair<std::string, DType>> types = {
      {"DoubleStorage", DType::kF64}, {"FloatStorage", DType::kF32},
      {"HalfStorage", DType::kF16},   {"BFloat16Storage", DType::kBF16},
      {"LongStorage", DType::kI64},   {"IntStorage", DType::kI32},
      {"ShortStorage", DType::kI16},  {"CharStorage", DType::kI8},
      {"ByteStorage", DType::kU8},    {"BoolStorage", DType::kBool},
  };
  for (const auto& [type, dtype] : types) {
    const std::string data(3 * static_cast<size_t>(SizeOf(dtype)), '\x01');
    const std::string body =
        RebuildTensor({Storage({.type = type, .num_elements = 3}), 1, {2}, {1}});
    const TensorFile file = MustRead(ZipCheckpoint(body, {{"0", data}}));
    ASSERT_EQ(file.tensors.size(), 1u) << type;
    EXPECT_EQ(file.tensors[0].name, "tensor");  // a bare tensor
    EXPECT_EQ(file.tensors[0].tensor.dtype(), dtype);
    EXPECT_EQ(file.tensors[0].tensor.num_bytes(), 2 * SizeOf(dtype));
  }
}

TEST(PthTest, StridesOffsetsScalarsAndEmptyTensors) {
  const std::string storage = FloatStorage(12);
  const TensorFile file = MustRead(
      ZipCheckpoint(Dict({Text("transposed"), RebuildTensor({storage, 0, {4, 3}, {1, 4}}),      //
                          Text("permuted"), RebuildTensor({storage, 0, {2, 2, 3}, {1, 6, 2}}),  //
                          Text("sliced"), RebuildTensor({storage, 1, {2, 2}, {6, 3}}),          //
                          Text("expanded"), RebuildTensor({storage, 5, {2, 3}, {0, 0}}),        //
                          Text("view"), RebuildTensor({storage, 3, {3, 1, 3}, {3, 99, 1}}),     //
                          Text("scalar"), RebuildTensor({storage, 11, {}, {}}),                 //
                          Text("empty"), RebuildTensor({storage, 0, {0, 3}, {3, 1}})}),
                    {FloatData(12)}));
  EXPECT_THAT(Floats(file, "transposed"), ElementsAre(0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11));
  EXPECT_THAT(Floats(file, "permuted"), ElementsAre(0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11));
  EXPECT_THAT(Floats(file, "sliced"), ElementsAre(1, 4, 7, 10));
  EXPECT_THAT(Floats(file, "expanded"), ElementsAre(5, 5, 5, 5, 5, 5));
  EXPECT_THAT(Floats(file, "view"), ElementsAre(3, 4, 5, 6, 7, 8, 9, 10, 11));
  EXPECT_THAT(Floats(file, "scalar"), ElementsAre(11));
  EXPECT_EQ(file.Find("scalar")->shape(), Shape{});
  EXPECT_EQ(file.Find("empty")->shape(), (Shape{0, 3}));
  EXPECT_EQ(file.Find("empty")->num_bytes(), 0);
}

TEST(PthTest, TensorsOfOneStorageShareItsBytes) {
  const std::string storage = FloatStorage(6);
  const TensorFile file =
      MustRead(ZipCheckpoint(Dict({Text("all"), RebuildTensor({storage, 0, {6}, {1}}),  //
                                   Text("tail"), RebuildTensor({storage, 4, {2}, {1}})}),
                             {FloatData(6)}));
  EXPECT_EQ(file.Find("tail")->bytes().data(), file.Find("all")->bytes().data() + 16);
}

TEST(PthTest, EveryAllowedConstructor) {
  const std::string storage = FloatStorage(2);
  const std::string plain = RebuildTensor({storage, 0, {2}, {1}});
  const std::string arguments[] = {storage,   Int(0), Ints({2}),
                                   Ints({1}), "\x89", EmptyOrderedDict()};
  std::vector<std::string> v2(arguments, arguments + 6);
  std::vector<std::string> v3 = v2;
  v3.push_back(Global("torch", "int32"));
  const TensorFile file = MustRead(ZipCheckpoint(
      Dict(
          {Text("v1"),
           Call(Global("torch._utils", "_rebuild_tensor"), {storage, Int(0), Ints({2}), Ints({1})}),
           Text("size"),
           Call(Global("torch._utils", "_rebuild_tensor_v2"),
                {storage, Int(0), Call(Global("torch", "Size"), {Ints({2})}), Ints({1}), "\x89",
                 EmptyOrderedDict()}),
           Text("v3"), Call(Global("torch._utils", "_rebuild_tensor_v3"), v3), Text("parameter"),
           Call(Global("torch._utils", "_rebuild_parameter"), {plain, "\x88", EmptyOrderedDict()}),
           Text("attributes"),
           Call(Global("torch._utils", "_rebuild_parameter_with_state"),
                {plain, "\x88", EmptyOrderedDict(), Dict({})}),
           Text("typed"),
           Call(Global("torch._tensor", "_rebuild_from_type_v2"),
                {Global("torch._utils", "_rebuild_tensor_v2"),
                 Global("torch.nn.parameter", "Parameter"), Tuple(v2), Dict({})})}),
      {FloatData(2)}));
  for (const char* name : {"v1", "size", "parameter", "attributes", "typed"}) {
    EXPECT_THAT(Floats(file, name), ElementsAre(0, 1)) << name;
  }
  EXPECT_EQ(file.Find("v3")->dtype(), DType::kI32);
  EXPECT_THAT(file.inert_globals, IsEmpty());
}

TEST(PthTest, OrderedDictsInEveryForm) {
  const std::string tensor = RebuildTensor({FloatStorage(1), 0, {1}, {1}});
  // Python 2 makes it of a list of pairs; attributes (_metadata) are set by BUILD.
  const std::string from_pairs =
      Call(Global("collections", "OrderedDict"), {"](](" + Text("a") + tensor + "ee"});
  const std::string with_attributes = EmptyOrderedDict() + "(" + Text("b") + tensor + "u" +
                                      Dict({Text("_metadata"), EmptyOrderedDict()}) + "b";
  const std::string twice = Dict({Text("c"), Int(1), Text("d"), Int(2), Text("c"), Int(3)});
  const TensorFile file = MustRead(ZipCheckpoint(
      Dict({Text("x"), from_pairs, Text("y"), with_attributes, Text("z"), twice}), {FloatData(1)}));
  ASSERT_EQ(file.tensors.size(), 2u);
  EXPECT_EQ(file.tensors[0].name, "x/a");
  EXPECT_EQ(file.tensors[1].name, "y/b");
  // As in Python, the later value, in the earlier place.
  EXPECT_THAT(file.values, ElementsAre(Pair("z/c", "3"), Pair("z/d", "2")));
}

TEST(PthTest, LegacyLayoutWithViewsOfStorages) {
  const std::string view = Tuple({Text("view"), Int(2), Int(3)});
  const std::string body = Dict(
      {Text("whole"), RebuildTensor({FloatStorage(6), 0, {2, 3}, {3, 1}}),                      //
       Text("part"), RebuildTensor({Storage({.num_elements = 6, .view = view}), 1, {2}, {1}}),  //
       Text("none"), RebuildTensor({Storage({.num_elements = 6, .view = "N"}), 0, {1}, {1}}),
       Text("other"), RebuildTensor({Storage({.key = "1", .num_elements = 1}), 0, {1}, {1}})});
  const TensorFile file =
      MustRead(LegacyCheckpoint(body, {{"1", Elements<float>({42})}, FloatData(6)}, 4));
  EXPECT_EQ(file.format, TensorFileFormat::kPthLegacy);
  EXPECT_THAT(Floats(file, "whole"), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(Floats(file, "part"), ElementsAre(3, 4));
  EXPECT_THAT(Floats(file, "none"), ElementsAre(0));
  EXPECT_THAT(Floats(file, "other"), ElementsAre(42));
}

// A whole nn.Module: its class is a placeholder, the state that it would have been given is data.
TEST(PthTest, AWholeModuleShowsItsStateAndNamesItsClasses) {
  const std::string tensor = RebuildTensor({FloatStorage(1), 0, {1}, {1}});
  const std::string child =
      Global("torch.nn.modules.conv", "Conv2d") + ")\x81" +
      Dict({Text("_parameters"), EmptyOrderedDict() + "(" + Text("weight") + tensor + "u"}) + "b";
  const std::string module =
      Global("my_project.nets", "Net") + ")\x81" +
      Dict({Text("_modules"), EmptyOrderedDict() + "(" + Text("conv1") + child + "u"}) + "b";
  const TensorFile file = MustRead(ZipCheckpoint(module, {FloatData(1)}));
  ASSERT_EQ(file.tensors.size(), 1u);
  EXPECT_EQ(file.tensors[0].name, "_modules/conv1/_parameters/weight");
  EXPECT_THAT(file.inert_globals,
              ElementsAre("my_project.nets.Net", "torch.nn.modules.conv.Conv2d"));
}

TEST(PthTest, WhatContainsItselfIsReadOnce) {
  const TensorFile file = MustRead(ZipCheckpoint(
      std::string("}q\x01(") + Text("self") + "h\x01" + Text("n") + Int(1) + "u", {}));
  EXPECT_THAT(file.values, ElementsAre(Pair("n", "1")));
}

TEST(PthTest, NamesAreMadePrintable) {
  const TensorFile file =
      MustRead(ZipCheckpoint(Dict({Text("a\x1B[2J\xC3\xA9"), Text("\xFF\n")}), {}));
  EXPECT_THAT(file.values, ElementsAre(Pair("a\\x1b[2J\xC3\xA9", "\\xff\\x0a")));
}

TEST(PthTest, WrittenFilesReadBackBitForBit) {
  TensorFile original;
  for (const DType dtype : kAllDTypes) {
    std::vector<std::byte> bytes(static_cast<size_t>(6 * SizeOf(dtype)));
    for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 7 + 1);
    original.tensors.push_back(
        {std::string(TorchName(dtype)), Tensor::FromBytes(dtype, {2, 3}, std::move(bytes))});
  }
  original.tensors.push_back({"scalar", Tensor::FromVector<float>({}, {1.5f})});
  original.tensors.push_back({"empty", Tensor::FromVector<float>({0, 70000}, {})});
  original.tensors.push_back(
      {"a/b \xC3\xA9", Tensor::FromVector<float>({1, 300}, std::vector<float>(300))});
  const std::string path = ::testing::TempDir() + "pth_test_" + std::to_string(::getpid()) + ".pth";
  ASSERT_TRUE(WritePth(path, original).ok());
  const auto copy = ReadTensorFile(path);
  ASSERT_TRUE(copy.ok()) << copy.error().message;
  ASSERT_EQ(copy->tensors.size(), original.tensors.size());
  for (size_t i = 0; i < original.tensors.size(); ++i) {
    EXPECT_EQ(copy->tensors[i].name, original.tensors[i].name);
    EXPECT_TRUE(BitIdentical(copy->tensors[i].tensor, original.tensors[i].tensor));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(copy->tensors[i].tensor.bytes().data()) % 64, 0u);
  }
  ::unlink(path.c_str());
}

TEST(PthTest, WritingRefusesDuplicateNamesAndLeavesNoFile) {
  TensorFile file;
  file.tensors.push_back({"a", Tensor::FromVector<float>({1}, {1})});
  file.tensors.push_back({"a", Tensor::FromVector<float>({1}, {2})});
  const std::string path =
      ::testing::TempDir() + "pth_twice_" + std::to_string(::getpid()) + ".pth";
  const Status status = WritePth(path, file);
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().message, HasSubstr("two tensors are named \"a\""));
  EXPECT_NE(::access(path.c_str(), F_OK), 0);
}

}  // namespace
}  // namespace deixis
