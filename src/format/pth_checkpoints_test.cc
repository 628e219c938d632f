// Checkpoints that others published, against a listing of each that PyTorch 1.13 made: names,
// dtypes, shapes, digests and the plain values beside them.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "base/file.h"
#include "format/digest.h"
#include "format/json.h"
#include "format/tensor_file.h"

namespace deixis {
namespace {

constexpr std::string_view kListingSuffix = ".listing.json";
constexpr size_t kListedValues = 60;  // a listing stops there

std::string CheckpointsFolder() {
  const char* data = std::getenv("DEIXIS_DATA");
  return data == nullptr ? "" : std::string(data) + "/checkpoints";
}

// The listed files that are to be read, or that are to be refused, in order of path.
std::vector<std::string> ListedFiles() {
  std::vector<std::string> files;
  std::error_code error;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(CheckpointsFolder(), error)) {
    std::string path = entry.path().string();
    if (!path.ends_with(kListingSuffix)) continue;
    path.resize(path.size() - kListingSuffix.size());
    files.push_back(std::move(path));
  }
  std::sort(files.begin(), files.end());
  return files;
}

JsonValue ReadListing(const std::string& path) {
  auto text = ReadTextFile(path + std::string(kListingSuffix));
  EXPECT_TRUE(text.ok());
  auto listing = ParseJson(*text);
  EXPECT_TRUE(listing.ok()) << listing.error().message;
  return *listing;
}

std::string Text(const JsonValue& object, std::string_view key) {
  const JsonValue* value = object.Find(key);
  return value == nullptr || value->AsString() == nullptr ? "" : *value->AsString();
}

Shape ListedShape(const JsonValue& tensor) {
  Shape shape;
  for (const JsonValue& extent : *tensor.Find("shape")->AsArray()) {
    shape.push_back(*extent.AsInteger());
  }
  return shape;
}

// "float:0.1" and "str:'SGD'" as the listing writes them; here the text alone.
std::string ListedValue(const std::string& typed) {
  std::string value = typed.substr(typed.find(':') + 1);
  if (typed.starts_with("str:")) value = value.substr(1, value.size() - 2);
  return value;
}

void ExpectAsListed(const std::string& path, const JsonValue& listing) {
  const auto file = ReadTensorFile(path);
  ASSERT_TRUE(file.ok()) << file.error().message;
  const auto& tensors = *listing.Find("tensors")->AsObject();
  ASSERT_EQ(file->tensors.size(), tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    const auto& [name, listed] = tensors[i];
    const auto& [own_name, tensor] = file->tensors[i];
    SCOPED_TRACE(name);
    EXPECT_EQ(own_name, name);
    EXPECT_EQ(TorchName(tensor.dtype()), Text(listed, "dtype"));
    EXPECT_EQ(tensor.shape(), ListedShape(listed));
    EXPECT_EQ(Sha256Hex(tensor), Text(listed, "sha256_le_contiguous"));
  }
  if (Text(listing, "format") == "safetensors") return;
  const auto& values = *listing.Find("other")->AsObject();
  if (values.size() < kListedValues) {
    EXPECT_EQ(file->values.size(), values.size());
  }
  ASSERT_GE(file->values.size(), values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(file->values[i].first, values[i].first);
    EXPECT_EQ(file->values[i].second, ListedValue(*values[i].second.AsString()));
  }
  EXPECT_TRUE(file->inert_globals.empty());
}

class PthCheckpointsTest : public testing::Test {
 protected:
  void SetUp() override {
    if (CheckpointsFolder().empty()) GTEST_SKIP() << "DEIXIS_DATA is not set";
    files_ = ListedFiles();
    ASSERT_GE(files_.size(), 30u) << CheckpointsFolder();
  }
  std::vector<std::string> files_;
};

TEST_F(PthCheckpointsTest, EveryStateDictIsReadAsPyTorchReadsIt) {
  int num_read = 0;
  for (const std::string& path : files_) {
    const JsonValue listing = ReadListing(path);
    const std::string format = Text(listing, "format");
    if (format != "zip" && format != "legacy" && format != "safetensors") continue;
    SCOPED_TRACE(path);
    ExpectAsListed(path, listing);
    ++num_read;
  }
  EXPECT_GE(num_read, 30);
}

TEST_F(PthCheckpointsTest, WhatIsNoStateDictIsNamed) {
  int num_refused = 0;
  for (const std::string& path : files_) {
    const std::string format = Text(ReadListing(path), "format");
    if (format == "zip" || format == "legacy" || format == "safetensors") continue;
    SCOPED_TRACE(path);
    const auto file = ReadTensorFile(path);
    ASSERT_FALSE(file.ok());
    EXPECT_EQ(file.error().code, ErrorCode::kInvalidData);
    EXPECT_FALSE(file.error().remedy.empty());
    const std::string expected = format == "onnx"              ? "found an ONNX model"
                                 : format == "zip-torchscript" ? "found a TorchScript archive"
                                                               : "found text, \"abc\"";
    EXPECT_NE(file.error().message.find(expected), std::string::npos) << file.error().message;
    EXPECT_TRUE(file.error().message.starts_with(path)) << file.error().message;
    ++num_refused;
  }
  EXPECT_GE(num_refused, 3);
}

}  // namespace
}  // namespace deixis
