#include "kernels/pool_f32/pool_f32.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "base/rng.h"
#include "base/testing/compare.h"
#include "kernels/targets.h"

namespace deixis {
namespace {

using testing::FirstBitDifference;
using testing::FirstOutOfBound;
using testing::GuardedBuffer;
using testing::SumErrorFactor;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// Values of both signs; the border holds what must not be read.
void FillRandom(Rng& rng, const NhwcView<float>& view) {
  for (int64_t n = 0; n < view.batch; ++n) {
    for (int64_t y = 0; y < view.height; ++y) {
      float* row = view.Pixel(n, y, 0);
      for (int64_t i = 0; i < view.width * view.channels; ++i) {
        row[i] = static_cast<float>(rng.Uniform(-1, 0.2));
      }
    }
  }
  FillBorder(view, kNan);
}

void CheckMaxPool(const MaxPoolShape& shape, const NhwcExtents& in, uint64_t seed, bool with_nan) {
  Rng rng(seed);
  GuardedBuffer<float> storage(in.dense_elements(), 4);
  const NhwcView<float> input = DenseView(storage.data(), in);
  FillRandom(rng, input);
  if (with_nan && input.num_elements() > 0) input.Pixel(0, in.height / 2, in.width / 2)[0] = kNan;
  const NhwcExtents out{.batch = in.batch,
                        .height = shape.OutputExtent(in.height),
                        .width = shape.OutputExtent(in.width),
                        .channels = in.channels};
  std::vector<float> expected(static_cast<size_t>(out.dense_elements()));
  MaxPoolF32Reference(shape, input, DenseView(expected.data(), out));
  ThreadPool pool(3);
  for (const KernelTarget& target : SupportedKernelTargets()) {
    const ScopedKernelTarget forced(target);
    for (ThreadPool* threads : {static_cast<ThreadPool*>(nullptr), &pool}) {
      GuardedBuffer<float> actual(out.dense_elements(), 12);
      MaxPoolF32(shape, input, DenseView(actual.data(), out), threads);
      const std::vector<double> exact(expected.size(), 0.0);
      const auto mismatch = FirstOutOfBound<float, float>(actual.span(), expected, exact);
      EXPECT_FALSE(mismatch) << target.name << ", seed " << seed << ", " << in.height << "x"
                             << in.width << "x" << in.channels << ": " << *mismatch;
      EXPECT_TRUE(actual.GuardsAreIntact());
    }
  }
}

TEST(MaxPoolF32, ShapesChannelsAndEdges) {
  uint64_t seed = 1;
  for (const int64_t channels : {1, 3, 4, 7, 8, 15, 16, 17, 33, 64}) {
    for (const int64_t height : {1, 2, 3, 5, 8}) {
      for (const int64_t width : {1, 4, 7}) {
        CheckMaxPool({}, {.height = height, .width = width, .channels = channels, .border = 1},
                     seed, seed % 3 == 0);
        ++seed;
      }
    }
  }
  CheckMaxPool({2, 2, 0}, {.batch = 3, .height = 6, .width = 7, .channels = 5}, ++seed, false);
  CheckMaxPool({3, 1, 1}, {.batch = 2, .height = 6, .width = 7, .channels = 20}, ++seed, true);
  CheckMaxPool({3, 2, 0}, {.height = 2, .width = 2, .channels = 5}, ++seed, false);  // no output
  CheckMaxPool({}, {.batch = 0, .height = 4, .width = 4, .channels = 5}, ++seed, false);
}

TEST(MaxPoolF32, HandComputed) {
  // Rows 1 2 3 4 / 5 6 7 8 / -9 -8 -7 -6; windows of 3x3, stride 2, padding 1.
  const std::vector<float> input = {1, 2, 3, 4, 5, 6, 7, 8, -9, -8, -7, -6};
  const NhwcExtents in{.height = 3, .width = 4, .channels = 1};
  const NhwcExtents out{.height = 2, .width = 2, .channels = 1};
  std::vector<float> output(4);
  MaxPoolF32({}, DenseView(input.data(), in), DenseView(output.data(), out));
  EXPECT_EQ(output, (std::vector<float>{6, 8, 6, 8}));
}

TEST(GlobalAveragePoolF32, AgreesWithPlainLoops) {
  uint64_t seed = 50;
  for (const int64_t channels : {1, 5, 16, 31, 64, 67}) {
    for (const int64_t side : {1, 2, 7, 13}) {
      Rng rng(++seed);
      const NhwcExtents in{
          .batch = 2, .height = side, .width = side + 1, .channels = channels, .border = 1};
      NhwcBuffer<float> input(in);
      FillRandom(rng, input.view());
      const size_t count = static_cast<size_t>(2 * channels);
      std::vector<float> expected(count);
      GlobalAveragePoolF32Reference(input.view(), expected.data());
      // |values| <= 1: the sum of the absolute terms over their number is at most 1.
      const std::vector<double> bound(count, SumErrorFactor(2 * side + 4));
      for (const KernelTarget& target : SupportedKernelTargets()) {
        const ScopedKernelTarget forced(target);
        GuardedBuffer<float> actual(2 * channels, 4);
        GlobalAveragePoolF32(input.view(), actual.data());
        const auto mismatch = FirstOutOfBound<float, float>(actual.span(), expected, bound);
        EXPECT_FALSE(mismatch) << target.name << ", seed " << seed << ": " << *mismatch;
        EXPECT_TRUE(actual.GuardsAreIntact());
      }
    }
  }
}

}  // namespace
}  // namespace deixis
