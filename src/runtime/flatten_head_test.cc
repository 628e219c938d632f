// Heads that read every pixel of the last feature map: in fp32 as plain loops compute them, in
// integers the same bits on every instruction set, in every form of the weights, and laid out ahead
// of time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/testing/compare.h"
#include "kernels/targets.h"
#include "network/testing/interpreter.h"
#include "network/testing/synthetic.h"
#include "runtime/executor.h"
#include "runtime/testing/error_analysis.h"
#include "runtime/testing/map_head.h"
#include "runtime/testing/quantized_model.h"

namespace deixis {
namespace {

using testing::AnswerOf;
using testing::FirstBitDifference;
using testing::FirstOutOfBound;
using ::testing::HasSubstr;
using testing::MakeExecutor;
using testing::MapHeadPicture;
using testing::QuantizeActivations;

constexpr int64_t kHeight = testing::kMapHeadHeight;
constexpr int64_t kWidth = testing::kMapHeadWidth;

Model MakeModel() { return testing::MapHeadModel(5, /*flattened_pixels=*/30, 0); }

PalettizedTensor& HeadOf(Model& model) {
  return std::get<PalettizedTensor>(model.layers.at("linear").weight);
}

TEST(FlattenHead, AgreesWithTheInterpreterOnEveryTarget) {
  const Model model = MakeModel();
  const std::vector<float> input = testing::SyntheticInput(kHeight, kWidth, 4);
  const std::vector<double> expected =
      testing::Interpreter(model, /*tracks_errors=*/false).Run(input, kHeight, kWidth).back().value;
  const std::vector<double> bound = testing::ErrorAnalysis(model).Bounds(input);
  for (const KernelTarget& target : SupportedKernelTargets()) {
    const ScopedKernelTarget forced(target);
    Executor executor = MakeExecutor(model);
    const auto mismatch =
        FirstOutOfBound<float, double>(executor.RunNormalized(input), expected, bound);
    EXPECT_FALSE(mismatch) << target.name << ": " << *mismatch;
  }
  // Weights with channels inside, as the feature map lies in memory, leave the bound.
  Model turned = model;
  const std::vector<float> weights = DenseWeights(model.layers.at("linear"));
  std::vector<float> channels_inside(weights.size());
  for (size_t i = 0; i < weights.size(); ++i) {
    const size_t row = i / 1920;
    channels_inside[row * 1920 + i % 30 * 64 + i % 1920 / 30] = weights[i];
  }
  turned.layers.at("linear").weight = Tensor::FromVector({5, 1920}, std::move(channels_inside));
  Executor executor = MakeExecutor(turned);
  EXPECT_TRUE((FirstOutOfBound<float, double>(executor.RunNormalized(input), expected, bound)));
}

TEST(FlattenHead, InIntegersItIsNearTheNetworkInFloat) {
  Model model = MakeModel();
  const std::vector<float> expected = AnswerOf(model);
  QuantizeActivations(model, MapHeadPicture());
  const std::vector<float> actual = AnswerOf(model);
  const auto [low, high] = std::ranges::minmax(expected);
  for (size_t o = 0; o < expected.size(); ++o) {
    EXPECT_NEAR(actual[o], expected[o], 0.1 * (high - low)) << "output " << o;
  }
}

TEST(FlattenHead, SameBitsOnEveryTargetAndThreadCount) {
  Model model = MakeModel();
  testing::PalettizeLayers(model, 16, 4, 16);
  QuantizeActivations(model, MapHeadPicture());
  testing::ExpectSameBitsEverywhere(model);
}

// K = 200 runs as int8 weights, K = 16 on the indices; panels in a file are those of a linear layer
// on one pixel and have to be turned.
TEST(FlattenHead, EveryFormOfTheWeightsIsTheSame) {
  Model model = MakeModel();
  testing::PalettizeLayers(model, 16, 4, 16);
  QuantizeActivations(model, MapHeadPicture());
  const std::vector<float> expected = AnswerOf(model);
  Model in_panels = model;
  HeadOf(in_panels) = ToPanels(HeadOf(model));
  const auto turned = FirstBitDifference<float>(AnswerOf(in_panels), expected);
  EXPECT_FALSE(turned) << *turned;
  Model as_int8 = MakeModel();
  testing::PalettizeLayers(as_int8, 16, 4, 200);
  as_int8.activations = model.activations;
  ASSERT_FALSE(RunsOnIndices(HeadOf(as_int8)));
  const auto difference = FirstBitDifference<float>(AnswerOf(as_int8), expected);
  EXPECT_FALSE(difference) << *difference;
}

TEST(FlattenHead, LaidOutAheadOfTimeItRunsAsTheExecutorDoes) {
  Model model = MakeModel();
  testing::PalettizeLayers(model, 16, 4, 16);
  QuantizeActivations(model, MapHeadPicture());
  testing::ExpectSameLaidOut(model);
}

TEST(FlattenHead, WhatItReadIsThereAfterwards) {
  const Model model = MakeModel();
  Executor executor = MakeExecutor(model);
  executor.Run(MapHeadPicture());
  std::vector<float> seen;
  const std::vector<float> read = executor.HeadInput();
  executor.Observe(MapHeadPicture(), [&](const ObservedValue& value) {
    if (!value.is_answer) seen.assign(value.elements.begin(), value.elements.end());
  });
  ASSERT_EQ(read.size(), 30u * 64);
  EXPECT_EQ(read, seen);
}

TEST(FlattenHead, RefusesPicturesOfAnotherSize) {
  Model model = MakeModel();
  model.preprocessing.width_px = 32;
  const auto executor = Executor::Create(model);
  ASSERT_FALSE(executor.ok());
  EXPECT_THAT(executor.error().message,
              HasSubstr("\"linear\": expects 1920 inputs, gets 6x8 pixels of 64 channels"));
}

}  // namespace
}  // namespace deixis
