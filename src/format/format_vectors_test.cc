// The examples of docs/format.md are test vectors: this reads them from the document, so that it
// and the code cannot part.
#include <cctype>
#include <filesystem>

#include "base/file.h"
#include "format/model_tensors.h"
#include "format/palettized.h"
#include "format/rans.h"
#include "format/safetensors.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace deixis {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

std::string Document() { return ReadTextFile(DEIXIS_SOURCE_DIR "/docs/format.md").value(); }

// The bytes of the block that opens with ```hex NAME.
std::vector<uint8_t> HexBlock(const std::string& name) {
  const std::string document = Document();
  const std::string opening = "```hex " + name + "\n";
  const size_t begin = document.find(opening);
  if (begin == std::string::npos) return {};
  const size_t end = document.find("```", begin + opening.size());
  std::vector<uint8_t> bytes;
  std::string digits;
  for (char c : document.substr(begin + opening.size(), end - begin - opening.size())) {
    if (std::isspace(static_cast<unsigned char>(c))) continue;
    digits += c;
    if (digits.size() < 2) continue;
    bytes.push_back(static_cast<uint8_t>(std::stoi(digits, nullptr, 16)));
    digits.clear();
  }
  return bytes;
}

// The line of the document that begins with `start`.
std::string LineWith(const std::string& start) {
  const std::string document = Document();
  const size_t begin = document.find("\n" + start);
  if (begin == std::string::npos) return "";
  return document.substr(begin + 1, document.find('\n', begin + 1) - begin - 1);
}

TEST(FormatDocument, MinimalFile) {
  const auto bytes = HexBlock("safetensors-minimal");
  const auto file = ReadSafetensors(std::as_bytes(std::span(bytes)));
  ASSERT_TRUE(file.ok()) << file.error().message;
  EXPECT_THAT(file->metadata, ElementsAre(Pair("k", "v")));
  ASSERT_EQ(file->tensors.size(), 1u);
  EXPECT_EQ(file->tensors[0].name, "a");
  EXPECT_TRUE(BitIdentical(file->tensors[0].tensor, Tensor::FromVector<int8_t>({2}, {1, -1})));

  const std::string path = ::testing::TempDir() + "/deixis_minimal.safetensors";
  ASSERT_TRUE(WriteSafetensors(path, *file).ok());
  EXPECT_EQ(ReadTextFile(path).value(), std::string(bytes.begin(), bytes.end()));
  std::filesystem::remove(path);
}

TEST(FormatDocument, Packing) {
  const std::vector<uint8_t> three_bits = {1, 2, 3, 4, 5, 6};
  EXPECT_EQ(PackIndices(three_bits, 3, 3), HexBlock("pack-3-bits"));
  EXPECT_EQ(UnpackIndices(HexBlock("pack-3-bits"), 2, 3, 3), three_bits);
  const std::vector<uint8_t> four_bits = {0, 1, 2, 3, 15};
  EXPECT_EQ(PackIndices(four_bits, 5, 4), HexBlock("pack-4-bits"));
  EXPECT_EQ(UnpackIndices(HexBlock("pack-4-bits"), 1, 5, 4), four_bits);
}

TEST(FormatDocument, EntropyCoding) {
  std::vector<uint8_t> indices;
  constexpr uint8_t kRepeated[] = {0, 0, 1, 0, 2, 0, 0, 3};
  for (int i = 0; i < 48; ++i) indices.push_back(kRepeated[i % 8]);
  const auto stream = HexBlock("rans-48-symbols");
  EXPECT_EQ(RansEncode(indices, 4), stream);
  auto decoder = RansDecoder::Create(stream, 4, 48);
  ASSERT_TRUE(decoder.ok());
  std::vector<uint8_t> decoded(48);
  ASSERT_TRUE(decoder->Decode(decoded).ok());
  EXPECT_TRUE(decoder->Finish().ok());
  EXPECT_EQ(decoded, indices);
}

TEST(FormatDocument, MetadataExamples) {
  TensorFile file;
  ModelMetadata metadata;
  metadata.architecture = "resnet20-cifar";
  metadata.preprocessing.resize = ResizePolicy::kStretch;
  metadata.preprocessing.height_px = 32;
  metadata.preprocessing.width_px = 32;
  metadata.preprocessing.shorter_side_px = 32;
  WriteModelMetadata(metadata, file);
  EXPECT_EQ(*file.FindMetadata("deixis.preprocessing"), LineWith("{\"height_px\""));

  PalettizedTensor layer;
  layer.shape = {16, 16, 3, 3};
  layer.num_centroids = 16;
  layer.group_rows = 4;
  AddPalettizedLayers({{"layer1.0.conv1", layer}}, file);
  EXPECT_EQ(*file.FindMetadata("deixis.layers"), LineWith("{\"layer1.0.conv1\""));
}

}  // namespace
}  // namespace deixis
