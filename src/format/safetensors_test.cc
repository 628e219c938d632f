// safetensors: what is written reads back, and every rule of docs/format.md section 1 that a file
// can break has its words.
#include "format/safetensors.h"

#include <cstring>
#include <filesystem>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace deixis {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

std::vector<std::byte> MakeFile(const std::string& header, size_t data_bytes) {
  std::vector<std::byte> bytes(8 + header.size() + data_bytes);
  const uint64_t length = header.size();
  std::memcpy(bytes.data(), &length, 8);
  std::memcpy(bytes.data() + 8, header.data(), header.size());
  for (size_t i = 0; i < data_bytes; ++i) bytes[8 + header.size() + i] = static_cast<std::byte>(i);
  return bytes;
}

std::string TempPath(const std::string& name) { return ::testing::TempDir() + "/deixis_" + name; }

Tensor Floats(Shape shape) {
  std::vector<float> values(static_cast<size_t>(*NumElements(shape)));
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i) * 0.5f;
  return Tensor::FromVector(std::move(shape), std::move(values));
}

struct BadHeader {
  std::string name;
  std::string header;
  size_t data_bytes;
  std::string message;
};

void PrintTo(const BadHeader& bad, std::ostream* out) { *out << bad.name; }

class SafetensorsBadHeader : public ::testing::TestWithParam<BadHeader> {};

TEST_P(SafetensorsBadHeader, IsRefusedInWords) {
  const auto file = ReadSafetensors(MakeFile(GetParam().header, GetParam().data_bytes));
  ASSERT_FALSE(file.ok());
  EXPECT_EQ(file.error().code, ErrorCode::kInvalidData);
  EXPECT_THAT(file.error().message, HasSubstr(GetParam().message));
}

std::string One(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return R"({"a":{"dtype":)" + dtype + R"(,"shape":)" + shape + R"(,"data_offsets":)" + offsets +
         "}}";
}

std::string Two(const std::string& a_offsets, const std::string& b_offsets) {
  return R"({"a":{"dtype":"U8","shape":[2],"data_offsets":)" + a_offsets +
         R"(},"b":{"dtype":"U8","shape":[2],"data_offsets":)" + b_offsets + "}}";
}

INSTANTIATE_TEST_SUITE_P(
    Rules, SafetensorsBadHeader,
    ::testing::Values(
        BadHeader{"EmptyHeader", "", 0, "found an empty header"},
        BadHeader{"NotAnObject", "[1]", 0, "expected the header to begin with '{'"},
        BadHeader{"SpaceFirst", " {}", 0, "expected the header to begin with '{'"},
        BadHeader{"NotJson", "{\"a\"", 0, "expected ':'"},
        BadHeader{"NotUtf8", "{\"\xFF\":1}", 0, "expected UTF-8"},
        BadHeader{"TextAfterObject", "{}x", 0, "expected the end of the text, found 'x'"},
        BadHeader{"SameNameTwice", R"({"a":1,"a":1})", 0, "found \"a\" twice"},
        BadHeader{"TooDeep", "{\"a\":" + std::string(100, '[') + std::string(100, ']') + "}", 0,
                  "expected a nesting of at most 16"},
        BadHeader{"EntryIsNumber", R"({"a":7})", 0, "tensor \"a\": expected an object"},
        BadHeader{"NoDType", R"({"a":{"shape":[],"data_offsets":[0,0]}})", 0,
                  "expected \"dtype\" to be a string, found nothing"},
        BadHeader{"DTypeIsNumber", One("5", "[1]", "[0,1]"), 1, "found a number"},
        BadHeader{"UnknownDType", One("\"F7\"", "[1]", "[0,1]"), 1, "found \"F7\""},
        BadHeader{"UnsupportedDType", One("\"C64\"", "[1]", "[0,8]"), 8, "found \"C64\""},
        BadHeader{"NoShape", R"({"a":{"dtype":"U8","data_offsets":[0,1]}})", 1,
                  "expected \"shape\" to be an array, found nothing"},
        BadHeader{"ShapeIsString", One("\"U8\"", "\"2\"", "[0,2]"), 2, "found a string"},
        BadHeader{"NegativeExtent", One("\"U8\"", "[-2]", "[0,2]"), 2, "found -2"},
        BadHeader{"FractionalExtent", One("\"U8\"", "[2.0]", "[0,2]"), 2,
                  "non-negative integers, found a number"},
        BadHeader{"RankTooHigh", One("\"U8\"", "[1,1,1,1,1,1,1,1,1]", "[0,1]"), 1,
                  "at most 8 dimensions, found 9"},
        BadHeader{"ShapeOverflows", One("\"F32\"", "[4294967296,4294967296]", "[0,4]"), 4,
                  "a size that 63 bits can hold"},
        BadHeader{"BytesOverflow", One("\"F64\"", "[2305843009213693952]", "[0,4]"), 4,
                  "a size that 63 bits can hold"},
        BadHeader{"NoOffsets", R"({"a":{"dtype":"U8","shape":[1]}})", 1,
                  "expected \"data_offsets\" to be two integers, found nothing"},
        BadHeader{"OneOffset", One("\"U8\"", "[1]", "[1]"), 1, "two integers, found [1]"},
        BadHeader{"HugeOffset", One("\"U8\"", "[1]", "[0,18446744073709551615]"), 1,
                  "two integers"},
        BadHeader{"OffsetsBackwards", One("\"U8\"", "[0]", "[1,0]"), 1, "found [1, 0]"},
        BadHeader{"OffsetsBeyondFile", One("\"U8\"", "[2]", "[0,2]"), 1,
                  "expected data_offsets within the 1 bytes of data"},
        BadHeader{"NegativeOffset", One("\"U8\"", "[2]", "[-1,1]"), 2, "found [-1, 1]"},
        BadHeader{"SizeMismatch", One("\"F32\"", "[2]", "[0,4]"), 4,
                  "expected 8 bytes for F32 [2], found data_offsets [0, 4]"},
        BadHeader{"Hole", Two("[0,2]", "[3,5]"), 5, "tensor \"b\": leaves a hole"},
        BadHeader{"HoleAtFront", One("\"U8\"", "[2]", "[1,3]"), 3, "begin at 0, found 1"},
        BadHeader{"Overlap", Two("[0,2]", "[1,3]"), 3, "tensor \"b\": overlaps"},
        BadHeader{"SameData", Two("[0,2]", "[0,2]"), 2, "overlaps"},
        BadHeader{"BytesAfterLast", One("\"U8\"", "[2]", "[0,2]"), 3,
                  "1 bytes after the last tensor"},
        BadHeader{"DataWithoutTensors", "{}", 1, "1 bytes after the last tensor"},
        BadHeader{"MetadataIsArray", R"({"__metadata__":[]})", 0,
                  "__metadata__: expected an object, found an array"},
        BadHeader{"MetadataValueIsNumber", R"({"__metadata__":{"k":1}})", 0,
                  "expected \"k\" to be a string, found a number"},
        BadHeader{"MetadataTwice", R"({"__metadata__":{},"__metadata__":{}})", 0,
                  "found \"__metadata__\" twice"}),
    [](const auto& test) { return test.param.name; });

TEST(Safetensors, RefusesShortFiles) {
  const std::vector<std::byte> whole = MakeFile(One("\"U8\"", "[4]", "[0,4]"), 4);
  ASSERT_TRUE(ReadSafetensors(whole).ok());
  for (size_t length = 0; length < whole.size(); ++length) {
    const auto file = ReadSafetensors(std::span(whole).first(length));
    ASSERT_FALSE(file.ok()) << length;
    EXPECT_EQ(file.error().code, ErrorCode::kInvalidData);
  }
}

TEST(Safetensors, RefusesAbsurdHeaderLength) {
  std::vector<std::byte> bytes = MakeFile("{}", 0);
  std::memset(bytes.data(), 0xFF, 8);
  const auto file = ReadSafetensors(bytes);
  ASSERT_FALSE(file.ok());
  EXPECT_THAT(file.error().message, HasSubstr("at most 100000000 bytes"));
}

TEST(Safetensors, TakesWhatTheFormatAllows) {
  // Padding, no tensors, unknown members, scalars, empty tensors, data in another order.
  EXPECT_TRUE(ReadSafetensors(MakeFile("{}   ", 0)).ok());
  const auto file = ReadSafetensors(
      MakeFile(R"({"b":{"dtype":"U8","shape":[],"data_offsets":[2,3],"extra":null},)"
               R"("empty":{"shape":[3,0],"dtype":"F64","data_offsets":[2,2]},)"
               R"("a":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]}})",
               3));
  ASSERT_TRUE(file.ok()) << file.error().message;
  ASSERT_EQ(file->tensors.size(), 3u);
  EXPECT_EQ(file->tensors[0].name, "b");
  EXPECT_EQ(file->tensors[0].tensor.num_elements(), 1);
  EXPECT_EQ(file->tensors[0].tensor.bytes()[0], std::byte{2});
  EXPECT_EQ(file->tensors[1].tensor.num_elements(), 0);
  EXPECT_EQ(file->tensors[2].tensor.dtype(), DType::kBF16);
}

TEST(Safetensors, RoundTripKeepsEverythingAndAligns) {
  TensorFile written;
  written.metadata = {{"zeta", "1"}, {"alpha", "ä\"\n"}};
  written.tensors.push_back({"odd", Tensor::FromVector<uint8_t>({3}, {1, 2, 3})});
  written.tensors.push_back({"weight", Floats({2, 8})});
  written.tensors.push_back({"steps", Tensor::FromVector<int64_t>({}, {7})});
  written.tensors.push_back({"bias", Floats({5})});
  written.tensors.push_back({"none", Floats({0, 4})});
  written.tensors.push_back(
      {"indices", Tensor::FromVector<uint8_t>({128}, std::vector<uint8_t>(128))});
  for (DType dtype : kAllDTypes) {
    written.tensors.push_back(
        {"all/" + std::string(TorchName(dtype)),
         Tensor::FromBytes(dtype, {3}, std::vector<std::byte>(3 * SizeOf(dtype), std::byte{1}))});
  }
  const std::string path = TempPath("round_trip.safetensors");
  const Status status = WriteSafetensors(path, written);
  ASSERT_TRUE(status.ok()) << status.error().message;

  auto mapped = MappedFile::Open(path);
  ASSERT_TRUE(mapped.ok());
  const std::byte* const begin = (*mapped)->bytes().data();
  const auto read = ReadSafetensors(*mapped);
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_THAT(read->metadata, ElementsAre(Pair("zeta", "1"), Pair("alpha", "ä\"\n")));
  ASSERT_EQ(read->tensors.size(), written.tensors.size());
  for (size_t i = 0; i < written.tensors.size(); ++i) {
    const Tensor& tensor = read->tensors[i].tensor;
    EXPECT_EQ(read->tensors[i].name, written.tensors[i].name);
    EXPECT_TRUE(BitIdentical(tensor, written.tensors[i].tensor)) << written.tensors[i].name;
    if (tensor.num_bytes() == 0) continue;
    const int64_t alignment = tensor.num_bytes() % 64 == 0 ? 64 : SizeOf(tensor.dtype());
    EXPECT_EQ((tensor.bytes().data() - begin) % alignment, 0) << read->tensors[i].name;
  }
  std::filesystem::remove(path);
}

TEST(Safetensors, WritingTheSameTwiceGivesTheSameBytes) {
  TensorFile file;
  file.tensors.push_back({"a", Floats({3})});
  file.tensors.push_back({"b", Floats({3})});
  const std::string first = TempPath("first.safetensors");
  const std::string second = TempPath("second.safetensors");
  ASSERT_TRUE(WriteSafetensors(first, file).ok());
  ASSERT_TRUE(WriteSafetensors(second, file).ok());
  EXPECT_EQ(ReadTextFile(first).value(), ReadTextFile(second).value());
  EXPECT_EQ(SafetensorsBytes(file), static_cast<int64_t>(std::filesystem::file_size(first)));
  std::filesystem::remove(first);
  std::filesystem::remove(second);
}

TEST(Safetensors, RefusesToWriteWhatCannotBeRead) {
  const std::string path = TempPath("refused.safetensors");
  const auto message_of = [&](const TensorFile& file) {
    const Status status = WriteSafetensors(path, file);
    EXPECT_FALSE(std::filesystem::exists(path));
    return status.ok() ? std::string() : status.error().message;
  };
  TensorFile twice;
  twice.tensors = {{"a", Floats({1})}, {"a", Floats({1})}};
  EXPECT_THAT(message_of(twice), HasSubstr("found it twice"));
  TensorFile reserved;
  reserved.tensors = {{"__metadata__", Floats({1})}};
  EXPECT_THAT(message_of(reserved), HasSubstr("cannot be named"));
  TensorFile not_utf8;
  not_utf8.tensors = {{"\xC0", Floats({1})}};
  EXPECT_THAT(message_of(not_utf8), HasSubstr("UTF-8"));
  TensorFile deep;
  deep.tensors = {{"a", Floats({1, 1, 1, 1, 1, 1, 1, 1, 1})}};
  EXPECT_THAT(message_of(deep), HasSubstr("at most 8 dimensions"));
  TensorFile keys;
  keys.metadata = {{"k", "1"}, {"k", "2"}};
  EXPECT_THAT(message_of(keys), HasSubstr("every key once"));
  TensorFile value;
  value.metadata = {{"k", "\xED\xA0\x80"}};
  EXPECT_THAT(message_of(value), HasSubstr("UTF-8"));
}

TEST(Safetensors, NoFolderIsNotFound) {
  const Status status = WriteSafetensors(TempPath("no_such_folder/x.safetensors"), {});
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace deixis
