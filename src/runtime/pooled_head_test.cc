// Heads on the means of several maps: in fp32 as plain loops compute them, in integers the same
// bits on every instruction set, and laid out ahead of time.
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
#include "runtime/plan.h"
#include "runtime/testing/error_analysis.h"
#include "runtime/testing/map_head.h"
#include "runtime/testing/quantized_model.h"

namespace deixis {
namespace {

using testing::AnswerOf;
using testing::FirstOutOfBound;
using testing::MakeExecutor;
using testing::MapHeadPicture;
using testing::QuantizeActivations;

constexpr int64_t kHeight = testing::kMapHeadHeight;
constexpr int64_t kWidth = testing::kMapHeadWidth;
constexpr int64_t kLength = 16 + 32 + 64;

// On all three of its stages.
Model MakeModel() { return testing::MapHeadModel(5, 0, 0, /*pooled_stages=*/3); }

TEST(PooledHead, AgreesWithTheInterpreterOnEveryTarget) {
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
    EXPECT_EQ(executor.HeadInput().size(), static_cast<size_t>(kLength));
  }
  // The last stage first leaves the bound.
  Model turned = model;
  std::vector<float> weights = DenseWeights(model.layers.at("linear"));
  for (auto row = weights.begin(); row != weights.end(); row += kLength) {
    std::rotate(row, row + 16 + 32, row + kLength);
  }
  turned.layers.at("linear").weight = Tensor::FromVector({5, kLength}, std::move(weights));
  Executor executor = MakeExecutor(turned);
  EXPECT_TRUE((FirstOutOfBound<float, double>(executor.RunNormalized(input), expected, bound)));
}

TEST(PooledHead, InIntegersItIsNearTheNetworkInFloat) {
  Model model = MakeModel();
  const std::vector<float> expected = AnswerOf(model);
  QuantizeActivations(model, MapHeadPicture());
  const std::vector<float> actual = AnswerOf(model);
  const auto [low, high] = std::ranges::minmax(expected);
  for (size_t o = 0; o < expected.size(); ++o) {
    EXPECT_NEAR(actual[o], expected[o], 0.1 * (high - low)) << "output " << o;
  }
}

TEST(PooledHead, SameBitsOnEveryTargetAndThreadCount) {
  Model model = MakeModel();
  testing::PalettizeLayers(model, 16, 4, 16);
  QuantizeActivations(model, MapHeadPicture());
  testing::ExpectSameBitsEverywhere(model);
}

TEST(PooledHead, LaidOutAheadOfTimeItRunsAsTheExecutorDoes) {
  Model model = MakeModel();
  testing::PalettizeLayers(model, 16, 4, 16);
  QuantizeActivations(model, MapHeadPicture());
  testing::ExpectSameLaidOut(model);
}

// Only the means wait for the later stages, not the maps.
TEST(PooledHead, HardlyNeedsMoreMemoryThanTheLastMapAlone) {
  const auto arena_of = [](int pooled_stages) {
    const Model model = testing::MapHeadModel(5, 0, 0, pooled_stages);
    const auto plan = MakePlan(model.graph, kHeight, kWidth);
    EXPECT_TRUE(plan.ok()) << plan.error().message;
    return plan->arena_bytes;
  };
  EXPECT_LE(arena_of(3), arena_of(1) + 4 * kLength + 128);
}

// Observed once, and whole.
TEST(PooledHead, IsObservedWhenItIsWhole) {
  Executor executor = MakeExecutor(MakeModel());
  int times = 0;
  executor.Observe(MapHeadPicture(), [&](const ObservedValue& value) {
    if (value.name != "avgpool") return;
    ++times;
    EXPECT_EQ(value.channels, kLength);
    EXPECT_EQ(std::vector(value.elements.begin(), value.elements.end()), executor.HeadInput());
  });
  EXPECT_EQ(times, 1);
}

}  // namespace
}  // namespace deixis
