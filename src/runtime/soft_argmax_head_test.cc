// Heads that answer with a soft-argmax: in fp32 as plain loops compute them, in integers the same
// bits on every instruction set, and laid out ahead of time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "kernels/targets.h"
#include "network/testing/interpreter.h"
#include "network/testing/synthetic.h"
#include "runtime/embedded_layout.h"
#include "runtime/executor.h"
#include "runtime/testing/map_head.h"
#include "runtime/testing/quantized_model.h"

namespace deixis {
namespace {

using testing::AnswerOf;
using ::testing::HasSubstr;
using testing::MakeExecutor;
using testing::MapHeadPicture;
using testing::QuantizeActivations;

constexpr int64_t kHeight = testing::kMapHeadHeight;
constexpr int64_t kWidth = testing::kMapHeadWidth;

// Two categories with presence.
Model MakeModel() { return testing::MapHeadModel(6, 0, /*num_attended=*/2); }

double LargestDifference(std::span<const float> a, std::span<const double> b) {
  EXPECT_EQ(a.size(), b.size());
  double largest = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    largest = std::max(largest, std::abs(a[i] - b[i]));
  }
  return largest;
}

TEST(SoftArgmaxHead, AgreesWithTheInterpreterOnEveryTarget) {
  const Model model = MakeModel();
  const std::vector<float> input = testing::SyntheticInput(kHeight, kWidth, 4);
  const std::vector<double> expected =
      testing::Interpreter(model, /*tracks_errors=*/false).Run(input, kHeight, kWidth).back().value;
  ASSERT_EQ(expected.size(), 6u);
  for (const KernelTarget& target : SupportedKernelTargets()) {
    const ScopedKernelTarget forced(target);
    Executor executor = MakeExecutor(model);
    EXPECT_LT(LargestDifference(executor.RunNormalized(input), expected), 1e-3) << target.name;
  }
  // Attention and what it weighs, taken for one another, are far from that.
  Model turned = model;
  std::vector<float> weights = DenseWeights(model.layers.at("linear"));
  std::rotate(weights.begin(), weights.begin() + 64, weights.end());
  turned.layers.at("linear").weight = Tensor::FromVector({8, 64, 1, 1}, std::move(weights));
  Executor executor = MakeExecutor(turned);
  EXPECT_GT(LargestDifference(executor.RunNormalized(input), expected), 0.1);
}

TEST(SoftArgmaxHead, InIntegersItIsNearTheNetworkInFloat) {
  Model model = MakeModel();
  const std::vector<float> expected = AnswerOf(model);
  QuantizeActivations(model, MapHeadPicture());
  const std::vector<float> actual = AnswerOf(model);
  for (size_t o = 0; o < expected.size(); ++o) {
    EXPECT_NEAR(actual[o], expected[o], 0.2) << "output " << o;
  }
}

TEST(SoftArgmaxHead, SameBitsOnEveryTargetAndThreadCount) {
  Model model = MakeModel();
  testing::PalettizeLayers(model, 16, 4, 16);
  QuantizeActivations(model, MapHeadPicture());
  testing::ExpectSameBitsEverywhere(model);
}

TEST(SoftArgmaxHead, LaidOutAheadOfTimeItRunsAsTheExecutorDoes) {
  Model model = MakeModel();
  testing::PalettizeLayers(model, 16, 4, 16);
  QuantizeActivations(model, MapHeadPicture());
  testing::ExpectSameLaidOut(model);
  const auto layout = LayOutEmbedded(model);
  ASSERT_TRUE(layout.ok()) << layout.error().message;
  EXPECT_THAT(EmbeddedSource(*layout, "tip", /*is_header=*/true), HasSubstr("{kDeixisSoftArgmax,"));
}

// It answers for pictures of any size, unlike a head that counts the map's pixels.
TEST(SoftArgmaxHead, TakesPicturesOfAnotherSize) {
  Model model = MakeModel();
  model.preprocessing.width_px = 32;
  const auto executor = Executor::Create(model);
  EXPECT_TRUE(executor.ok()) << executor.error().message;
}

TEST(SoftArgmaxHead, EndsTheNetworkOrIsRefused) {
  Model model = MakeModel();
  model.graph.nodes.push_back({.kind = OpKind::kRelu,
                               .name = "more",
                               .inputs = {static_cast<int>(model.graph.nodes.size())}});
  const auto executor = Executor::Create(model);
  ASSERT_FALSE(executor.ok());
  EXPECT_THAT(executor.error().message, HasSubstr("soft-argmax \"soft_argmax\": expected to end"));
}

}  // namespace
}  // namespace deixis
