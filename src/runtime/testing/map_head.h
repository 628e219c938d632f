// A small network with a head of any kind, and what it answers: for the tests of heads.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "base/testing/compare.h"
#include "kernels/aligned.h"
#include "kernels/targets.h"
#include "kernels/testing/targets_to_test.h"
#include "network/model.h"
#include "network/testing/synthetic.h"
#include "runtime/embedded_layout.h"
#include "runtime/executor.h"
#include "runtime/testing/tiny_model.h"

namespace deixis::testing {

inline constexpr int64_t kMapHeadHeight = 24;
inline constexpr int64_t kMapHeadWidth = 20;

// Its last map has 6x5 pixels of 64 channels, those before it 16 and 32. The arguments are those of
// Architecture.
inline Model MapHeadModel(int64_t num_outputs, int64_t flattened_pixels, int64_t num_attended,
                          int pooled_stages = 1) {
  Architecture architecture = *FindArchitecture("resnet20-cifar");
  architecture.blocks_per_stage = {1, 1, 1};
  architecture.num_outputs = num_outputs;
  architecture.flattened_pixels = flattened_pixels;
  architecture.num_attended = num_attended;
  architecture.pooled_stages = pooled_stages;
  Model model = AssembleModel(architecture, SyntheticFile(architecture, num_outputs, 3));
  model.preprocessing.height_px = kMapHeadHeight;
  model.preprocessing.width_px = kMapHeadWidth;
  return model;
}

inline std::vector<uint8_t> MapHeadPicture() {
  Rng rng(7);
  std::vector<uint8_t> pixels(kMapHeadHeight * kMapHeadWidth * 3);
  for (uint8_t& pixel : pixels) pixel = static_cast<uint8_t>(rng.Below(256));
  return pixels;
}

inline Executor MakeExecutor(const Model& model, int num_threads = 1) {
  auto executor = Executor::Create(model, {.num_threads = num_threads});
  EXPECT_TRUE(executor.ok()) << executor.error().message;
  return std::move(*executor);
}

// To MapHeadPicture().
inline std::vector<float> AnswerOf(const Model& model, int num_threads = 1) {
  Executor executor = MakeExecutor(model, num_threads);
  const std::span<const float> answer = executor.Run(MapHeadPicture());
  return {answer.begin(), answer.end()};
}

// The same bits on every instruction set and with any number of threads, for a model in integers.
inline void ExpectSameBitsEverywhere(const Model& model) {
  const std::vector<float> expected = AnswerOf(model);
  for (const KernelTarget& target : TargetsToTest()) {
    const ScopedKernelTarget forced(target);
    for (const int num_threads : {1, 3}) {
      const auto difference = FirstBitDifference<float>(AnswerOf(model, num_threads), expected);
      EXPECT_FALSE(difference) << target.FullName() << ": " << *difference;
    }
  }
}

// Laid out ahead of time, it gives the bits that the executor gives.
inline void ExpectSameLaidOut(const Model& model) {
  const auto layout = LayOutEmbedded(model);
  ASSERT_TRUE(layout.ok()) << layout.error().message;
  const DeixisNetwork network = layout->network();
  AlignedVector<std::byte> arena(static_cast<size_t>(network.arena_bytes));
  std::vector<float> answer(static_cast<size_t>(network.num_outputs));
  DeixisRun(&network, arena.data(), MapHeadPicture().data(), answer.data());
  const auto difference = FirstBitDifference<float>(answer, AnswerOf(model));
  EXPECT_FALSE(difference) << *difference;
}

}  // namespace deixis::testing
