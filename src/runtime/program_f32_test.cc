// A network whose layers take every way through the fp32 program: direct convolution, Winograd's
// with both tiles, shortcuts that subsample. The golden networks are too narrow for Winograd.
#include <gtest/gtest.h>

#include <set>
#include <utility>
#include <vector>

#include "base/testing/compare.h"
#include "kernels/targets.h"
#include "kernels/winograd_f32/winograd_f32.h"
#include "network/testing/interpreter.h"
#include "network/testing/synthetic.h"
#include "runtime/executor.h"
#include "runtime/layer_shape.h"
#include "runtime/plan.h"
#include "runtime/testing/allocation_count.h"
#include "runtime/testing/error_analysis.h"
#include "runtime/testing/tiny_model.h"

namespace deixis {
namespace {

using testing::FirstBitDifference;
using testing::FirstOutOfBound;

Model MakeModel() {
  Architecture architecture = *FindArchitecture("resnet20-cifar");
  architecture.blocks_per_stage = {1, 1, 2};
  architecture.num_outputs = 10;
  Model model = testing::AssembleModel(architecture, testing::SyntheticFile(architecture, 10, 3));
  model.preprocessing.height_px = 32;
  model.preprocessing.width_px = 30;
  return model;
}

std::vector<float> Input() { return testing::SyntheticInput(32, 30, 4); }

Executor MakeExecutor(const Model& model, int num_threads = 1) {
  auto executor = Executor::Create(model, {.num_threads = num_threads});
  EXPECT_TRUE(executor.ok()) << executor.error().message;
  return std::move(*executor);
}

TEST(ProgramF32, TheModelTakesEveryWay) {
  const auto plan = MakePlan(MakeModel().graph, 32, 30);
  ASSERT_TRUE(plan.ok());
  std::set<int> tiles;
  for (const PlanStep& step : plan->steps) {
    if (step.kind != StepKind::kConv2d) continue;
    const NhwcExtents& output = plan->values[step.output].extents;
    tiles.insert(ChooseWinogradTile(LayerShape(*plan, step), output.height, output.width));
  }
  EXPECT_EQ(tiles, (std::set<int>{0, 2, 4}));
}

TEST(ProgramF32, AgreesWithTheInterpreterOnEveryTarget) {
  const Model model = MakeModel();
  const std::vector<float> input = Input();
  const std::vector<double> expected =
      testing::Interpreter(model, /*tracks_errors=*/false).Run(input, 32, 30).back().value;
  const std::vector<double> bound = testing::ErrorAnalysis(model).Bounds(input);
  for (const KernelTarget& target : SupportedKernelTargets()) {
    const ScopedKernelTarget forced(target);
    Executor executor = MakeExecutor(model);
    const auto mismatch =
        FirstOutOfBound<float, double>(executor.RunNormalized(input), expected, bound);
    EXPECT_FALSE(mismatch) << target.name << ": " << *mismatch;
  }
}

TEST(ProgramF32, TheBoundIsOfUse) {
  // One filter of a layer in the middle that is 2 % off leaves it.
  Model model = MakeModel();
  const std::vector<float> input = Input();
  const std::vector<double> expected =
      testing::Interpreter(model, /*tracks_errors=*/false).Run(input, 32, 30).back().value;
  const std::vector<double> bound = testing::ErrorAnalysis(model).Bounds(input);
  LayerParameters& layer = model.layers.at("layer2.0.conv2");
  std::vector<float> weights = std::get<Tensor>(layer.weight).ToFloats();
  for (size_t i = 0; i < 32 * 9; ++i) weights[i] *= 1.02f;
  layer.weight = Tensor::FromVector(std::get<Tensor>(layer.weight).shape(), weights);
  Executor executor = MakeExecutor(model);
  EXPECT_TRUE((FirstOutOfBound<float, double>(executor.RunNormalized(input), expected, bound)));
}

TEST(ProgramF32, ThreadsDoNotChangeABit) {
  const Model model = MakeModel();
  const std::vector<float> input = Input();
  Executor one = MakeExecutor(model);
  const std::span<const float> run = one.RunNormalized(input);
  const std::vector<float> expected(run.begin(), run.end());
  for (const int num_threads : {2, 3, 8}) {
    Executor many = MakeExecutor(model, num_threads);
    for (int repeat = 0; repeat < 2; ++repeat) {
      const auto difference = FirstBitDifference<float>(many.RunNormalized(input), expected);
      EXPECT_FALSE(difference) << num_threads << " threads: " << *difference;
    }
  }
}

TEST(ProgramF32, RunAllocatesNothing) {
  if (!testing::kCountsAllocations) GTEST_SKIP() << "this build cannot count allocations";
  const std::vector<float> input = Input();
  Executor executor = MakeExecutor(MakeModel(), 2);
  const int64_t before = testing::NumAllocations();
  executor.RunNormalized(input);
  EXPECT_EQ(testing::NumAllocations() - before, 0);
}

}  // namespace
}  // namespace deixis
