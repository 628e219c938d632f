#include "compress/int8_weights.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/rng.h"
#include "format/palettized.h"

namespace deixis {
namespace {

TEST(Int8WeightsTest, ByHand) {
  ThreadPool pool(1);
  // A row whose integers fit exactly, a row of zeros, one that rounds.
  const std::vector<float> weights = {1.27f, -0.5f, 0, 0, 0, 0, -254, 100, 3};
  const Palettization result = QuantizeToInt8(weights, {3, 3}, {}, {}, pool);
  EXPECT_EQ(result.num_centroids, 256);
  EXPECT_EQ(result.group_rows, 3);
  EXPECT_EQ(result.centroids.front(), -128);
  EXPECT_EQ(result.centroids.back(), 127);
  EXPECT_FLOAT_EQ(result.scale[0], 0.01f);
  EXPECT_EQ(result.scale[1], 1);
  EXPECT_EQ(std::vector<uint8_t>(result.indices.begin(), result.indices.begin() + 6),
            (std::vector<uint8_t>{255, 78, 128, 128, 128, 128}));
}

TEST(Int8WeightsTest, PacksAsOneBytePerWeight) {
  ThreadPool pool(2);
  Rng rng(3);
  std::vector<float> weights(64 * 27);
  for (float& weight : weights) weight = static_cast<float>(rng.Uniform(-1, 1));
  const Palettization result = QuantizeToInt8(weights, {64, 3, 3, 3}, {}, {}, pool);
  const Result<PalettizedTensor> packed = Pack(result, DType::kI8);
  ASSERT_TRUE(packed.ok()) << packed.error().message;
  ASSERT_TRUE(Validate(*packed, "layer").ok());
  EXPECT_EQ(packed->num_bytes(), 64 * 27 + 256 + 64 * 4);
  const std::vector<float> back = Dequantize(*packed);
  for (size_t i = 0; i < weights.size(); ++i) {
    const float step = result.scale[i / 27];
    EXPECT_NEAR(back[i], weights[i], 0.501f * step);
    // The stored byte is the integer plus 128.
    EXPECT_EQ(packed->indices.As<uint8_t>()[i], std::lround(back[i] / step) + 128);
  }
}

TEST(Int8WeightsTest, AnOutlierThatDoesNotCountIsClipped) {
  ThreadPool pool(1);
  Rng rng(8);
  std::vector<float> weights(500);
  for (float& weight : weights) weight = static_cast<float>(rng.Uniform(-0.9, 0.9));
  weights[7] = 1.2f;
  std::vector<float> importance(500, 1.0f);
  const float whole = QuantizeToInt8(weights, {1, 500}, importance, {}, pool).scale[0];
  importance[7] = 0;
  const float clipped = QuantizeToInt8(weights, {1, 500}, importance, {}, pool).scale[0];
  EXPECT_NEAR(whole, 1.2 / 127, 0.03 / 127);
  EXPECT_LT(clipped, 1.0 / 127);
}

TEST(Int8WeightsTest, PrunedWeightsAreZero) {
  ThreadPool pool(1);
  const std::vector<float> weights = {5, 1, -1, 2, 2, 2};
  const std::vector<uint8_t> pruned = {1, 0, 0, 1, 1, 1};
  const std::vector<float> dense = DenseWeights(QuantizeToInt8(weights, {2, 3}, {}, pruned, pool));
  EXPECT_EQ(dense[0], 0);
  EXPECT_NEAR(dense[1], 1, 1e-6);  // the pruned 5 did not widen the steps
  EXPECT_EQ(dense[3], 0);
  EXPECT_EQ(dense[5], 0);
}

TEST(Int8WeightsTest, WeightsTooSmallForAScale) {
  ThreadPool pool(1);
  const Palettization result = QuantizeToInt8(std::vector<float>{1e-45f, 0}, {1, 2}, {}, {}, pool);
  EXPECT_EQ(result.scale[0], 1);
  EXPECT_EQ(DenseWeights(result)[0], 0);
}

}  // namespace
}  // namespace deixis
