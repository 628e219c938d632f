// A model's metadata and palettized layers: into a file, out of it again, and every lie a file can
// tell.
#include "format/model_tensors.h"

#include <filesystem>

#include "base/rng.h"
#include "format/safetensors.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace deixis {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

ModelMetadata MakeMetadata() {
  ModelMetadata metadata;
  metadata.architecture = "resnet20-cifar";
  metadata.task = "classify";
  metadata.class_names = {"cat", "Grüße \"x\"", ""};
  metadata.preprocessing = {.height_px = 32,
                            .width_px = 48,
                            .resize = ResizePolicy::kStretch,
                            .shorter_side_px = 40,
                            .channel_order = ChannelOrder::kBgr,
                            .mean = {0.1f, 0.485f, -1e-7f},
                            .stddev = {1, 0.229f, 3e8f}};
  metadata.activations = {{"conv1", {.scale = 0.1f, .zero_point = 0}},
                          {"layer2.0.downsample.0", {.scale = 3e-8f, .zero_point = 255}}};
  metadata.provenance = {{"deixis.source.sha256", "00ff"}, {"format", "pt"}};
  return metadata;
}

TEST(ModelMetadata, RoundTrip) {
  TensorFile file;
  EXPECT_FALSE(HasModelMetadata(file));
  WriteModelMetadata(MakeMetadata(), file);
  EXPECT_TRUE(HasModelMetadata(file));
  const auto read = ReadModelMetadata(file);
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(read->architecture, "resnet20-cifar");
  EXPECT_EQ(read->task, "classify");
  EXPECT_THAT(read->class_names, ElementsAre("cat", "Grüße \"x\"", ""));
  EXPECT_EQ(read->preprocessing, MakeMetadata().preprocessing);
  EXPECT_EQ(read->activations, MakeMetadata().activations);
  EXPECT_THAT(read->provenance,
              ElementsAre(Pair("deixis.source.sha256", "00ff"), Pair("format", "pt")));
}

TEST(ModelMetadata, PresenceIsForModelsThatLocate) {
  ModelMetadata metadata = MakeMetadata();
  metadata.task = "locate";
  metadata.tells_presence = true;
  TensorFile file;
  WriteModelMetadata(metadata, file);
  const auto read = ReadModelMetadata(file);
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_TRUE(read->tells_presence);
  for (auto& [key, value] : file.metadata) {
    if (key == "deixis.task") value = "classify";
  }
  const auto wrong = ReadModelMetadata(file);
  ASSERT_FALSE(wrong.ok());
  EXPECT_THAT(wrong.error().message, HasSubstr("metadata deixis.presence: expected logits"));
}

TEST(ModelMetadata, OwnKeysInProvenanceAreNotWrittenTwice) {
  ModelMetadata metadata = MakeMetadata();
  metadata.provenance.emplace_back("deixis.format", "9");
  TensorFile file;
  WriteModelMetadata(metadata, file);
  EXPECT_TRUE(ReadModelMetadata(file).ok());
}

// `file` with the value of `key` replaced; removed when `value` is nullptr.
TensorFile With(TensorFile file, const std::string& key, const char* value) {
  std::erase_if(file.metadata, [&](const auto& item) { return item.first == key; });
  if (value != nullptr) file.metadata.emplace_back(key, value);
  return file;
}

TEST(ModelMetadata, RefusesBadValuesInWords) {
  TensorFile good;
  WriteModelMetadata(MakeMetadata(), good);
  const auto complaint = [&](const std::string& key, const char* value) {
    const auto read = ReadModelMetadata(With(good, key, value));
    if (read.ok()) return std::string();
    EXPECT_EQ(read.error().code, ErrorCode::kInvalidData);
    EXPECT_THAT(read.error().message, HasSubstr("metadata " + key + ": "));
    return read.error().message;
  };
  EXPECT_THAT(complaint("deixis.format", "2"), HasSubstr("expected version 1, found \"2\""));
  EXPECT_THAT(complaint("deixis.format", "1 "), HasSubstr("expected version 1"));
  for (const char* key : {"deixis.format", "deixis.architecture", "deixis.task",
                          "deixis.class_names", "deixis.preprocessing"}) {
    EXPECT_THAT(complaint(key, nullptr), HasSubstr("found nothing"));
  }
  EXPECT_THAT(complaint("deixis.task", "detect"), HasSubstr("classify or locate"));
  EXPECT_THAT(complaint("deixis.class_names", "cat"), HasSubstr("JSON, byte 0"));
  EXPECT_THAT(complaint("deixis.class_names", "{}"), HasSubstr("an array of strings"));
  EXPECT_THAT(complaint("deixis.class_names", "[\"a\",1]"), HasSubstr("found \"1\""));
  EXPECT_THAT(complaint("deixis.preprocessing", "[]"), HasSubstr("height_px: expected 1 to"));
  const char* key = "deixis.activations";
  EXPECT_THAT(complaint(key, "[]"), HasSubstr("expected an object"));
  for (const char* scale : {"0", "-1", "1e-60", "1e60", "\"1\"", "null"}) {
    const std::string text = "{\"conv1\":{\"scale\":" + std::string(scale) + ",\"zero_point\":0}}";
    EXPECT_THAT(complaint(key, text.c_str()), HasSubstr("\"conv1\": scale: expected a finite"));
  }
  for (const char* zero_point : {"-1", "256", "0.5", "null"}) {
    const std::string text =
        "{\"conv1\":{\"scale\":1,\"zero_point\":" + std::string(zero_point) + "}}";
    EXPECT_THAT(complaint(key, text.c_str()), HasSubstr("zero_point: expected 0 to 255"));
  }
}

TEST(ModelMetadata, RefusesBadPreprocessingInWords) {
  TensorFile good;
  WriteModelMetadata(MakeMetadata(), good);
  const std::string text = *good.FindMetadata("deixis.preprocessing");
  const auto complaint = [&](const std::string& from, const std::string& to) {
    std::string changed = text;
    const size_t place = changed.find(from);
    EXPECT_NE(place, std::string::npos) << from;
    changed.replace(place, from.size(), to);
    const auto read = ReadModelMetadata(With(good, "deixis.preprocessing", changed.c_str()));
    return read.ok() ? std::string() : read.error().message;
  };
  EXPECT_EQ(complaint("32", "16384"), "");
  EXPECT_THAT(complaint(":32", ":16385"), HasSubstr("height_px: expected 1 to 16384"));
  EXPECT_THAT(complaint(":48", ":0"), HasSubstr("width_px"));
  EXPECT_THAT(complaint(":48", ":48.5"), HasSubstr("width_px"));
  EXPECT_THAT(complaint(":40", ":-1"), HasSubstr("shorter_side_px"));
  EXPECT_THAT(complaint("\"stretch\"", "\"pad\""), HasSubstr("resize: expected stretch or"));
  EXPECT_THAT(complaint("\"bgr\"", "3"), HasSubstr("channel_order: expected rgb or bgr"));
  EXPECT_THAT(complaint("[0.1,", "[0.1,0.2,"), HasSubstr("mean: expected three finite numbers"));
  EXPECT_THAT(complaint("[0.1,", "[1e300,"), HasSubstr("mean: expected three finite numbers"));
  EXPECT_THAT(complaint("[0.1,", "[null,"), HasSubstr("mean"));
  EXPECT_THAT(complaint("[1,0.229", "[0,0.229"),
              HasSubstr("stddev: expected three finite numbers above 0"));
  EXPECT_THAT(complaint("\"mean\"", "\"average\""), HasSubstr("mean: "));
}

// A layer of `rows` x `length` weights whose indices lean towards the middle of the codebook.
PalettizedTensor MakeLayer(int64_t rows, int64_t length, int num_centroids, int64_t group_rows) {
  Rng rng(static_cast<uint64_t>(rows * 1000 + num_centroids));
  std::vector<uint8_t> indices(static_cast<size_t>(rows * length));
  for (uint8_t& index : indices) {
    index = static_cast<uint8_t>((rng.Unit() + rng.Unit() + rng.Unit()) / 3 * num_centroids);
  }
  PalettizedTensor layer;
  layer.shape = {rows, length / 9, 3, 3};
  layer.num_centroids = num_centroids;
  layer.group_rows = group_rows;
  auto packed = PackIndices(indices, length, BitsPerIndex(num_centroids));
  const auto size = static_cast<int64_t>(packed.size());
  layer.indices = Tensor::FromVector<uint8_t>({size}, std::move(packed));
  std::vector<int8_t> codebook(static_cast<size_t>(layer.num_groups() * num_centroids));
  for (int8_t& centroid : codebook) centroid = static_cast<int8_t>(rng.Below(256));
  layer.codebook = Tensor::FromVector<int8_t>({layer.num_groups(), num_centroids}, codebook);
  layer.scale =
      Tensor::FromVector<float>({rows}, std::vector<float>(static_cast<size_t>(rows), 0.5f));
  return layer;
}

TensorFile MakeFile() {
  TensorFile file;
  file.metadata = {{"other", "kept"}};
  file.tensors.push_back({"bn.weight", Tensor::FromVector<float>({3}, {1, 2, 3})});
  AddPalettizedLayers({{"layer1.conv", MakeLayer(32, 288, 16, 4)},
                       {"layer2.conv", MakeLayer(7, 27, 3, 7)},
                       {"layer3.conv", MakeLayer(5, 9, 5, 1)}},
                      file);
  return file;
}

void ExpectSameLayers(const std::vector<PalettizedLayer>& a,
                      const std::vector<PalettizedLayer>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].name, b[i].name);
    EXPECT_EQ(a[i].tensor.shape, b[i].tensor.shape);
    EXPECT_EQ(a[i].tensor.num_centroids, b[i].tensor.num_centroids);
    EXPECT_EQ(a[i].tensor.group_rows, b[i].tensor.group_rows);
    EXPECT_TRUE(BitIdentical(a[i].tensor.indices, b[i].tensor.indices)) << a[i].name;
    EXPECT_TRUE(BitIdentical(a[i].tensor.codebook, b[i].tensor.codebook)) << a[i].name;
    EXPECT_TRUE(BitIdentical(a[i].tensor.scale, b[i].tensor.scale)) << a[i].name;
  }
}

TEST(PalettizedLayers, RoundTripThroughAFile) {
  const std::string path = ::testing::TempDir() + "/deixis_layers.safetensors";
  ASSERT_TRUE(WriteSafetensors(path, MakeFile()).ok());
  auto mapped = MappedFile::Open(path);
  ASSERT_TRUE(mapped.ok());
  auto file = ReadSafetensors(*mapped);
  ASSERT_TRUE(file.ok());
  const auto layers = TakePalettizedLayers(*file);
  ASSERT_TRUE(layers.ok()) << layers.error().message;
  ASSERT_EQ(layers->size(), 3u);
  EXPECT_EQ((*layers)[0].name, "layer1.conv");
  TensorFile original = MakeFile();
  ExpectSameLayers(*layers, *TakePalettizedLayers(original));
  ASSERT_EQ(file->tensors.size(), 1u);
  EXPECT_EQ(file->tensors[0].name, "bn.weight");
  EXPECT_THAT(file->metadata, ElementsAre(Pair("other", "kept")));
  std::filesystem::remove(path);
}

TEST(PalettizedLayers, NoneInAPlainFile) {
  TensorFile file;
  file.tensors.push_back({"a.indices", Tensor::FromVector<uint8_t>({1}, {0})});
  const auto layers = TakePalettizedLayers(file);
  ASSERT_TRUE(layers.ok());
  EXPECT_TRUE(layers->empty());
  EXPECT_EQ(file.tensors.size(), 1u);
  AddPalettizedLayers({}, file);
  EXPECT_TRUE(file.metadata.empty());
}

int64_t TotalBytes(const TensorFile& file) {
  int64_t total = 0;
  for (const NamedTensor& named : file.tensors) total += named.tensor.num_bytes();
  return total;
}

TEST(ArchiveForm, IsSmallerAndExpandsToTheSame) {
  TensorFile packed = MakeFile();
  auto archive = ToArchiveForm(packed);
  ASSERT_TRUE(archive.ok()) << archive.error().message;
  EXPECT_LT(TotalBytes(*archive), TotalBytes(packed));
  EXPECT_NE(archive->Find("layer1.conv.indices_rans"), nullptr);
  EXPECT_EQ(archive->Find("layer1.conv.indices"), nullptr);
  // Too small to gain: stays packed.
  EXPECT_NE(archive->Find("layer3.conv.indices"), nullptr);
  EXPECT_THAT(archive->metadata, Contains(Pair("other", "kept")));
  // Archiving an archive changes nothing.
  auto again = ToArchiveForm(*archive);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(TotalBytes(*again), TotalBytes(*archive));

  const auto expanded = TakePalettizedLayers(*archive);
  ASSERT_TRUE(expanded.ok()) << expanded.error().message;
  ExpectSameLayers(*expanded, *TakePalettizedLayers(packed));
  EXPECT_EQ(archive->tensors.size(), 1u);
}

TEST(ArchiveForm, OfADenseFileIsThatFile) {
  TensorFile file;
  file.tensors.push_back({"a.weight", Tensor::FromVector<uint8_t>({1}, {0})});
  const auto archive = ToArchiveForm(file);
  ASSERT_TRUE(archive.ok());
  EXPECT_EQ(archive->tensors.size(), 1u);
  EXPECT_TRUE(archive->metadata.empty());
}

std::string Complaint(TensorFile file) {
  const auto layers = TakePalettizedLayers(file);
  if (layers.ok()) return "";
  EXPECT_EQ(layers.error().code, ErrorCode::kInvalidData);
  return layers.error().message;
}

TEST(PalettizedLayers, RefusesBadDescriptionsInWords) {
  const TensorFile good = MakeFile();
  ASSERT_EQ(Complaint(good), "");
  const auto described = [&](const char* text) {
    return Complaint(With(good, "deixis.layers", text));
  };
  EXPECT_THAT(described("x"), HasSubstr("metadata deixis.layers: JSON, byte 0"));
  EXPECT_THAT(described("[]"), HasSubstr("expected an object"));
  EXPECT_THAT(described(R"({"a":1})"), HasSubstr("\"a\": expected storage palettized"));
  EXPECT_THAT(described(R"({"a":{"storage":"ternary"}})"), HasSubstr("found \"\"ternary\"\""));
  const std::string start = R"({"layer3.conv":{"storage":"palettized",)";
  const auto with = [&](const std::string& rest) {
    return described((start + rest + "}}").c_str());
  };
  EXPECT_EQ(with(R"("shape":[5,1,3,3],"centroids":5,"group_rows":1)"), "");
  EXPECT_THAT(with(R"("centroids":5)"), HasSubstr("2 or 4 extents, found nothing"));
  EXPECT_THAT(with(R"("shape":[5],"centroids":5)"), HasSubstr("2 or 4 extents"));
  EXPECT_THAT(with(R"("shape":[5,0])"), HasSubstr("extents of at least 1"));
  EXPECT_THAT(with(R"("shape":[5,1.5])"), HasSubstr("extents of at least 1"));
  EXPECT_THAT(with(R"("shape":[2147483647,2147483647])"), HasSubstr("at most 2^40 weights"));
  EXPECT_THAT(with(R"("shape":[9223372036854775807,9223372036854775807])"), HasSubstr("2^40"));
  EXPECT_THAT(with(R"("shape":[5,9],"centroids":1)"), HasSubstr("2 to 256 centroids, found \"1\""));
  EXPECT_THAT(with(R"("shape":[5,9],"centroids":257)"), HasSubstr("2 to 256 centroids"));
  EXPECT_THAT(with(R"("shape":[5,9],"centroids":4294967298)"), HasSubstr("2 to 256 centroids"));
  EXPECT_THAT(with(R"("shape":[5,9],"centroids":5,"group_rows":6)"),
              HasSubstr("group_rows of 1 to 5"));
  EXPECT_THAT(with(R"("shape":[5,9],"centroids":5)"),
              HasSubstr("group_rows of 1 to 5, found nothing"));
  // The tensors must be what the description says.
  EXPECT_THAT(with(R"("shape":[5,2,3,3],"centroids":5,"group_rows":1)"),
              HasSubstr("expected indices of shape"));
  EXPECT_THAT(with(R"("shape":[5,9],"centroids":6,"group_rows":1)"),
              HasSubstr("expected codebook of shape"));
  EXPECT_THAT(
      described(R"({"none":{"storage":"palettized","shape":[1,1],"centroids":2,"group_rows":1}})"),
      HasSubstr("tensor \"none.codebook\": expected it for the palettized layer"));
}

TEST(PalettizedLayers, RefusesADenseWeightBeside) {
  TensorFile file = MakeFile();
  file.tensors.push_back({"layer1.conv.weight", Tensor::FromVector<float>({1}, {1})});
  EXPECT_THAT(Complaint(file), HasSubstr("no dense weight beside a palettized one"));
}

TEST(PalettizedLayers, RefusesIndicesBeyondTheCodebook) {
  TensorFile file = MakeFile();
  for (NamedTensor& named : file.tensors) {
    if (named.name != "layer2.conv.indices") continue;
    named.tensor =
        Tensor::FromVector<uint8_t>(named.tensor.shape(), std::vector<uint8_t>(49, 0x03));
  }
  EXPECT_THAT(Complaint(file),
              HasSubstr("tensor \"layer2.conv\": index 3 of row 0 exceeds codebook size 3"));
}

TensorFile ReplaceStream(TensorFile file, const Tensor& stream) {
  for (NamedTensor& named : file.tensors) {
    if (named.name == "layer1.conv.indices_rans") named.tensor = stream;
  }
  return file;
}

TEST(ArchiveForm, RefusesBadStreamsInWords) {
  const TensorFile archive = *ToArchiveForm(MakeFile());
  const Tensor stream = *archive.Find("layer1.conv.indices_rans");
  const auto cut = stream.bytes().first(stream.bytes().size() - 2);
  const Tensor short_stream =
      Tensor::FromBytes(DType::kU8, {stream.num_bytes() - 2}, {cut.begin(), cut.end()});
  EXPECT_THAT(Complaint(ReplaceStream(archive, short_stream)),
              HasSubstr("tensor \"layer1.conv\": entropy-coded indices: the words end"));
  EXPECT_THAT(Complaint(ReplaceStream(archive, Tensor::FromVector<int8_t>({1}, {0}))),
              HasSubstr("expected indices_rans as U8, found I8"));
  EXPECT_THAT(
      Complaint(With(archive, "deixis.layers",
                     R"({"layer1.conv":{"storage":"palettized-rans","shape":[1048576,1024],)"
                     R"("centroids":16,"group_rows":4}})")),
      HasSubstr("at most 268435456 entropy-coded indices"));
}

}  // namespace
}  // namespace deixis
