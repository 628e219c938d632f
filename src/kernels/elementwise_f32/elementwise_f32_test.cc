#include "kernels/elementwise_f32/elementwise_f32.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "base/rng.h"
#include "base/testing/compare.h"
#include "kernels/targets.h"

namespace deixis {
namespace {

using testing::FirstOutOfBound;
using testing::GuardedBuffer;
using testing::SumErrorFactor;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

void FillRandom(Rng& rng, std::span<float> values) {
  for (float& value : values) value = static_cast<float>(rng.Uniform(-1, 1));
}

std::vector<double> NoError(size_t count) { return std::vector<double>(count, 0.0); }

TEST(ReluF32, KeepsNanAndInfinity) {
  for (const KernelTarget& target : SupportedKernelTargets()) {
    const ScopedKernelTarget forced(target);
    for (int64_t channels = 0; channels <= 37; ++channels) {
      const NhwcExtents extents{.height = 2, .width = 1, .channels = channels};
      GuardedBuffer<float> input(2 * channels, 4);
      GuardedBuffer<float> output(2 * channels, 8);
      Rng rng(static_cast<uint64_t>(channels));
      FillRandom(rng, input.span());
      if (channels > 2) {
        input.data()[0] = kNan;
        input.data()[1] = -kInfinity;
        input.data()[2] = kInfinity;
        input.data()[channels] = kNan;
      }
      std::vector<float> expected(static_cast<size_t>(2 * channels));
      ReluF32Reference(DenseView(input.data(), extents), DenseView(expected.data(), extents));
      ReluF32(DenseView(input.data(), extents), DenseView(output.data(), extents));
      const auto mismatch =
          FirstOutOfBound<float, float>(output.span(), expected, NoError(expected.size()));
      EXPECT_FALSE(mismatch) << target.name << ", " << channels << ": " << *mismatch;
      EXPECT_TRUE(output.GuardsAreIntact());
      // In place.
      ReluF32(DenseView(input.data(), extents), DenseView(input.data(), extents));
      EXPECT_FALSE(
          (FirstOutOfBound<float, float>(input.span(), expected, NoError(expected.size()))));
    }
  }
}

TEST(AddF32, WithAndWithoutReluAndWithBorders) {
  for (const KernelTarget& target : SupportedKernelTargets()) {
    const ScopedKernelTarget forced(target);
    for (const int64_t channels : {1, 3, 8, 17, 33}) {
      for (const bool relu : {false, true}) {
        const NhwcExtents extents{.batch = 2, .height = 3, .width = 2, .channels = channels};
        NhwcExtents bordered = extents;
        bordered.border = 1;
        NhwcBuffer<float> a(bordered);
        NhwcBuffer<float> b(extents);
        Rng rng(static_cast<uint64_t>(channels));
        for (int64_t n = 0; n < 2; ++n) {
          for (int64_t y = 0; y < 3; ++y) {
            FillRandom(rng, {a.view().Pixel(n, y, 0), static_cast<size_t>(2 * channels)});
            FillRandom(rng, {b.view().Pixel(n, y, 0), static_cast<size_t>(2 * channels)});
          }
        }
        a.view().Pixel(1, 2, 1)[0] = kNan;
        GuardedBuffer<float> output(extents.dense_elements(), 4);
        std::vector<float> expected(static_cast<size_t>(extents.dense_elements()));
        AddF32Reference(a.view(), b.view(), relu, DenseView(expected.data(), extents));
        AddF32(a.view(), b.view(), relu, DenseView(output.data(), extents));
        const auto mismatch =
            FirstOutOfBound<float, float>(output.span(), expected, NoError(expected.size()));
        EXPECT_FALSE(mismatch) << target.name << ": " << *mismatch;
        EXPECT_TRUE(output.GuardsAreIntact());
      }
    }
  }
}

TEST(NormalizeU8ToF32, EveryPixelValueInBothChannelOrders) {
  for (const ChannelOrder order : {ChannelOrder::kRgb, ChannelOrder::kBgr}) {
    Preprocessing preprocessing;
    preprocessing.channel_order = order;
    const NormalizeParams params = NormalizeParams::From(preprocessing);
    std::vector<uint8_t> pixels(256 * 3);
    for (size_t i = 0; i < 256; ++i) {
      pixels[i * 3] = static_cast<uint8_t>(i);
      pixels[i * 3 + 1] = static_cast<uint8_t>(255 - i);
      pixels[i * 3 + 2] = static_cast<uint8_t>(i * 7);
    }
    const NhwcExtents extents{.height = 8, .width = 32, .channels = 3};
    std::vector<double> expected;
    std::vector<double> bound;
    for (size_t i = 0; i < 256; ++i) {
      for (size_t c = 0; c < 3; ++c) {
        const size_t source = order == ChannelOrder::kRgb ? c : 2 - c;
        const double mean = preprocessing.mean[c];
        const double stddev = preprocessing.stddev[c];
        const double scaled = pixels[i * 3 + source] / 255.0;
        expected.push_back((scaled - mean) / stddev);
        bound.push_back(SumErrorFactor(4) * (scaled + mean) / stddev);
      }
    }
    GuardedBuffer<float> output(extents.dense_elements(), 4);
    NormalizeU8ToF32(params, pixels.data(), DenseView(output.data(), extents));
    auto mismatch = FirstOutOfBound<float, double>(output.span(), expected, bound);
    EXPECT_FALSE(mismatch) << *mismatch;
    EXPECT_TRUE(output.GuardsAreIntact());
    std::vector<float> reference(expected.size());
    NormalizeU8ToF32Reference(params, pixels.data(), DenseView(reference.data(), extents));
    mismatch = FirstOutOfBound<float, double>(reference, expected, bound);
    EXPECT_FALSE(mismatch) << *mismatch;
  }
}

}  // namespace
}  // namespace deixis
