#include "runtime/executor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "base/testing/compare.h"
#include "kernels/elementwise_f32/elementwise_f32.h"
#include "kernels/targets.h"
#include "runtime/testing/allocation_count.h"
#include "runtime/testing/error_analysis.h"
#include "runtime/testing/tiny_model.h"

namespace deixis {
namespace {

using testing::ErrorAnalysis;
using testing::FirstBitDifference;
using testing::FirstOutOfBound;
using testing::GoldenNetwork;
using testing::kGoldenNetworks;
using testing::LoadGoldenNetwork;

std::vector<float> Normalized(const GoldenNetwork& golden) {
  const Preprocessing& preprocessing = golden.model.preprocessing;
  NhwcBuffer<float> buffer(
      {.height = preprocessing.height_px, .width = preprocessing.width_px, .channels = 3});
  NormalizeU8ToF32(NormalizeParams::From(preprocessing), golden.pixels.data(), buffer.view());
  const float* data = buffer.view().data;
  return {data, data + buffer.view().num_elements()};
}

Executor MakeExecutor(const Model& model, int num_threads = 1) {
  auto executor = Executor::Create(model, {.num_threads = num_threads});
  EXPECT_TRUE(executor.ok()) << executor.error().message;
  return std::move(*executor);
}

TEST(Executor, AgreesWithPyTorchOnEveryTarget) {
  for (const std::string name : kGoldenNetworks) {
    const GoldenNetwork golden = LoadGoldenNetwork(name);
    const std::vector<double> bound = ErrorAnalysis(golden.model).Bounds(Normalized(golden));
    for (const KernelTarget& target : SupportedKernelTargets()) {
      const ScopedKernelTarget forced(target);
      Executor executor = MakeExecutor(golden.model);
      const auto mismatch =
          FirstOutOfBound<float, double>(executor.Run(golden.pixels), golden.logits, bound);
      EXPECT_FALSE(mismatch) << name << " on " << target.name << ": " << *mismatch;
    }
  }
}

TEST(Executor, TheBoundIsOfUse) {
  // A bound that everything meets would show nothing: one weight that is 5 % off must leave it.
  for (const std::string name : kGoldenNetworks) {
    GoldenNetwork golden = LoadGoldenNetwork(name);
    const std::vector<double> bound = ErrorAnalysis(golden.model).Bounds(Normalized(golden));
    LayerParameters& layer = golden.model.layers.at("layer1.0.conv1");
    std::vector<float> weights = std::get<Tensor>(layer.weight).ToFloats();
    *std::max_element(weights.begin(), weights.end()) *= 1.05f;
    layer.weight = Tensor::FromVector(std::get<Tensor>(layer.weight).shape(), weights);
    Executor executor = MakeExecutor(golden.model);
    EXPECT_TRUE((FirstOutOfBound<float, double>(executor.Run(golden.pixels), golden.logits, bound)))
        << name;
  }
}

TEST(Executor, RunAndRunNormalizedAreTheSame) {
  const GoldenNetwork golden = LoadGoldenNetwork("basic");
  Executor executor = MakeExecutor(golden.model);
  const std::span<const float> first = executor.Run(golden.pixels);
  const std::vector<float> from_pixels(first.begin(), first.end());
  const auto difference =
      FirstBitDifference<float>(executor.RunNormalized(Normalized(golden)), from_pixels);
  EXPECT_FALSE(difference) << *difference;
}

TEST(Executor, ChannelOrderOfTheModelIsKept) {
  GoldenNetwork golden = LoadGoldenNetwork("cifar");
  Executor rgb = MakeExecutor(golden.model);
  const std::span<const float> run = rgb.Run(golden.pixels);
  const std::vector<float> expected(run.begin(), run.end());
  // The same network trained on BGR: statistics in its order, first-layer weights as well.
  Preprocessing& preprocessing = golden.model.preprocessing;
  preprocessing.channel_order = ChannelOrder::kBgr;
  std::swap(preprocessing.mean[0], preprocessing.mean[2]);
  std::swap(preprocessing.stddev[0], preprocessing.stddev[2]);
  LayerParameters& layer = golden.model.layers.at("conv1");
  std::vector<float> weights = std::get<Tensor>(layer.weight).ToFloats();
  for (size_t o = 0; o < 4; ++o) {
    for (size_t i = 0; i < 9; ++i) std::swap(weights[o * 27 + i], weights[o * 27 + 18 + i]);
  }
  layer.weight = Tensor::FromVector({4, 3, 3, 3}, weights);
  Executor bgr = MakeExecutor(golden.model);
  const std::span<const float> actual = bgr.Run(golden.pixels);
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(actual[i], expected[i], 1e-4);
}

TEST(Executor, RepeatsAndThreadsDoNotChangeABit) {
  for (const std::string name : kGoldenNetworks) {
    const GoldenNetwork golden = LoadGoldenNetwork(name);
    Executor one = MakeExecutor(golden.model);
    const std::span<const float> run = one.Run(golden.pixels);
    const std::vector<float> expected(run.begin(), run.end());
    // What another picture leaves in the arena must not show.
    one.Run(std::vector<uint8_t>(golden.pixels.size(), 255));
    EXPECT_FALSE(FirstBitDifference<float>(one.Run(golden.pixels), expected));
    for (const int num_threads : {2, 3, 8}) {
      Executor many = MakeExecutor(golden.model, num_threads);
      const auto difference = FirstBitDifference<float>(many.Run(golden.pixels), expected);
      EXPECT_FALSE(difference) << name << ", " << num_threads << " threads: " << *difference;
    }
  }
}

TEST(Executor, RunAllocatesNothing) {
  if (!testing::kCountsAllocations) GTEST_SKIP() << "this build cannot count allocations";
  const int64_t at_first = testing::NumAllocations();
  ::operator delete(::operator new(1));
  ASSERT_EQ(testing::NumAllocations() - at_first, 1) << "the counter does not count";
  for (const std::string name : kGoldenNetworks) {
    const GoldenNetwork golden = LoadGoldenNetwork(name);
    const std::vector<float> normalized = Normalized(golden);
    Executor executor = MakeExecutor(golden.model, 2);
    const int64_t before = testing::NumAllocations();
    executor.Run(golden.pixels);
    executor.RunNormalized(normalized);
    EXPECT_EQ(testing::NumAllocations() - before, 0) << name;
  }
}

TEST(Executor, ProfileNamesEveryStepWithWhatIsFused) {
  const GoldenNetwork golden = LoadGoldenNetwork("cifar");
  Executor executor = MakeExecutor(golden.model);
  const std::vector<StepTiming> timings = executor.Profile(golden.pixels, 3);
  std::vector<std::string> names;
  int64_t macs = 0;
  for (const StepTiming& timing : timings) {
    names.push_back(timing.name);
    macs += timing.macs;
    EXPECT_GE(timing.median_ms, 0);
  }
  EXPECT_EQ(names, (std::vector<std::string>{
                       "input", "conv1+relu", "layer1.0.conv1+relu", "layer1.0.conv2+add+relu",
                       "layer1.1.conv1+relu", "layer1.1.conv2+add+relu", "layer2.0.shortcut",
                       "layer2.0.conv1+relu", "layer2.0.conv2+add+relu", "layer3.0.shortcut",
                       "layer3.0.conv1+relu", "layer3.0.conv2+add+relu", "layer3.1.conv1+relu",
                       "layer3.1.conv2+add+relu", "avgpool", "fc"}));
  // 17x16 pixels, then 9x8, then 5x4.
  EXPECT_EQ(macs, 272 * 9 * (3 * 4 + 4 * 16) + 72 * 9 * (4 * 8 + 8 * 8) +
                      20 * 9 * (8 * 16 + 3 * 16 * 16) + 160);
}

// A layer as compression leaves it: indices, codebooks per four rows, scales, the batch norm
// folded.
PalettizedTensor Palettize(const Shape& shape, int num_centroids, uint64_t seed) {
  Rng rng(seed);
  const int64_t rows = shape[0];
  const int64_t row_length = *NumElements(shape) / rows;
  std::vector<uint8_t> indices(static_cast<size_t>(rows * row_length));
  for (uint8_t& index : indices) index = static_cast<uint8_t>(rng.Below(num_centroids));
  const int64_t num_groups = (rows + 3) / 4;
  std::vector<int8_t> codebook(static_cast<size_t>(num_groups * num_centroids));
  for (int8_t& centroid : codebook)
    centroid = static_cast<int8_t>(static_cast<int>(rng.Below(255)) - 127);
  std::vector<float> scale(static_cast<size_t>(rows));
  for (float& value : scale) value = static_cast<float>(rng.Uniform(0.0005, 0.001));
  const std::vector<uint8_t> packed = PackIndices(indices, row_length, BitsPerIndex(num_centroids));
  return {.shape = shape,
          .num_centroids = num_centroids,
          .group_rows = 4,
          .indices = Tensor::FromVector({static_cast<int64_t>(packed.size())}, packed),
          .codebook = Tensor::FromVector({num_groups, num_centroids}, codebook),
          .scale = Tensor::FromVector({rows}, scale)};
}

TEST(Executor, PalettizedLayersRunAsTheirDenseWeights) {
  GoldenNetwork golden = LoadGoldenNetwork("basic");
  Model& palettized = golden.model;
  Model dense = golden.model;
  for (const char* name : {"layer1.0.conv1", "layer2.0.downsample.0", "layer3.0.conv2"}) {
    const std::string layer_name(name);
    LayerParameters& layer = palettized.layers.at(layer_name);
    const PalettizedTensor tensor =
        Palettize(std::get<Tensor>(layer.weight).shape(), 11, layer_name.size());
    const Tensor bias = Tensor::FromVector(
        {tensor.num_rows()}, std::vector<float>(static_cast<size_t>(tensor.num_rows()), 0.25f));
    layer = {.weight = tensor, .bias = bias};
    dense.layers.at(layer_name) = {.weight = Tensor::FromVector(tensor.shape, Dequantize(tensor)),
                                   .bias = bias};
    const Node* node = BatchNormAfter(palettized.graph, *FindNode(palettized.graph, layer_name));
    ASSERT_NE(node, nullptr);
    palettized.batch_norms.erase(node->name);
    dense.batch_norms.erase(node->name);
  }
  Executor expected = MakeExecutor(dense);
  Executor actual = MakeExecutor(palettized);
  const auto difference =
      FirstBitDifference<float>(actual.Run(golden.pixels), expected.Run(golden.pixels));
  EXPECT_FALSE(difference) << *difference;
}

TEST(Executor, RefusesWhatItCannotRun) {
  const GoldenNetwork golden = LoadGoldenNetwork("basic");
  const auto code = [](const Result<Executor>& result) {
    return result.ok() ? ErrorCode{} : result.error().code;
  };
  EXPECT_EQ(code(Executor::Create(golden.model, {.num_threads = 0})), ErrorCode::kUsage);
  EXPECT_EQ(code(Executor::Create(golden.model, {.num_threads = 257})), ErrorCode::kUsage);

  Model short_weights = golden.model;
  short_weights.layers.at("layer2.0.conv1").weight =
      Tensor::FromVector({7, 4, 3, 3}, std::vector<float>(7 * 4 * 9));
  EXPECT_EQ(code(Executor::Create(short_weights)), ErrorCode::kInvalidData);

  Model huge = golden.model;
  huge.preprocessing.height_px = huge.preprocessing.width_px = 32768;
  EXPECT_EQ(code(Executor::Create(huge)), ErrorCode::kResources);
  huge.preprocessing.height_px = int64_t{1} << 60;
  EXPECT_EQ(code(Executor::Create(huge)), ErrorCode::kInvalidData);
}

}  // namespace
}  // namespace deixis
