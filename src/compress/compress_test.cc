#include "compress/compress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "compress/evaluate.h"
#include "compress/testing/small_network.h"

namespace deixis {
namespace {

using testing::ExpectSameModel;
using ::testing::HasSubstr;
using testing::LogitError;
using testing::MustCompress;
using testing::SomeModel;
using testing::SomePictures;

bool IsPalettized(const Model& model, const std::string& layer) {
  return std::holds_alternative<PalettizedTensor>(model.layers.at(layer).weight);
}

TEST(CompressTest, LayersLeftOutKeepEveryBit) {
  const Model model = SomeModel();
  const SomePictures pictures(6);
  for (const bool calibrated : {false, true}) {
    PictureSet set = pictures.Open(model);
    CompressOptions options;
    options.layers = "layer2\\..*conv1";
    options.num_centroids = 4;
    const CompressedModel result = MustCompress(model, calibrated ? &set : nullptr, options);
    EXPECT_EQ(result.layers.size(), 3u);
    for (const auto& [name, layer] : model.layers) {
      const bool chosen = name.starts_with("layer2") && name.ends_with("conv1");
      EXPECT_EQ(IsPalettized(result.model, name), chosen) << name;
      if (chosen) continue;
      const LayerParameters& after = result.model.layers.at(name);
      EXPECT_TRUE(BitIdentical(std::get<Tensor>(layer.weight), std::get<Tensor>(after.weight)));
      EXPECT_EQ(layer.bias.has_value(), after.bias.has_value());
      if (layer.bias) {
        EXPECT_TRUE(BitIdentical(*layer.bias, *after.bias));
      }
    }
    EXPECT_EQ(result.model.batch_norms.size(), model.batch_norms.size() - 3);
    for (const auto& [name, after] : result.model.batch_norms) {
      const BatchNormParameters& before = model.batch_norms.at(name);
      EXPECT_TRUE(BitIdentical(before.weight, after.weight)) << name;
      EXPECT_TRUE(BitIdentical(before.bias, after.bias)) << name;
      EXPECT_TRUE(BitIdentical(before.running_mean, after.running_mean)) << name;
      EXPECT_TRUE(BitIdentical(before.running_var, after.running_var)) << name;
    }
  }
}

TEST(CompressTest, PrunedWeightsAreZeroInTheEnd) {
  const Model model = SomeModel();
  const SomePictures pictures(6);
  for (const bool calibrated : {false, true}) {
    PictureSet set = pictures.Open(model);
    CompressOptions options;
    options.num_centroids = 4;
    options.sparsity = 0.5;
    const CompressedModel sparse = MustCompress(model, calibrated ? &set : nullptr, options);
    for (const LayerReport& layer : sparse.layers) EXPECT_GE(layer.sparsity, 0.49);
    options.sparsity = 0;
    options.prune_nearest_zero = true;
    options.num_centroids = 3;
    const CompressedModel pruned = MustCompress(model, calibrated ? &set : nullptr, options);
    for (const LayerReport& layer : pruned.layers) EXPECT_GT(layer.sparsity, 0.2);
  }
}

TEST(CompressTest, ThreadsDoNotChangeABit) {
  const Model model = SomeModel();
  const SomePictures pictures(5);
  PictureSet set = pictures.Open(model);
  CompressOptions options;
  options.num_centroids = 4;
  options.num_threads = 1;
  const CompressedModel one = MustCompress(model, &set, options);
  options.num_threads = 3;
  ExpectSameModel(one.model, MustCompress(model, &set, options).model);
}

TEST(CompressTest, PicturesBringTheOutputNearer) {
  const Model model = SomeModel();
  const SomePictures pictures(24);
  PictureSet set = pictures.Open(model);
  CompressOptions options;
  options.num_centroids = 4;
  const double plain = LogitError(model, MustCompress(model, nullptr, options).model, set);
  options.calibration.error_feedback = false;
  const double matched = LogitError(model, MustCompress(model, &set, options).model, set);
  options.calibration.error_feedback = true;
  const CompressedModel fitted = MustCompress(model, &set, options);
  EXPECT_EQ(fitted.calibration_pictures, 24);
  const double fed_back = LogitError(model, fitted.model, set);
  EXPECT_LT(matched, plain);
  EXPECT_LT(fed_back, 0.5 * matched);
}

// A flatten head of 4,096 inputs has a covariance and error feedback, one of 6,400 has neither.
TEST(CompressTest, HeadsOnEveryPixel) {
  for (const int64_t map_side : {8, 10}) {
    Architecture flatten = *FindArchitecture("resnet20-cifar");
    flatten.flattened_pixels = map_side * map_side;
    const Model model = *ModelFromTensors(testing::SyntheticFile(flatten, 6, 1));
    ASSERT_EQ(model.preprocessing.height_px, 4 * map_side);
    const SomePictures pictures(24);
    PictureSet set = pictures.Open(model);
    CompressOptions options;
    options.layers = "linear";
    options.num_centroids = 4;
    const double plain = LogitError(model, MustCompress(model, nullptr, options).model, set);
    const double calibrated = LogitError(model, MustCompress(model, &set, options).model, set);
    EXPECT_LT(calibrated, plain) << map_side;
    options.layers = "all";
    options.num_centroids = 16;
    options.activations = RangeOptions{};
    EXPECT_LT(LogitError(model, MustCompress(model, &set, options).model, set), 0.1) << map_side;
  }
}

// What is fitted is what each pixel says; what is answered is their mean.
TEST(CompressTest, SoftArgmaxHeads) {
  Architecture architecture = *FindArchitecture("resnet20-cifar");
  architecture.num_attended = 2;
  const Model model = *ModelFromTensors(testing::SyntheticFile(architecture, 6, 1));
  const SomePictures pictures(24);
  PictureSet set = pictures.Open(model);
  CompressOptions options;
  options.layers = "linear";
  options.num_centroids = 16;
  EXPECT_LT(LogitError(model, MustCompress(model, &set, options).model, set), 0.05);
  options.layers = "all";
  options.activations = RangeOptions{};
  const CompressedModel compressed = MustCompress(model, &set, options);
  EXPECT_FALSE(compressed.model.activations.contains("linear"));
  EXPECT_LT(LogitError(model, compressed.model, set), 0.2);
}

TEST(CompressTest, HeadsOnTheMeansOfSeveralMaps) {
  Architecture architecture = *FindArchitecture("resnet20-cifar");
  architecture.pooled_stages = 3;
  const Model model = *ModelFromTensors(testing::SyntheticFile(architecture, 6, 1));
  const SomePictures pictures(24);
  PictureSet set = pictures.Open(model);
  CompressOptions options;
  options.layers = "linear";
  options.num_centroids = 16;
  EXPECT_LT(LogitError(model, MustCompress(model, &set, options).model, set), 0.05);
  options.layers = "all";
  options.activations = RangeOptions{};
  const CompressedModel compressed = MustCompress(model, &set, options);
  EXPECT_TRUE(compressed.model.activations.contains("avgpool"));
  EXPECT_LT(LogitError(model, compressed.model, set), 0.2);
}

TEST(CompressTest, ManyCentroidsChangeAlmostNothing) {
  const Model model = SomeModel();
  const SomePictures pictures(8);
  PictureSet set = pictures.Open(model);
  CompressOptions options;
  options.num_centroids = 256;
  options.granularity = Granularity::kRow;
  options.codebook_dtype = DType::kF32;
  EXPECT_LT(LogitError(model, MustCompress(model, nullptr, options).model, set), 1e-4);
  // Matching is nothing where nothing has changed.
  options.calibration.error_feedback = false;
  EXPECT_LT(LogitError(model, MustCompress(model, &set, options).model, set), 1e-4);
}

TEST(CompressTest, TheReportCountsWhatIsStored) {
  const Model model = SomeModel();
  CompressOptions options;
  options.layers = "layer3.0.conv1";
  options.num_centroids = 16;
  const CompressedModel result = MustCompress(model, nullptr, options);
  ASSERT_EQ(result.layers.size(), 1u);
  // 64 x 32 x 3 x 3 float weights and four batch-norm vectors of 64.
  EXPECT_EQ(result.layers[0].bytes_before, 64 * 288 * 4 + 4 * 64 * 4);
  // 4-bit indices, 16 int8 centroids for every 4 rows, a scale and a bias for each.
  EXPECT_EQ(result.layers[0].bytes_after, 64 * 144 + 16 * 16 + 64 * 4 + 64 * 4);
}

TEST(CompressTest, SavedAndLoadedAgainItIsTheSame) {
  const Model model = SomeModel();
  const CompressedModel result = MustCompress(model, nullptr, {});
  const std::string path = ::testing::TempDir() + "/deixis-compressed.safetensors";
  ASSERT_TRUE(SaveModel(path, result.model).ok());
  Result<Model> loaded = LoadModel(path);
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  ExpectSameModel(result.model, *loaded);
  std::filesystem::remove(path);
}

TEST(CompressTest, RefusesWhatCannotBe) {
  const Model model = SomeModel();
  CompressOptions options;
  options.layers = "layer9.*";
  EXPECT_THAT(Compress(model, nullptr, options).error().remedy, HasSubstr("layer1.0.conv1"));
  options.layers = "layer(";
  EXPECT_EQ(Compress(model, nullptr, options).error().code, ErrorCode::kUsage);
  options.layers = "all";
  options.num_centroids = 257;
  EXPECT_EQ(Compress(model, nullptr, options).error().code, ErrorCode::kUsage);
  options.num_centroids = 4;
  options.sparsity = 0.5;
  options.prune_nearest_zero = true;
  EXPECT_EQ(Compress(model, nullptr, options).error().code, ErrorCode::kUsage);
}

TEST(CompressTest, ProgressRisesAndCanStopTheWork) {
  const Model model = SomeModel();
  CompressOptions options;
  double last = -1;
  int calls = 0;
  options.progress = [&](const CompressProgress& progress) {
    EXPECT_GT(progress.fraction, last);
    EXPECT_LT(progress.fraction, 1.0);
    last = progress.fraction;
    return ++calls < 5;
  };
  const Result<CompressedModel> result = Compress(model, nullptr, options);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::kInterrupted);
  EXPECT_EQ(calls, 5);
}

TEST(CompressTest, FourCentroidsOnPublishedResNet20) {
  const char* data = std::getenv("DEIXIS_DATA");
  if (data == nullptr) GTEST_SKIP() << "DEIXIS_DATA is not set";
  const std::string folder = data;
  const Result<Model> model = LoadModel(folder + "/checkpoints/akamaster/resnet20-12fca82f.th");
  ASSERT_TRUE(model.ok()) << model.error().message;
  PictureSet train(*OpenDataset(folder + "/cifar10/train"), model->preprocessing);
  PictureSet test(*OpenDataset(folder + "/cifar10/test"), model->preprocessing);
  CompressOptions options;
  options.num_centroids = 4;
  options.num_threads = ThreadPool::AvailableProcessors();
  const CompressedModel result = MustCompress(*model, &train, options);
  EvaluateOptions evaluate;
  evaluate.num_threads = options.num_threads;
  const Result<Evaluation> evaluation = Evaluate(result.model, test, evaluate);
  ASSERT_TRUE(evaluation.ok());
  EXPECT_GE(evaluation->top1(), 0.92 - 0.035);
}

}  // namespace
}  // namespace deixis
