#include "network/model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "base/rng.h"
#include "network/fold.h"
#include "network/testing/synthetic.h"

namespace deixis {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::SyntheticFile;

const Architecture& Small() { return *FindArchitecture("resnet20-cifar"); }

Model MakeModel(uint64_t seed = 1) {
  Result<Model> model = ModelFromTensors(SyntheticFile(Small(), 10, seed));
  if (!model.ok()) std::abort();
  return *std::move(model);
}

Tensor& TensorNamed(TensorFile& file, const std::string& name) {
  for (NamedTensor& named : file.tensors) {
    if (named.name == name) return named.tensor;
  }
  std::abort();
}

// A layer of K = 4 or 16 centroids per 4 rows whose indices count up; scale and bias are no round
// numbers.
LayerParameters PalettizedLayerOf(const Shape& shape, int num_centroids) {
  const int64_t rows = shape[0];
  const int64_t row_length = *NumElements(shape) / rows;
  std::vector<uint8_t> indices(static_cast<size_t>(rows * row_length));
  for (size_t i = 0; i < indices.size(); ++i) indices[i] = static_cast<uint8_t>(i % num_centroids);
  std::vector<int8_t> codebook;
  for (int64_t group = 0; group < (rows + 3) / 4; ++group) {
    for (int c = 0; c < num_centroids; ++c) {
      codebook.push_back(static_cast<int8_t>(-100 + 193 * c / (num_centroids - 1)));
    }
  }
  std::vector<float> scale, bias;
  for (int64_t o = 0; o < rows; ++o) {
    scale.push_back(0.001f * static_cast<float>(o + 1));
    bias.push_back(0.3f - 0.01f * static_cast<float>(o));
  }
  PalettizedTensor tensor;
  tensor.shape = shape;
  tensor.num_centroids = num_centroids;
  tensor.group_rows = 4;
  std::vector<uint8_t> packed = PackIndices(indices, row_length, BitsPerIndex(num_centroids));
  const auto num_packed = static_cast<int64_t>(packed.size());
  tensor.indices = Tensor::FromVector<uint8_t>({num_packed}, std::move(packed));
  const auto num_groups = static_cast<int64_t>(codebook.size()) / num_centroids;
  tensor.codebook = Tensor::FromVector<int8_t>({num_groups, num_centroids}, std::move(codebook));
  tensor.scale = Tensor::FromVector<float>({rows}, std::move(scale));
  return {.weight = std::move(tensor), .bias = Tensor::FromVector<float>({rows}, std::move(bias))};
}

void Palettize(Model& model, const std::string& name, int num_centroids = 4) {
  const Node* node = FindNode(model.graph, name);
  LayerParameters& layer = model.layers.at(name);
  layer = PalettizedLayerOf(std::get<Tensor>(layer.weight).shape(), num_centroids);
  if (const Node* next = BatchNormAfter(model.graph, *node)) model.batch_norms.erase(next->name);
}

TEST(ModelFromTensors, TakesEveryTensorOfAStateDictAsItIs) {
  const TensorFile file = SyntheticFile(Small(), 10, 1);
  const Result<Model> model = ModelFromTensors(file);
  ASSERT_TRUE(model.ok()) << model.error().message;
  EXPECT_EQ(model->architecture.name, "resnet20-cifar");
  EXPECT_EQ(model->architecture.num_outputs, 10);
  EXPECT_EQ(model->task, Task::kClassify);
  EXPECT_THAT(model->class_names, IsEmpty());
  EXPECT_EQ(model->layers.size(), 20u);
  EXPECT_EQ(model->batch_norms.size(), 19u);
  const TensorFile written = ModelToStateDict(*model);
  ASSERT_EQ(written.tensors.size(), file.tensors.size());
  for (size_t i = 0; i < file.tensors.size(); ++i) {
    EXPECT_EQ(written.tensors[i].name, file.tensors[i].name);
    EXPECT_TRUE(BitIdentical(written.tensors[i].tensor, file.tensors[i].tensor))
        << file.tensors[i].name;
  }
}

TEST(ModelFromTensors, UsualPreprocessingDependsOnTheFamily) {
  const Preprocessing cifar = MakeModel().preprocessing;
  EXPECT_EQ(cifar.height_px, 32);
  EXPECT_EQ(cifar.width_px, 32);
  EXPECT_EQ(cifar.resize, ResizePolicy::kStretch);
  const Result<Model> imagenet =
      ModelFromTensors(SyntheticFile(*FindArchitecture("resnet18"), 5, 1));
  ASSERT_TRUE(imagenet.ok());
  EXPECT_EQ(imagenet->preprocessing, Preprocessing());
  EXPECT_EQ(imagenet->preprocessing.shorter_side_px, 256);
  EXPECT_EQ(imagenet->preprocessing.height_px, 224);
}

TEST(ModelFromTensors, AFlattenHeadTellsThePicturesSize) {
  Architecture flatten = *FindArchitecture("resnet18");
  for (const int64_t map_side : {7, 4, 3}) {
    flatten.flattened_pixels = map_side * map_side;
    const Result<Model> model = ModelFromTensors(SyntheticFile(flatten, 5, 1));
    ASSERT_TRUE(model.ok()) << model.error().message;
    EXPECT_EQ(model->preprocessing.height_px, 32 * map_side);
    EXPECT_EQ(model->preprocessing.width_px, 32 * map_side);
    EXPECT_GE(model->preprocessing.shorter_side_px, 32 * map_side);
  }
  Architecture cifar = Small();
  cifar.flattened_pixels = 64;
  EXPECT_EQ(ModelFromTensors(SyntheticFile(cifar, 5, 1))->preprocessing, MakeModel().preprocessing);
  cifar.flattened_pixels = 48;
  EXPECT_THAT(ModelFromTensors(SyntheticFile(cifar, 5, 1)).error().message,
              HasSubstr("\"linear.weight\": its inputs are 64 channels of 48 pixels"));
}

TEST(ModelFile, AFlattenHeadComesBackAndFitsItsPicture) {
  Architecture flatten = Small();
  flatten.flattened_pixels = 64;
  const Model model = *ModelFromTensors(SyntheticFile(flatten, 4, 1));
  TensorFile file = ModelToTensors(model);
  const Result<Model> loaded = ModelFromTensors(file);
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  EXPECT_EQ(loaded->architecture.flattened_pixels, 64);
  EXPECT_EQ(loaded->graph.nodes.back().in_channels, 64 * 64);
  for (auto& [key, value] : file.metadata) {
    const size_t at = value.find("\"width_px\":32");
    if (key == "deixis.preprocessing" && at != std::string::npos) {
      value.replace(at, 13, "\"width_px\":48");
    }
  }
  EXPECT_THAT(ModelFromTensors(file).error().message,
              HasSubstr("\"linear.weight\": expected inputs for a map of 8x12 pixels, as pictures "
                        "of 32x48 give, found 64 pixels"));
}

// Twelve rows are three categories with presence or four without: the file says which.
TEST(ModelFile, ASoftArgmaxHeadComesBack) {
  for (const bool tells_presence : {true, false}) {
    Architecture architecture = Small();
    architecture.num_attended = tells_presence ? 3 : 4;
    const int64_t num_outputs = tells_presence ? 9 : 8;
    Model model = *ModelFromTensors(SyntheticFile(architecture, num_outputs, 1));
    model.task = Task::kLocate;
    model.tells_presence = tells_presence;
    const Result<Model> loaded = ModelFromTensors(ModelToTensors(model));
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    EXPECT_EQ(loaded->architecture.num_attended, architecture.num_attended);
    EXPECT_EQ(loaded->architecture.num_outputs, num_outputs);
    EXPECT_EQ(NumCategories(*loaded), architecture.num_attended);
    ASSERT_TRUE(loaded->layers.at("linear").bias);
    const Result<Model> plain = ModelFromTensors(ModelToStateDict(*loaded));
    ASSERT_TRUE(plain.ok()) << plain.error().message;
    EXPECT_TRUE(plain->architecture.HasSoftArgmaxHead());
  }
}

// What it rejects by has an extent for every answer, not for every row of the head.
TEST(ModelFile, ARejectionIsAboutAnswers) {
  Architecture architecture = Small();
  architecture.num_attended = 2;
  Model model = *ModelFromTensors(SyntheticFile(architecture, 4, 1));
  const Tensor square = Tensor::FromVector<float>({6, 6}, std::vector<float>(36, 1));
  const Tensor row = Tensor::FromVector<float>({6}, std::vector<float>(6, 1));
  model.rejection = Rejection{.means = square,
                              .precision = square,
                              .background_mean = row,
                              .background_precision = square,
                              .threshold = 1};
  EXPECT_THAT(ModelFromTensors(ModelToTensors(model)).error().message,
              HasSubstr("\"rejection.means\": expected shape [4, 4], found [6, 6]"));
}

// Panels are for what the runtime reads in place; a flatten head's would depend on its map.
TEST(ModelFile, AFlattenHeadsIndicesStayInRows) {
  for (const bool is_flatten : {true, false}) {
    Architecture architecture = Small();
    architecture.flattened_pixels = is_flatten ? 64 : 0;
    Model model = *ModelFromTensors(SyntheticFile(architecture, 4, 1));
    Palettize(model, "linear", 16);
    model.activations["conv1"] = {.scale = 1, .zero_point = 0};
    const Result<Model> loaded = ModelFromTensors(ModelToTensors(model));
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    EXPECT_EQ(std::get<PalettizedTensor>(loaded->layers.at("linear").weight).layout,
              is_flatten ? IndexLayout::kRows : IndexLayout::kPanels);
  }
}

TEST(ModelFromTensors, HalfPrecisionStaysHalfPrecision) {
  TensorFile file = SyntheticFile(Small(), 10, 1);
  for (NamedTensor& named : file.tensors) {
    if (!IsFloat(named.tensor.dtype())) continue;
    std::vector<std::byte> bytes;
    for (const float value : named.tensor.ToFloats()) {
      const uint16_t half = FloatToHalf(value);
      bytes.push_back(static_cast<std::byte>(half & 0xFF));
      bytes.push_back(static_cast<std::byte>(half >> 8));
    }
    named.tensor = Tensor::FromBytes(DType::kF16, named.tensor.shape(), std::move(bytes));
  }
  const Result<Model> model = ModelFromTensors(file);
  ASSERT_TRUE(model.ok()) << model.error().message;
  EXPECT_EQ(model->batch_norms.at("bn1").running_var.dtype(), DType::kF16);
  const TensorFile written = ModelToTensors(*model);
  ASSERT_EQ(written.tensors.size(), file.tensors.size());
  for (size_t i = 0; i < file.tensors.size(); ++i) {
    EXPECT_TRUE(BitIdentical(written.tensors[i].tensor, file.tensors[i].tensor));
  }
}

TEST(ModelFromTensors, RefusesValuesThatNoNetworkHas) {
  const auto message_with = [](const std::string& name, auto change) {
    TensorFile file = SyntheticFile(Small(), 10, 1);
    Tensor& tensor = TensorNamed(file, name);
    std::vector<float> values = tensor.ToFloats();
    change(values);
    tensor = Tensor::FromVector<float>(tensor.shape(), std::move(values));
    const Result<Model> model = ModelFromTensors(file);
    return model.ok() ? "accepted" : model.error().message;
  };
  EXPECT_THAT(message_with("layer2.0.conv1.weight", [](auto& v) { v[7] = std::nanf(""); }),
              HasSubstr("\"layer2.0.conv1.weight\": expected finite values"));
  EXPECT_THAT(
      message_with("linear.bias", [](auto& v) { v[9] = -std::numeric_limits<float>::infinity(); }),
      HasSubstr("at element 9"));
  EXPECT_THAT(message_with("bn1.running_var", [](auto& v) { v[3] = -0.25f; }),
              HasSubstr("expected variances of at least 0, found -0.25"));
  EXPECT_EQ(message_with("bn1.running_var", [](auto& v) { v[3] = 0.0f; }), "accepted");
  EXPECT_EQ(message_with("bn1.running_mean", [](auto& v) { v[3] = 3e38f; }), "accepted");
}

TEST(ModelFromTensors, RefusesIntegersInPlaceOfWeights) {
  TensorFile file = SyntheticFile(Small(), 10, 1);
  Tensor& tensor = TensorNamed(file, "conv1.weight");
  tensor = Tensor::FromVector<int8_t>(tensor.shape(), std::vector<int8_t>(16 * 27, 1));
  const Result<Model> model = ModelFromTensors(file);
  ASSERT_FALSE(model.ok());
  EXPECT_EQ(model.error().code, ErrorCode::kInvalidData);
  EXPECT_THAT(model.error().message, HasSubstr("found int8"));
}

TEST(ModelFromTensors, RefusesDoublesBeyondFloat) {
  TensorFile file = SyntheticFile(Small(), 10, 1);
  TensorNamed(file, "linear.bias") =
      Tensor::FromVector<double>({10}, {0, 1, 2, 1e300, 4, 5, 6, 7, 8, 9});
  const Result<Model> model = ModelFromTensors(file);
  ASSERT_FALSE(model.ok());
  EXPECT_THAT(model.error().message, HasSubstr("element 3"));
}

TEST(ModelFile, DenseModelComesBackWhole) {
  Model model = MakeModel();
  model.class_names = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "Straße, \"x\""};
  model.preprocessing.channel_order = ChannelOrder::kBgr;
  model.preprocessing.mean = {0.1f, 0.2f, 0.3f};
  model.provenance = {{"deixis.source.sha256", std::string(64, 'a')}, {"note", "mine"}};
  const std::string path = ::testing::TempDir() + "/dense.safetensors";
  ASSERT_TRUE(SaveModel(path, model).ok());
  const Result<Model> loaded = LoadModel(path);
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  EXPECT_EQ(loaded->architecture.name, model.architecture.name);
  EXPECT_EQ(loaded->class_names, model.class_names);
  EXPECT_EQ(loaded->preprocessing, model.preprocessing);
  EXPECT_EQ(loaded->provenance, model.provenance);
  const TensorFile before = ModelToTensors(model);
  const TensorFile after = ModelToTensors(*loaded);
  ASSERT_EQ(before.tensors.size(), after.tensors.size());
  for (size_t i = 0; i < before.tensors.size(); ++i) {
    EXPECT_EQ(before.tensors[i].name, after.tensors[i].name);
    EXPECT_TRUE(BitIdentical(before.tensors[i].tensor, after.tensors[i].tensor));
  }
  std::filesystem::remove(path);
}

TEST(ModelFile, PalettizedLayersComeBackAndTheOthersAreUntouched) {
  Model model = MakeModel();
  Palettize(model, "layer1.0.conv1");
  Palettize(model, "linear");
  const std::string path = ::testing::TempDir() + "/palettized.safetensors";
  ASSERT_TRUE(SaveModel(path, model).ok());
  const Result<Model> loaded = LoadModel(path);
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  EXPECT_FALSE(loaded->batch_norms.contains("layer1.0.bn1"));
  EXPECT_TRUE(loaded->batch_norms.contains("layer1.0.bn2"));
  for (const auto& [name, layer] : model.layers) {
    const LayerParameters& other = loaded->layers.at(name);
    ASSERT_EQ(layer.weight.index(), other.weight.index()) << name;
    EXPECT_EQ(DenseWeights(layer), DenseWeights(other)) << name;
    EXPECT_EQ(layer.bias.has_value(), other.bias.has_value());
    if (const auto* tensor = std::get_if<Tensor>(&layer.weight)) {
      EXPECT_TRUE(BitIdentical(*tensor, std::get<Tensor>(other.weight)));
    }
    if (layer.bias) {
      EXPECT_TRUE(BitIdentical(*layer.bias, *other.bias));
    }
  }
  std::filesystem::remove(path);
}

TEST(ModelFile, RefusesTensorsWithoutAPlace) {
  Model model = MakeModel();
  Palettize(model, "layer1.0.conv1");
  const auto message_after = [&](auto change) {
    TensorFile file = ModelToTensors(model);
    change(file);
    const Result<Model> loaded = ModelFromTensors(file);
    return loaded.ok() ? "accepted" : loaded.error().message;
  };
  const Tensor ones = Tensor::FromVector<float>({16}, std::vector<float>(16, 1.0f));
  EXPECT_EQ(message_after([](TensorFile&) {}), "accepted");
  EXPECT_THAT(message_after([&](TensorFile& file) {
                file.tensors.push_back({"layer1.0.bn1.weight", ones});
              }),
              HasSubstr("\"layer1.0.bn1.weight\" has no place in a resnet20-cifar"));
  EXPECT_THAT(message_after([](TensorFile& file) {
                std::erase_if(file.tensors, [](const NamedTensor& named) {
                  return named.name == "layer1.0.conv1.bias";
                });
              }),
              HasSubstr("\"layer1.0.conv1.bias\" is missing"));
  EXPECT_THAT(message_after([](TensorFile& file) {
                for (auto& [key, value] : file.metadata) {
                  if (key == "deixis.architecture") value = "resnet32-cifar";
                }
              }),
              HasSubstr("missing"));
  EXPECT_THAT(message_after([](TensorFile& file) {
                for (auto& [key, value] : file.metadata) {
                  if (key == "deixis.architecture") value = "vgg16";
                }
              }),
              HasSubstr("\"vgg16\" is not a known network"));
  EXPECT_THAT(message_after([](TensorFile& file) {
                for (auto& [key, value] : file.metadata) {
                  if (key == "deixis.class_names") value = "[\"only\",\"two\"]";
                }
              }),
              HasSubstr("expected 10 class names"));
}

// A tensor of the same name with something wrong about it, or as it was.
Tensor Damaged(const Tensor& tensor, Rng& rng) {
  Shape shape = tensor.shape();
  switch (rng.Below(5)) {
    case 0:
      return Tensor::FromVector<float>({}, {1.0f});
    case 1:
      return Tensor::FromVector<float>({0, 3}, {});
    case 2:
      shape.push_back(1);
      return Tensor::FromBytes(tensor.dtype(), shape,
                               {tensor.bytes().begin(), tensor.bytes().end()});
    case 3: {
      std::vector<std::byte> bytes(tensor.bytes().begin(), tensor.bytes().end());
      if (!bytes.empty())
        bytes[rng.Below(bytes.size())] ^= static_cast<std::byte>(1 + rng.Below(255));
      return Tensor::FromBytes(tensor.dtype(), shape, std::move(bytes));
    }
    default: {
      const auto count = static_cast<size_t>(tensor.num_elements());
      return Tensor::FromVector<int32_t>(shape, std::vector<int32_t>(count, 1));
    }
  }
}

// Whatever is done to a model's tensors and metadata, it is refused with words or can be folded.
TEST(ModelFile, DamageIsRefusedOrHarmless) {
  Model model = MakeModel();
  model.class_names.assign(10, "thing");
  for (const char* name : {"conv1", "layer2.0.conv1", "linear"}) Palettize(model, name);
  const TensorFile whole = ModelToTensors(model);
  Rng rng(11);
  int num_refused = 0;
  for (int trial = 0; trial < 400; ++trial) {
    TensorFile file = whole;
    const size_t victim = rng.Below(file.tensors.size());
    switch (rng.Below(4)) {
      case 0:
        file.tensors.erase(file.tensors.begin() + static_cast<std::ptrdiff_t>(victim));
        break;
      case 1:
        file.tensors[victim].tensor = Damaged(file.tensors[victim].tensor, rng);
        break;
      case 2:
        file.tensors[victim].name += ".x";
        break;
      default: {
        std::string& value = file.metadata[rng.Below(file.metadata.size())].second;
        if (!value.empty()) value[rng.Below(value.size())] = static_cast<char>(rng.Below(128));
      }
    }
    const Result<Model> loaded = ModelFromTensors(file);
    if (!loaded.ok()) {
      ++num_refused;
      EXPECT_EQ(loaded.error().code, ErrorCode::kInvalidData);
      EXPECT_FALSE(loaded.error().message.empty());
      continue;
    }
    const auto folded = FoldModel(*loaded);
    if (folded.ok()) {
      EXPECT_EQ(folded->size(), 20u);
    }
  }
  EXPECT_GT(num_refused, 200);
}

TEST(ModelToStateDict, FoldedBatchNormBecomesOneThatOnlyAddsTheBias) {
  Model model = MakeModel();
  Palettize(model, "layer1.0.conv1");
  const TensorFile file = ModelToStateDict(model);
  const Result<Model> plain = ModelFromTensors(file);
  ASSERT_TRUE(plain.ok()) << plain.error().message;
  const LayerParameters& layer = plain->layers.at("layer1.0.conv1");
  EXPECT_EQ(DenseWeights(layer), DenseWeights(model.layers.at("layer1.0.conv1")));
  const BatchNormParameters& batch_norm = plain->batch_norms.at("layer1.0.bn1");
  for (size_t c = 0; c < 16; ++c) {
    const float variance = batch_norm.running_var.ToFloats()[c];
    EXPECT_EQ(variance + kBatchNormEpsilon, 1.0f);
    EXPECT_EQ(batch_norm.weight.ToFloats()[c], 1.0f);
    EXPECT_EQ(batch_norm.running_mean.ToFloats()[c], 0.0f);
  }
  EXPECT_TRUE(BitIdentical(batch_norm.bias, *model.layers.at("layer1.0.conv1").bias));
  // Strict loaders want every name, num_batches_tracked too.
  EXPECT_EQ(file.tensors.size(), ParametersOf(model.graph).size());
}

TEST(LoadModel, NamesTheFile) {
  const Result<Model> missing = LoadModel("/nonexistent/model.pth");
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(missing.error().message, HasSubstr("/nonexistent/model.pth"));
}

}  // namespace
}  // namespace deixis
