#include "network/fold.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/testing/compare.h"
#include "network/testing/interpreter.h"
#include "network/testing/synthetic.h"

namespace deixis {
namespace {

using ::testing::HasSubstr;
using testing::Interpreter;

Tensor Floats(std::vector<float> values) {
  const auto count = static_cast<int64_t>(values.size());
  return Tensor::FromVector<float>({count}, std::move(values));
}

Model MakeModel(uint64_t seed) {
  Result<Model> model =
      ModelFromTensors(testing::SyntheticFile(*FindArchitecture("resnet20-cifar"), 10, seed));
  if (!model.ok()) std::abort();
  return *std::move(model);
}

TEST(FoldLayer, HandComputedBatchNorm) {
  Model model = MakeModel(1);
  // Variances that give, with epsilon, roots of 2 and 1/2.
  BatchNormParameters batch_norm;
  batch_norm.weight = Floats(std::vector<float>(16, 3.0f));
  batch_norm.bias = Floats(std::vector<float>(16, -1.0f));
  batch_norm.running_mean = Floats(std::vector<float>(16, 0.5f));
  std::vector<float> variance(16, 4.0f - kBatchNormEpsilon);
  variance[7] = 0.25f - kBatchNormEpsilon;
  batch_norm.running_var = Floats(variance);
  model.batch_norms.at("bn1") = batch_norm;
  const Result<FoldedLayer> folded = FoldLayer(model, "conv1");
  ASSERT_TRUE(folded.ok());
  EXPECT_TRUE(folded->has_batch_norm);
  EXPECT_FLOAT_EQ(folded->scale[0], 1.5f);   // 3 / 2
  EXPECT_FLOAT_EQ(folded->bias[0], -1.75f);  // -1 - 0.5 * 1.5
  EXPECT_FLOAT_EQ(folded->scale[7], 6.0f);   // 3 / 0.5
  EXPECT_FLOAT_EQ(folded->bias[7], -4.0f);   // -1 - 0.5 * 6
  const std::vector<float> raw = folded->RawWeights();
  const std::vector<float> scaled = folded->ScaledWeights();
  ASSERT_EQ(raw.size(), 16u * 27u);
  EXPECT_EQ(scaled[7 * 27 + 4], static_cast<float>(double{raw[7 * 27 + 4]} * folded->scale[7]));
}

TEST(FoldLayer, HeadHasItsBiasAndNoScale) {
  const Model model = MakeModel(1);
  const Result<FoldedLayer> folded = FoldLayer(model, "linear");
  ASSERT_TRUE(folded.ok());
  EXPECT_FALSE(folded->has_batch_norm);
  EXPECT_EQ(folded->scale, std::vector<float>(10, 1.0f));
  EXPECT_EQ(folded->bias, model.layers.at("linear").bias->ToFloats());
}

TEST(FoldLayer, PalettizedScaleIsOutsideOfTheCentroids) {
  Model model = MakeModel(1);
  PalettizedTensor weight;
  weight.shape = {10, 64};
  weight.num_centroids = 2;
  weight.group_rows = 4;
  std::vector<uint8_t> indices(640);
  for (size_t i = 0; i < indices.size(); ++i) indices[i] = i % 3 == 0;
  std::vector<uint8_t> packed = PackIndices(indices, 64, 1);
  const auto num_packed = static_cast<int64_t>(packed.size());
  weight.indices = Tensor::FromVector<uint8_t>({num_packed}, std::move(packed));
  weight.codebook = Tensor::FromVector<int8_t>({3, 2}, {-5, 7, -50, 70, -120, 127});
  std::vector<float> scale(10);
  for (size_t o = 0; o < 10; ++o) scale[o] = 0.01f * static_cast<float>(o + 1);
  weight.scale = Floats(scale);
  ASSERT_TRUE(Validate(weight, "linear").ok());
  model.layers.at("linear").weight = weight;
  const Result<FoldedLayer> folded = FoldLayer(model, "linear");
  ASSERT_TRUE(folded.ok());
  EXPECT_EQ(folded->scale, scale);
  const std::vector<float> raw = folded->RawWeights();
  EXPECT_EQ(raw[0], 7.0f);
  EXPECT_EQ(raw[1], -5.0f);
  EXPECT_EQ(raw[4 * 64], -50.0f);  // 256 % 3 == 1
  EXPECT_EQ(raw[9 * 64], 127.0f);  // 576 % 3 == 0
  EXPECT_EQ(folded->ScaledWeights(), DenseWeights(model.layers.at("linear")));
}

TEST(FoldLayer, RefusesWhatLeavesFloatsRange) {
  Model model = MakeModel(1);
  model.batch_norms.at("bn1").weight = Floats(std::vector<float>(16, 3e38f));
  const Result<FoldedLayer> folded = FoldLayer(model, "conv1");
  ASSERT_FALSE(folded.ok());
  EXPECT_EQ(folded.error().code, ErrorCode::kInvalidData);
  EXPECT_THAT(folded.error().message, HasSubstr("layer \"conv1\""));
  EXPECT_FALSE(FoldLayer(model, "conv9").ok());
}

// A network whose convolutions carry their batch norms computes what the original does: within the
// rounding of scales, biases and products to float32.
TEST(FoldModel, ComputesWhatTheUnfoldedNetworkDoes) {
  const Model model = MakeModel(7);
  const Result<std::vector<FoldedLayer>> folded = FoldModel(model);
  ASSERT_TRUE(folded.ok());
  EXPECT_EQ(folded->size(), 20u);
  Model replaced = model;
  replaced.batch_norms.clear();
  for (const FoldedLayer& layer : *folded) {
    replaced.layers.at(layer.name) = {
        .weight = Tensor::FromVector<float>(std::get<Tensor>(layer.weight).shape(),
                                            layer.ScaledWeights()),
        .bias = Floats(layer.bias)};
  }
  const std::vector<float> input = testing::SyntheticInput(32, 32, 8);
  const auto expected = Interpreter(model, /*tracks_errors=*/true).Run(input, 32, 32).back();
  const auto actual = Interpreter(replaced, /*tracks_errors=*/false).Run(input, 32, 32).back();
  const auto wrong = testing::FirstOutOfBound<double, double>(actual.value, expected.value,
                                                              Interpreter::BoundOf(expected));
  EXPECT_FALSE(wrong) << wrong.value_or("");
}

}  // namespace
}  // namespace deixis
