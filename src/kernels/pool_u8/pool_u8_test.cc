#include "kernels/pool_u8/pool_u8.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/rng.h"
#include "base/testing/compare.h"
#include "kernels/targets.h"

namespace deixis {
namespace {

using testing::FirstBitDifference;
using testing::GuardedBuffer;

// `largest` bounds the values, so that a border of 255 shows when it is read.
void FillRandom(Rng& rng, uint64_t largest, const NhwcView<uint8_t>& view) {
  for (int64_t n = 0; n < view.batch; ++n) {
    for (int64_t y = 0; y < view.height; ++y) {
      uint8_t* row = view.Pixel(n, y, 0);
      for (int64_t i = 0; i < view.width * view.channels; ++i) {
        row[i] = static_cast<uint8_t>(rng.Below(largest + 1));
      }
    }
  }
  FillBorder(view, uint8_t{255});
}

void CheckMaxPool(const MaxPoolShape& shape, const NhwcExtents& in, uint64_t seed) {
  Rng rng(seed);
  GuardedBuffer<uint8_t> storage(in.dense_elements(), 3);
  const NhwcView<uint8_t> input = DenseView(storage.data(), in);
  FillRandom(rng, 254, input);
  const NhwcExtents out{.batch = in.batch,
                        .height = shape.OutputExtent(in.height),
                        .width = shape.OutputExtent(in.width),
                        .channels = in.channels};
  std::vector<uint8_t> expected(static_cast<size_t>(out.dense_elements()));
  MaxPoolU8Reference(shape, input, DenseView(expected.data(), out));
  ThreadPool pool(3);
  for (const KernelTarget& target : SupportedKernelTargets()) {
    const ScopedKernelTarget forced(target);
    for (ThreadPool* threads : {static_cast<ThreadPool*>(nullptr), &pool}) {
      GuardedBuffer<uint8_t> actual(out.dense_elements(), 5);
      MaxPoolU8(shape, input, DenseView(actual.data(), out), threads);
      const auto difference = FirstBitDifference<uint8_t>(actual.span(), expected);
      EXPECT_FALSE(difference) << target.name << ", seed " << seed << ", " << in.height << "x"
                               << in.width << "x" << in.channels << ": " << *difference;
      EXPECT_TRUE(actual.GuardsAreIntact());
    }
  }
}

TEST(MaxPoolU8, ShapesChannelsAndEdges) {
  uint64_t seed = 1;
  for (const int64_t channels : {1, 3, 15, 16, 17, 31, 32, 33, 63, 64, 65, 130}) {
    for (const int64_t height : {1, 2, 3, 5, 8}) {
      for (const int64_t width : {1, 4, 7}) {
        CheckMaxPool({}, {.height = height, .width = width, .channels = channels, .border = 1},
                     seed);
        ++seed;
      }
    }
  }
  CheckMaxPool({2, 2, 0}, {.batch = 3, .height = 6, .width = 7, .channels = 5}, 901);
  CheckMaxPool({3, 1, 1}, {.batch = 2, .height = 6, .width = 7, .channels = 70}, 902);
  CheckMaxPool({3, 2, 0}, {.height = 2, .width = 2, .channels = 5}, 903);  // no output
}

TEST(MaxPoolU8, RandomShapes) {
  const uint64_t seed = 20261122;
  Rng rng(seed);
  for (uint64_t i = 0; i < 1000; ++i) {
    const auto upto = [&](uint64_t limit) { return static_cast<int64_t>(rng.Below(limit)); };
    const int64_t filter = 1 + upto(5);
    const int64_t padding = upto(static_cast<uint64_t>(filter / 2 + 1));
    CheckMaxPool({filter, 1 + upto(4), padding},
                 {.batch = 1 + upto(2),
                  .height = 1 + upto(12),
                  .width = 1 + upto(12),
                  .channels = 1 + upto(150),
                  .border = upto(3)},
                 seed + i);
  }
}

void CheckGlobalAverage(const NhwcExtents& in, uint64_t largest, uint64_t seed) {
  Rng rng(seed);
  NhwcBuffer<uint8_t> input(in);
  FillRandom(rng, largest, input.view());
  const int64_t count = in.batch * in.channels;
  std::vector<uint8_t> expected(static_cast<size_t>(count));
  const AverageU8 average{
      .factor = static_cast<float>(rng.Uniform(0.5, 3)) / static_cast<float>(in.height * in.width),
      .offset = static_cast<float>(rng.Uniform(-20, 20))};
  GlobalAveragePoolU8Reference(average, input.view(), expected.data());
  for (const KernelTarget& target : SupportedKernelTargets()) {
    const ScopedKernelTarget forced(target);
    GuardedBuffer<uint8_t> actual(count, 1);
    GlobalAveragePoolU8(average, input.view(), actual.data());
    const auto difference = FirstBitDifference<uint8_t>(actual.span(), expected);
    EXPECT_FALSE(difference) << target.name << ", seed " << seed << ", " << in.height << "x"
                             << in.width << "x" << in.channels << ": " << *difference;
    EXPECT_TRUE(actual.GuardsAreIntact());
  }
}

TEST(GlobalAveragePoolU8, ChannelsAroundLanes) {
  uint64_t seed = 50;
  for (const int64_t channels : {1, 5, 16, 31, 64, 67}) {
    for (const int64_t side : {1, 2, 7, 30}) {
      for (const uint64_t largest : {1, 255}) {
        CheckGlobalAverage(
            {.batch = 2, .height = side, .width = side + 1, .channels = channels, .border = 1},
            largest, ++seed);
      }
    }
  }
}

TEST(GlobalAveragePoolU8, RandomShapes) {
  const uint64_t seed = 20261122;
  Rng rng(seed);
  for (uint64_t i = 0; i < 1000; ++i) {
    const auto upto = [&](uint64_t limit) { return static_cast<int64_t>(rng.Below(limit)); };
    CheckGlobalAverage({.batch = 1 + upto(2),
                        .height = 1 + upto(14),
                        .width = 1 + upto(14),
                        .channels = 1 + upto(150),
                        .border = upto(3)},
                       255, seed + i);
  }
}

TEST(GlobalAveragePoolU8, RoundsToNearestTiesToEvenAndClamps) {
  const std::vector<uint8_t> pixels = {1, 2, 0, 255, 2, 3, 1, 255};  // 2 pixels of 4 channels
  const auto view = DenseView(pixels.data(), {.height = 1, .width = 2, .channels = 4});
  std::vector<uint8_t> output(4);
  GlobalAveragePoolU8({.factor = 0.5f}, view, output.data());
  EXPECT_EQ(output, (std::vector<uint8_t>{2, 2, 0, 255}));
  GlobalAveragePoolU8({.factor = 2.0f, .offset = -5}, view, output.data());
  EXPECT_EQ(output, (std::vector<uint8_t>{1, 5, 0, 255}));
}

}  // namespace
}  // namespace deixis
