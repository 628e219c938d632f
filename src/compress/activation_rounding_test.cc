#include "compress/activation_rounding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <set>

#include "compress/compress.h"
#include "compress/testing/small_network.h"
#include "runtime/executor.h"
#include "runtime/plan.h"

namespace deixis {
namespace {

using ::testing::ElementsAre;
using testing::ExpectSameModel;
using ::testing::HasSubstr;
using testing::LogitError;
using testing::MustCompress;
using testing::SomeModel;
using testing::SomePictures;

// What the executor will ask for: the values that its steps make anew.
std::set<std::string> NamesOfPlan(const Graph& graph, int64_t side) {
  const Result<Plan> plan = MakePlan(graph, side, side, Precision::kU8);
  EXPECT_TRUE(plan.ok());
  std::set<std::string> names;
  for (size_t i = 0; i + 1 < plan->steps.size(); ++i) {  // the last one gives the answer
    const PlanStep& step = plan->steps[i];
    if (!step.value_name.empty()) names.insert(step.value_name);
  }
  return names;
}

TEST(ActivationRoundingTest, EveryValueOfThePlanHasItsSegment) {
  for (const Architecture& known : KnownArchitectures()) {
    Architecture architecture = known;
    architecture.num_outputs = 10;
    const Graph graph = BuildGraph(architecture);
    std::set<std::string> names;
    for (const Segment& segment : PlanSegments(graph)) {
      const std::string name = ActivationName(graph, segment);
      if (!name.empty()) {
        EXPECT_TRUE(names.insert(name).second) << name;
      }
    }
    EXPECT_EQ(names, NamesOfPlan(graph, architecture.stem == StemKind::kCifar ? 32 : 224))
        << architecture.name;
    EXPECT_TRUE(names.contains("avgpool"));
    EXPECT_FALSE(names.contains(architecture.head_name));
  }
}

TEST(ActivationRoundingTest, ChoosesReportsAndRounds) {
  ThreadPool pool(2);
  ActivationRounding rounding({.method = RangeMethod::kMinMax}, pool);
  std::vector<float> values = {0, 0.011f, 5.1f};
  ASSERT_TRUE(rounding.Apply("conv1", values).ok());
  EXPECT_THAT(values, ElementsAre(0, ::testing::FloatEq(0.02f), ::testing::FloatEq(5.1f)));
  ASSERT_EQ(rounding.reports().size(), 1u);
  const ActivationReport& report = rounding.reports()[0];
  EXPECT_EQ(report.name, "conv1");
  EXPECT_FLOAT_EQ(report.quantization.scale, 0.02f);
  EXPECT_EQ(report.min, 0);
  EXPECT_EQ(report.max, 5.1f);
  EXPECT_EQ(report.clipped_fraction, 0);
  EXPECT_EQ(rounding.quantizations().at("conv1"), report.quantization);
}

TEST(ActivationRoundingTest, WhatIsNotFiniteIsRefusedByName) {
  ThreadPool pool(1);
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
    ActivationRounding rounding({}, pool);
    std::vector<float> values = {1, bad, 2};
    const Status status = rounding.Apply("layer1.0.conv2", values);
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, ErrorCode::kInvalidData);
    EXPECT_THAT(status.error().message, HasSubstr("\"layer1.0.conv2\": 1 of 3 values"));
    EXPECT_THAT(status.error().remedy, HasSubstr("deixis eval"));
  }
}

CompressOptions EightBits(WeightForm form = WeightForm::kCodebook) {
  CompressOptions options;
  options.form = form;
  options.activations = RangeOptions{};
  return options;
}

TEST(CompressActivationsTest, EveryValueGetsAScaleThatTheFileKeeps) {
  const Model model = SomeModel();
  const SomePictures pictures(8);
  for (const WeightForm form : {WeightForm::kCodebook, WeightForm::kInt8}) {
    PictureSet set = pictures.Open(model);
    const CompressedModel result = MustCompress(model, &set, EightBits(form));
    EXPECT_EQ(result.activations.size(), 20u);  // 19 convolutions and the average
    std::set<std::string> names;
    for (const auto& [name, quantization] : result.model.activations) {
      names.insert(name);
      EXPECT_GT(quantization.scale, 0);
      EXPECT_EQ(quantization.zero_point, 0) << name;  // all follow a ReLU
    }
    EXPECT_EQ(names, NamesOfPlan(model.graph, 32));
    for (const ActivationReport& report : result.activations) {
      EXPECT_GT(report.sqnr_db, 25) << report.name;
      EXPECT_LT(report.clipped_fraction, 0.01) << report.name;
      EXPECT_GE(255.5 * report.quantization.scale, 0.3 * report.max) << report.name;
    }
    const Result<Model> loaded = ModelFromTensors(ModelToTensors(result.model));
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    EXPECT_EQ(loaded->activations, result.model.activations);
    // The executor takes the model as it is: in integers, and near the original.
    const Result<Executor> executor = Executor::Create(*loaded);
    ASSERT_TRUE(executor.ok()) << executor.error().message;
    EXPECT_EQ(executor->precision(), Precision::kU8);
    EXPECT_LT(LogitError(model, result.model, set), 0.02);
  }
}

TEST(CompressActivationsTest, ValuesOfBothSignsGetAZeroPoint) {
  Result<Model> model =
      ModelFromTensors(testing::SyntheticFile(*FindArchitecture("resnet20-cifar-b"), 10, 1));
  ASSERT_TRUE(model.ok());
  const SomePictures pictures(6);
  PictureSet set = pictures.Open(*model);
  const CompressedModel result = MustCompress(*model, &set, EightBits(WeightForm::kInt8));
  int num_signed = 0;
  for (const ActivationReport& report : result.activations) {
    EXPECT_EQ(report.min<0, report.quantization.zero_point> 0) << report.name;
    num_signed += report.min < 0 ? 1 : 0;
  }
  EXPECT_EQ(num_signed, 2);  // the projections of the two later stages
  EXPECT_LT(LogitError(*model, result.model, set), 0.01);
}

TEST(CompressActivationsTest, ThreadsDoNotChangeABit) {
  const Model model = SomeModel();
  const SomePictures pictures(5);
  PictureSet set = pictures.Open(model);
  CompressOptions options = EightBits();
  const CompressedModel one = MustCompress(model, &set, options);
  options.num_threads = 3;
  const CompressedModel three = MustCompress(model, &set, options);
  ExpectSameModel(one.model, three.model);
  EXPECT_EQ(one.model.activations, three.model.activations);
}

TEST(CompressActivationsTest, Int8WeightsAreAPaletteOfIntegers) {
  const Model model = SomeModel();
  const SomePictures pictures(8);
  for (const bool calibrated : {false, true}) {
    PictureSet set = pictures.Open(model);
    CompressOptions options;
    options.form = WeightForm::kInt8;
    const CompressedModel result = MustCompress(model, calibrated ? &set : nullptr, options);
    EXPECT_TRUE(result.model.activations.empty());
    for (const auto& [name, layer] : result.model.layers) {
      const auto& weight = std::get<PalettizedTensor>(layer.weight);
      EXPECT_EQ(weight.num_centroids, 256);
      EXPECT_EQ(weight.group_rows, weight.num_rows());
      const auto codebook = weight.codebook.As<int8_t>();
      for (int c = 0; c < 256; ++c) EXPECT_EQ(codebook[c], c - 128);
    }
    for (const LayerReport& report : result.layers) EXPECT_GT(report.weight_snr_db, 35);
    EXPECT_LT(LogitError(model, result.model, set), 1e-3);
  }
}

TEST(CompressActivationsTest, CompressedAgainItForgetsTheScales) {
  Model model = SomeModel();
  model.activations["conv1"] = {.scale = 3, .zero_point = 0};
  EXPECT_TRUE(MustCompress(model, nullptr, {}).model.activations.empty());
}

TEST(CompressActivationsTest, RefusesWhatCannotBe) {
  const Model model = SomeModel();
  const Result<CompressedModel> without_pictures = Compress(model, nullptr, EightBits());
  ASSERT_FALSE(without_pictures.ok());
  EXPECT_EQ(without_pictures.error().code, ErrorCode::kUsage);
  EXPECT_THAT(without_pictures.error().message, HasSubstr("need pictures"));
  CompressOptions options = EightBits();
  options.codebook_dtype = DType::kF16;
  EXPECT_EQ(options.Validate().error().code, ErrorCode::kUsage);
  options = EightBits();
  options.activations->percentile = 0;
  EXPECT_EQ(options.Validate().error().code, ErrorCode::kUsage);
  options = EightBits(WeightForm::kInt8);
  options.prune_nearest_zero = true;
  EXPECT_EQ(options.Validate().error().code, ErrorCode::kUsage);
}

}  // namespace
}  // namespace deixis
