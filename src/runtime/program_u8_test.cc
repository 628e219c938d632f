// Networks in integers: near the same network in fp32, and the same bits whatever the instruction
// set, the number of threads and the form in which the weights are kept.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "base/testing/compare.h"
#include "kernels/elementwise_f32/elementwise_f32.h"
#include "kernels/targets.h"
#include "runtime/executor.h"
#include "runtime/testing/allocation_count.h"
#include "runtime/testing/quantized_model.h"
#include "runtime/testing/tiny_model.h"

namespace deixis {
namespace {

using testing::FirstBitDifference;
using testing::GoldenNetwork;
using ::testing::HasSubstr;
using testing::kGoldenNetworks;
using testing::LoadGoldenNetwork;
using testing::QuantizeActivations;

Executor MakeExecutor(const Model& model, int num_threads = 1) {
  auto executor = Executor::Create(model, {.num_threads = num_threads});
  EXPECT_TRUE(executor.ok()) << executor.error().message;
  return std::move(*executor);
}

std::vector<float> Answer(Executor& executor, std::span<const uint8_t> pixels) {
  const std::span<const float> answer = executor.Run(pixels);
  return {answer.begin(), answer.end()};
}

// Root mean square of the differences over that of `expected`'s deviations from its mean.
double RelativeError(std::span<const float> actual, std::span<const float> expected) {
  double mean = 0;
  for (const float value : expected) mean += value / static_cast<double>(expected.size());
  double error = 0;
  double spread = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    error += std::pow(double{actual[i]} - expected[i], 2);
    spread += std::pow(expected[i] - mean, 2);
  }
  return std::sqrt(error / spread);
}

TEST(RelativeError, HandComputed) {
  EXPECT_DOUBLE_EQ(RelativeError(std::vector<float>{1, 3}, std::vector<float>{1, 3}), 0);
  EXPECT_DOUBLE_EQ(RelativeError(std::vector<float>{-1, -3}, std::vector<float>{1, 3}),
                   std::sqrt(40.0 / 2));
  EXPECT_FALSE(RelativeError(std::vector<float>{1, NAN}, std::vector<float>{1, 3}) < 1);
}

TEST(ProgramU8, IsNearTheNetworkInFloat) {
  for (const std::string name : kGoldenNetworks) {
    GoldenNetwork golden = LoadGoldenNetwork(name);
    Executor exact = MakeExecutor(golden.model);
    const std::vector<float> expected = Answer(exact, golden.pixels);
    QuantizeActivations(golden.model, golden.pixels);
    Executor quantized = MakeExecutor(golden.model);
    EXPECT_EQ(quantized.precision(), Precision::kU8);
    const std::vector<float> actual = Answer(quantized, golden.pixels);
    // Eight bits leave an error of 1/256 of the range per value and layer; one wrong zero point,
    // scale or border leaves ten times that.
    EXPECT_LT(RelativeError(actual, expected), 0.1) << name;
    EXPECT_LT(quantized.weight_bytes(), exact.weight_bytes()) << name;
  }
}

TEST(ProgramU8, EveryValueIsNearTheNetworkInFloat) {
  for (const std::string name : kGoldenNetworks) {
    GoldenNetwork golden = LoadGoldenNetwork(name);
    std::vector<std::vector<float>> expected;
    MakeExecutor(golden.model).Observe(golden.pixels, [&](const ObservedValue& value) {
      expected.emplace_back(value.elements.begin(), value.elements.end());
    });
    QuantizeActivations(golden.model, golden.pixels);
    size_t at = 0;
    MakeExecutor(golden.model).Observe(golden.pixels, [&](const ObservedValue& value) {
      ASSERT_LT(at, expected.size());
      ASSERT_EQ(value.elements.size(), expected[at].size());
      EXPECT_LT(RelativeError(value.elements, expected[at]), 0.12) << name << ", " << value.name;
      ++at;
    });
    EXPECT_EQ(at, expected.size());
  }
}

TEST(ProgramU8, SameBitsOnEveryTargetAndThreadCount) {
  for (const std::string name : kGoldenNetworks) {
    GoldenNetwork golden = LoadGoldenNetwork(name);
    QuantizeActivations(golden.model, golden.pixels);
    Executor one = MakeExecutor(golden.model);
    const std::vector<float> expected = Answer(one, golden.pixels);
    // What another picture leaves in the arena must not show.
    one.Run(std::vector<uint8_t>(golden.pixels.size(), 255));
    EXPECT_FALSE(FirstBitDifference<float>(one.Run(golden.pixels), expected));
    for (const KernelTarget& target : SupportedKernelTargets()) {
      const ScopedKernelTarget forced(target);
      for (const int num_threads : {1, 2, 5}) {
        Executor executor = MakeExecutor(golden.model, num_threads);
        const auto difference = FirstBitDifference<float>(executor.Run(golden.pixels), expected);
        EXPECT_FALSE(difference) << name << " on " << target.name << ", " << num_threads
                                 << " threads: " << *difference;
      }
    }
  }
}

// The same weights as 4-bit indices, as 5-bit indices (which run as int8) and with one codebook for
// all rows.
TEST(ProgramU8, IndicesRunAsTheirInt8Weights) {
  for (const int num_centroids : {2, 3, 4, 8, 16}) {
    for (const int64_t group_rows : {1, 4, 8, 100}) {
      GoldenNetwork golden = LoadGoldenNetwork("basic");
      Model as_indices = golden.model;
      Model as_int8 = golden.model;
      testing::PalettizeLayers(as_indices, num_centroids, group_rows, num_centroids);
      testing::PalettizeLayers(as_int8, num_centroids, group_rows, 17);
      QuantizeActivations(as_indices, golden.pixels);
      as_int8.activations = as_indices.activations;
      Executor first = MakeExecutor(as_indices);
      Executor second = MakeExecutor(as_int8);
      const auto difference =
          FirstBitDifference<float>(first.Run(golden.pixels), Answer(second, golden.pixels));
      EXPECT_FALSE(difference) << "K " << num_centroids << ", " << group_rows
                               << " rows per codebook: " << *difference;
      const bool on_indices = group_rows != 1;
      EXPECT_EQ(first.weight_bytes() < second.weight_bytes(), on_indices)
          << first.weight_bytes() << " " << second.weight_bytes();
    }
  }
}

// As a file keeps them: in panels, used where they lie.
TEST(ProgramU8, IndicesInPanelsRunAsThoseInRows) {
  for (const int num_centroids : {9, 16}) {
    GoldenNetwork golden = LoadGoldenNetwork("basic");
    testing::PalettizeLayers(golden.model, num_centroids, 4, num_centroids);
    QuantizeActivations(golden.model, golden.pixels);
    Executor in_rows = MakeExecutor(golden.model);
    Model panels = golden.model;
    for (auto& [name, layer] : panels.layers) {
      if (auto* tensor = std::get_if<PalettizedTensor>(&layer.weight)) *tensor = ToPanels(*tensor);
    }
    Executor in_panels = MakeExecutor(panels, 2);
    panels = {};  // the executor keeps what it views
    const auto difference =
        FirstBitDifference<float>(in_panels.Run(golden.pixels), Answer(in_rows, golden.pixels));
    EXPECT_FALSE(difference) << "K " << num_centroids << ": " << *difference;
  }
}

TEST(ProgramU8, PicturesOfEitherChannelOrderAndNormalizedOnesAreTheSame) {
  for (const ChannelOrder order : {ChannelOrder::kRgb, ChannelOrder::kBgr}) {
    GoldenNetwork golden = LoadGoldenNetwork("cifar");
    golden.model.preprocessing.channel_order = order;
    Executor exact = MakeExecutor(golden.model);
    const std::vector<float> expected = Answer(exact, golden.pixels);
    QuantizeActivations(golden.model, golden.pixels);
    Executor executor = MakeExecutor(golden.model);
    const std::vector<float> from_pixels = Answer(executor, golden.pixels);
    EXPECT_LT(RelativeError(from_pixels, expected), 0.1);
    NhwcBuffer<float> normalized(
        {.height = executor.height_px(), .width = executor.width_px(), .channels = 3});
    NormalizeU8ToF32(NormalizeParams::From(golden.model.preprocessing), golden.pixels.data(),
                     normalized.view());
    const auto elements = std::span<const float>(normalized.view().data, golden.pixels.size());
    EXPECT_FALSE(FirstBitDifference<float>(executor.RunNormalized(elements), from_pixels));
  }
}

TEST(ProgramU8, RunDoesNotAllocate) {
  GoldenNetwork golden = LoadGoldenNetwork("bottleneck");
  QuantizeActivations(golden.model, golden.pixels);
  Executor executor = MakeExecutor(golden.model, 2);
  const int64_t before = testing::NumAllocations();
  executor.Run(golden.pixels);
  EXPECT_EQ(testing::NumAllocations(), before);
}

TEST(ProgramU8, RefusesScalesThatDoNotFitInWords) {
  GoldenNetwork golden = LoadGoldenNetwork("basic");
  QuantizeActivations(golden.model, golden.pixels);
  const auto complaint = [&](const std::string& name, ActivationQuantization changed) {
    Model model = golden.model;
    model.activations.at(name) = changed;
    const auto executor = Executor::Create(model);
    if (executor.ok()) return std::string("none");
    EXPECT_EQ(executor.error().code, ErrorCode::kInvalidData);
    return executor.error().message;
  };
  EXPECT_EQ(complaint("conv1", golden.model.activations.at("conv1")), "none");
  EXPECT_THAT(complaint("conv1", {.scale = 1, .zero_point = 3}),
              HasSubstr("\"conv1\": zero_point: expected 0 after a ReLU, found 3"));
  EXPECT_THAT(complaint("layer1.0.conv1", {.scale = 1e-45f}), HasSubstr("out of the range"));
  EXPECT_THAT(complaint("avgpool", {.scale = 1e-45f}), HasSubstr("range of float32"));
  Model missing = golden.model;
  missing.activations.erase("layer2.0.downsample.0");
  const auto executor = Executor::Create(missing);
  ASSERT_FALSE(executor.ok());
  EXPECT_THAT(executor.error().message,
              HasSubstr("\"layer2.0.downsample.0\": expected its scale and zero point"));
}

}  // namespace
}  // namespace deixis
