// Networks laid out ahead of time give the Executor's bits, in the memory that they say.
#include "runtime/embedded_layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/testing/compare.h"
#include "kernels/testing/targets_to_test.h"
#include "runtime/executor.h"
#include "runtime/testing/quantized_model.h"
#include "runtime/testing/tiny_model.h"

namespace deixis {
namespace {

using testing::FirstBitDifference;
using testing::GoldenNetwork;
using testing::GuardedBuffer;
using ::testing::HasSubstr;
using testing::kGoldenNetworks;
using testing::LoadGoldenNetwork;

TEST(EmbeddedLayout, RunsAsTheExecutorDoes) {
  for (const std::string name : kGoldenNetworks) {
    GoldenNetwork golden = LoadGoldenNetwork(name);
    testing::PalettizeLayers(golden.model, 16, 4, 16);
    testing::QuantizeActivations(golden.model, golden.pixels);
    const auto layout = LayOutEmbedded(golden.model);
    ASSERT_TRUE(layout.ok()) << layout.error().message;
    auto executor = Executor::Create(golden.model);
    ASSERT_TRUE(executor.ok()) << executor.error().message;
    const std::span<const float> expected = executor->Run(golden.pixels);
    const DeixisNetwork network = layout->network();
    ASSERT_EQ(network.num_outputs, executor->num_outputs());
    for (const KernelTarget& target : testing::TargetsToTest()) {
      const ScopedKernelTarget forced(target);
      GuardedBuffer<uint8_t> arena(network.arena_bytes);
      std::fill(arena.span().begin(), arena.span().end(), uint8_t{0xAA});
      std::vector<float> answer(static_cast<size_t>(network.num_outputs));
      for (int repetition = 0; repetition < 2; ++repetition) {
        DeixisRun(&network, arena.data(), golden.pixels.data(), answer.data());
        const auto difference = FirstBitDifference<float>(answer, expected);
        EXPECT_FALSE(difference) << name << " on " << target.FullName() << ": " << *difference;
        EXPECT_TRUE(arena.GuardsAreIntact());
      }
    }
  }
}

TEST(EmbeddedLayout, SourceHoldsEveryByteAndNumber) {
  EmbeddedLayout layout;
  layout.values.push_back(
      {.height = 2, .width = 3, .channels = 4, .border = 1, .offset = 64, .zero_point = 7});
  DeixisStep step = {};
  step.kind = kDeixisMaxPool;
  step.residual = -1;
  step.factor = 0.1f;
  layout.steps.push_back(step);
  layout.weights = {'a', '"', '\\', '?', 0, '1', 255, 1};
  layout.header.arena_bytes = 4096;
  const std::string source = EmbeddedSource(layout, "of */ someone", /*is_header=*/false);
  EXPECT_THAT(source, HasSubstr(R"(    "a\42\134\77\0001\377\1")"));
  EXPECT_THAT(source, HasSubstr("kDeixisWeights[9] __attribute__((aligned(64)))"));
  EXPECT_THAT(source, HasSubstr("{2, 3, 4, 1, 64, 7},"));
  EXPECT_THAT(source, HasSubstr("{kDeixisMaxPool, 0, -1, 0,"));
  EXPECT_THAT(source, HasSubstr("0x1.99999ap-4f"));
  EXPECT_THAT(source, HasSubstr("#define DEIXIS_ARENA_BYTES 4096"));
  EXPECT_THAT(source, HasSubstr("/* of -- someone\n"));
  EXPECT_THAT(source, HasSubstr("\nconst DeixisNetwork deixis_network"));
  EXPECT_THAT(EmbeddedSource(layout, "", /*is_header=*/true),
              HasSubstr("\nstatic const DeixisNetwork deixis_network"));
}

TEST(EmbeddedLayout, WantsQuantizedActivations) {
  const auto layout = LayOutEmbedded(LoadGoldenNetwork("basic").model);
  ASSERT_FALSE(layout.ok());
  EXPECT_EQ(layout.error().code, ErrorCode::kUsage);
  EXPECT_THAT(layout.error().message, HasSubstr("activations have no scales"));
}

}  // namespace
}  // namespace deixis
