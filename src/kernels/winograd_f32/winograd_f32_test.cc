// Winograd's convolution on every instruction set of this machine against the plain loops of the
// direct one.
#include "kernels/winograd_f32/winograd_f32.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <ostream>

#include "base/rng.h"
#include "base/testing/compare.h"
#include "kernels/targets.h"
#include "kernels/testing/winograd_error.h"

namespace deixis {
namespace {

using testing::FirstBitDifference;
using testing::FirstOutOfBound;
using testing::GuardedBuffer;
using testing::SumErrorFactor;
using testing::WinogradError;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

struct Case {
  int64_t in_channels = 1;
  int64_t out_channels = 1;
  int64_t padding = 1;
  int64_t batch = 1;
  int64_t height = 1;
  int64_t width = 1;
  bool bias = true;
  bool residual = false;
  bool relu = false;
  int64_t misalignment = 0;  // of input, output and residual, in bytes

  Conv2dShape shape() const { return {in_channels, out_channels, 3, 3, 1, padding}; }
};

std::ostream& operator<<(std::ostream& out, const Case& c) {
  return out << "C_in " << c.in_channels << " C_out " << c.out_channels << " padding " << c.padding
             << " image " << c.batch << "x" << c.height << "x" << c.width << " bias " << c.bias
             << " residual " << c.residual << " relu " << c.relu << " misalignment "
             << c.misalignment;
}

std::vector<float> RandomFloats(Rng& rng, int64_t count) {
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = static_cast<float>(rng.Uniform(-1, 1));
  return values;
}

// Everything of a case, and what the plain loops make of it.
class Problem {
 public:
  Problem(const Case& c, uint64_t seed)
      : case_(c),
        input_extents_{.batch = c.batch,
                       .height = c.height,
                       .width = c.width,
                       .channels = c.in_channels,
                       .border = c.padding + 1},
        output_extents_{.batch = c.batch,
                        .height = c.shape().OutputHeight(c.height),
                        .width = c.shape().OutputWidth(c.width),
                        .channels = c.out_channels},
        input_(input_extents_.dense_elements(), c.misalignment),
        residual_(output_extents_.dense_elements(), c.misalignment) {
    Rng rng(seed);
    weights_ = RandomFloats(rng, c.shape().num_terms() * c.out_channels);
    if (c.bias) bias_ = RandomFloats(rng, c.out_channels);
    // Zeros as far as the padding reaches, and beyond it what must not be read.
    FillBorder(input(), kNan);
    NhwcView<float> inner = input();
    inner.border = c.padding;
    FillBorder(inner, 0.0f);
    for (int64_t n = 0; n < c.batch; ++n) {
      for (int64_t y = 0; y < c.height; ++y) {
        const std::vector<float> row = RandomFloats(rng, c.width * c.in_channels);
        std::copy(row.begin(), row.end(), input().Pixel(n, y, 0));
      }
    }
    const std::vector<float> residual = RandomFloats(rng, output_extents_.dense_elements());
    std::copy(residual.begin(), residual.end(), residual_.data());
  }

  NhwcView<float> input() { return DenseView(input_.data(), input_extents_); }
  const NhwcExtents& output_extents() const { return output_extents_; }
  std::vector<float>& weights() { return weights_; }

  // The kernel's answer, with its guards checked; scratch memory full of what must not matter.
  std::vector<float> Run(int output_tile, ThreadPool* pool) {
    const PackedWinogradF32 packed = PackWinogradF32(case_.shape(), output_tile, weights_, bias_);
    GuardedBuffer<float> scratch(WinogradScratchElements(
        packed, output_extents_, pool == nullptr ? 1 : pool->num_threads()));
    std::fill(scratch.span().begin(), scratch.span().end(), kNan);
    GuardedBuffer<float> output(output_extents_.dense_elements(), case_.misalignment);
    WinogradF32(packed, input(), DenseView(output.data(), output_extents_), Epilogue(),
                scratch.span(), pool);
    EXPECT_TRUE(output.GuardsAreIntact());
    EXPECT_TRUE(scratch.GuardsAreIntact());
    EXPECT_TRUE(input_.GuardsAreIntact());
    return {output.span().begin(), output.span().end()};
  }

  std::vector<float> Expected() {
    std::vector<float> expected(static_cast<size_t>(output_extents_.dense_elements()));
    Conv2dF32Reference(case_.shape(), weights_, bias_, input(),
                       DenseView(expected.data(), output_extents_), Epilogue());
    return expected;
  }

  // gamma of the roundings of a term, of bias, residual and the reference itself, times the sum of
  // absolute terms.
  std::vector<double> Bounds(int output_tile) {
    std::vector<double> bounds =
        WinogradError(case_.shape(), output_tile, weights_).AbsoluteTerms(input());
    const double factor = SumErrorFactor(WinogradError::NumRoundings(case_.in_channels) + 3);
    for (size_t i = 0; i < bounds.size(); ++i) {
      if (case_.bias) bounds[i] += std::abs(bias_[i % bias_.size()]);
      if (case_.residual) bounds[i] += std::abs(residual_.data()[i]);
      bounds[i] *= factor;
    }
    return bounds;
  }

 private:
  EpilogueF32 Epilogue() {
    EpilogueF32 epilogue{.residual = {}, .relu = case_.relu};
    if (case_.residual) {
      epilogue.residual = DenseView<const float>(residual_.data(), output_extents_);
    }
    return epilogue;
  }

  Case case_;
  NhwcExtents input_extents_;
  NhwcExtents output_extents_;
  GuardedBuffer<float> input_;
  GuardedBuffer<float> residual_;
  std::vector<float> weights_;
  std::vector<float> bias_;
};

std::optional<std::string> Mismatch(const std::vector<float>& actual,
                                    const std::vector<float>& expected,
                                    const std::vector<double>& bounds) {
  return FirstOutOfBound<float, float>(actual, expected, bounds);
}

void Check(const Case& c, uint64_t seed, ThreadPool* pool = nullptr) {
  Problem problem(c, seed);
  const std::vector<float> expected = problem.Expected();
  for (const int output_tile : {2, 4}) {
    const std::vector<double> bounds = problem.Bounds(output_tile);
    for (const KernelTarget& target : SupportedKernelTargets()) {
      const ScopedKernelTarget forced(target);
      const auto mismatch = Mismatch(problem.Run(output_tile, pool), expected, bounds);
      EXPECT_FALSE(mismatch) << "tile " << output_tile << " on " << target.name << ", seed " << seed
                             << ", " << c << ": " << *mismatch;
    }
  }
}

TEST(WinogradTransforms, AreTheConvolutionAndExact) {
  for (const int output_tile : {2, 4}) {
    const WinogradTransforms& transforms = WinogradTransforms::Of(output_tile);
    ASSERT_EQ(transforms.output, output_tile);
    ASSERT_EQ(transforms.input, output_tile + 2);
    // For unit vectors of weights and inputs: y[i] = sum over j of g[j] d[i + j].
    for (int j = 0; j < 3; ++j) {
      for (int k = 0; k < transforms.input; ++k) {
        for (int i = 0; i < transforms.output; ++i) {
          double sum = 0;
          for (int p = 0; p < transforms.input; ++p) {
            sum += transforms.output_transform[i][p] * transforms.filter_transform[p][j] *
                   transforms.input_transform[p][k];
          }
          EXPECT_NEAR(sum, i + j == k ? 1 : 0, 1e-14) << output_tile << " " << i << j << k;
        }
      }
    }
    for (int i = 0; i < transforms.input; ++i) {
      for (int k = 0; k < transforms.input; ++k) {
        const double in = transforms.input_transform[i][k];
        EXPECT_EQ(static_cast<double>(static_cast<float>(in)), in);
        if (i >= transforms.output) continue;
        const double out = transforms.output_transform[i][k];
        EXPECT_EQ(static_cast<double>(static_cast<float>(out)), out);
      }
    }
  }
}

TEST(WinogradF32, LayersOfTheResnets) {
  Check({.in_channels = 64,
         .out_channels = 64,
         .height = 9,
         .width = 7,
         .residual = true,
         .relu = true},
        1);
  Check({.in_channels = 16, .out_channels = 16, .height = 32, .width = 32, .relu = true}, 2);
  Check({.in_channels = 256, .out_channels = 64, .height = 14, .width = 14, .relu = true}, 3);
  Check({.in_channels = 512, .out_channels = 80, .height = 7, .width = 7, .residual = true}, 4);
}

TEST(WinogradF32, ChannelsAroundLanesTilesAndPanels) {
  uint64_t seed = 100;
  for (const int64_t out : {1,  3,  4,  5,  7,  8,  9,  15, 16, 17,  31,  32, 33,
                            47, 48, 49, 63, 64, 65, 79, 80, 81, 127, 128, 129}) {
    for (const int64_t in : {1, 3, 5}) {
      Check({.in_channels = in,
             .out_channels = out,
             .height = 3,
             .width = 5,
             .residual = out % 2 == 0},
            ++seed);
    }
  }
  for (const int64_t in : {2, 4, 7, 8, 9, 15, 16, 17, 31, 33, 127, 128, 129, 257}) {
    Check({.in_channels = in, .out_channels = 20, .height = 5, .width = 4}, ++seed);
  }
}

TEST(WinogradF32, PixelsAroundTilesAndPadding) {
  uint64_t seed = 300;
  for (const int64_t padding : {0, 1, 2, 3}) {
    for (int64_t height = 1; height <= 10; ++height) {
      for (const int64_t width : {3, 4, 6, 7, 9, 29}) {
        Check({.in_channels = 3,
               .out_channels = 18,
               .padding = padding,
               .batch = height == 5 ? 3 : 1,
               .height = height,
               .width = width},
              ++seed);
      }
    }
  }
}

TEST(WinogradF32, NothingToDo) {
  Check({.in_channels = 3, .out_channels = 8, .padding = 0, .height = 2, .width = 2}, 700);
  Check({.in_channels = 3, .out_channels = 8, .batch = 0, .height = 4, .width = 4}, 701);
  Check({.in_channels = 3, .out_channels = 0, .height = 4, .width = 4}, 702);
  Check({.in_channels = 0, .out_channels = 20, .height = 4, .width = 4}, 703);  // bias only
}

TEST(WinogradF32, UnalignedMemory) {
  for (const int64_t misalignment : {4, 8, 20, 36, 60}) {
    Check({.in_channels = 19,
           .out_channels = 37,
           .height = 5,
           .width = 6,
           .residual = true,
           .relu = true,
           .misalignment = misalignment},
          800 + static_cast<uint64_t>(misalignment));
  }
}

TEST(WinogradF32, RandomShapes) {
  const uint64_t seed = 20261122;
  Rng rng(seed);
  ThreadPool pool(2);
  for (int i = 0; i < 60; ++i) {
    const auto upto = [&](uint64_t limit) { return static_cast<int64_t>(rng.Below(limit)); };
    const Case c{.in_channels = 1 + upto(40),
                 .out_channels = 1 + upto(150),
                 .padding = upto(3),
                 .batch = 1 + upto(2),
                 .height = 1 + upto(14),
                 .width = 1 + upto(14),
                 .bias = upto(2) == 0,
                 .residual = upto(2) == 0,
                 .relu = upto(2) == 0,
                 .misalignment = 4 * upto(16)};
    Check(c, seed + static_cast<uint64_t>(i), upto(2) == 0 ? &pool : nullptr);
  }
}

TEST(WinogradF32, TheBoundIsOfUse) {
  // One weight that is a tenth off leaves it.
  Problem problem({.in_channels = 64, .out_channels = 16, .height = 8, .width = 8}, 5);
  const std::vector<float> expected = problem.Expected();
  *std::max_element(problem.weights().begin(), problem.weights().end()) *= 1.1f;
  for (const int output_tile : {2, 4}) {
    const std::vector<double> bounds = problem.Bounds(output_tile);
    EXPECT_TRUE(Mismatch(problem.Run(output_tile, nullptr), expected, bounds)) << output_tile;
  }
}

TEST(WinogradF32, ErrorsHaveTheVarianceThatIsDerived) {
  // The mean of squared errors against the mean of variances: not above it, and within what the
  // derivation gives away (terms are counted by their absolute sum).
  Problem problem({.in_channels = 64, .out_channels = 64, .height = 16, .width = 16, .bias = false},
                  6);
  const Conv2dShape shape = Case{.in_channels = 64, .out_channels = 64}.shape();
  const std::vector<float> expected = problem.Expected();
  for (const int output_tile : {2, 4}) {
    const std::vector<double> variances =
        WinogradError(shape, output_tile, problem.weights()).Variances(problem.input());
    const std::vector<float> actual = problem.Run(output_tile, nullptr);
    double squares = 0;
    double variance = 0;
    for (size_t i = 0; i < actual.size(); ++i) {
      squares += std::pow(double{actual[i]} - double{expected[i]}, 2);
      variance += variances[i];
    }
    EXPECT_LT(squares, variance) << output_tile;
    EXPECT_GT(squares, variance / 100) << output_tile;
  }
}

TEST(WinogradF32, NanReachesWhatSeesItAndStaysInItsTiles) {
  // A transform mixes the outputs of a tile: all of them become NaN, and none beyond.
  Problem problem({.in_channels = 3, .out_channels = 18, .height = 16, .width = 16, .relu = true},
                  7);
  problem.input().Pixel(0, 6, 9)[1] = kNan;
  for (const int output_tile : {2, 4}) {
    for (const KernelTarget& target : SupportedKernelTargets()) {
      const ScopedKernelTarget forced(target);
      const std::vector<float> actual = problem.Run(output_tile, nullptr);
      for (int64_t y = 0; y < 16; ++y) {
        for (int64_t x = 0; x < 16; ++x) {
          const bool sees = std::abs(y - 6) <= 1 && std::abs(x - 9) <= 1;
          const int64_t top = y / output_tile * output_tile - 1;
          const int64_t left = x / output_tile * output_tile - 1;
          const bool in_tile =
              top <= 6 && 6 < top + output_tile + 2 && left <= 9 && 9 < left + output_tile + 2;
          const bool is_nan = std::isnan(actual[static_cast<size_t>((y * 16 + x) * 18)]);
          EXPECT_TRUE(!sees || is_nan) << target.name << " " << y << " " << x;
          EXPECT_TRUE(in_tile || !is_nan) << target.name << " " << y << " " << x;
        }
      }
    }
  }
}

TEST(WinogradF32, ThreadsDoNotChangeABit) {
  // More than a megabyte of weights: work is shared out by tiles as long as a thread gets 24 of
  // them, else by panels, of which there are more and fewer than threads.
  Problem problem({.in_channels = 130,
                   .out_channels = 136,
                   .height = 17,
                   .width = 19,
                   .residual = true,
                   .relu = true},
                  77);
  for (const int output_tile : {2, 4}) {
    const std::vector<float> one = problem.Run(output_tile, nullptr);
    for (const int num_threads : {1, 2, 3, 7}) {
      ThreadPool pool(num_threads);
      const auto difference = FirstBitDifference<float>(problem.Run(output_tile, &pool), one);
      EXPECT_FALSE(difference) << num_threads << " threads: " << *difference;
    }
  }
}

TEST(ChooseWinogradTile, WeighsMultiplicationsAgainstWeights) {
  const auto choose = [](int64_t channels, int64_t size) {
    return ChooseWinogradTile({channels, channels, 3, 3, 1, 1}, size, size);
  };
  EXPECT_EQ(choose(64, 56), 4);   // many pixels
  EXPECT_EQ(choose(256, 14), 2);  // many weights
  EXPECT_EQ(choose(512, 3), 0);   // hardly any pixels: weights are all that counts
  EXPECT_EQ(choose(2, 56), 0);    // hardly any channels: transforms are
  EXPECT_EQ(ChooseWinogradTile({64, 64, 3, 3, 2, 1}, 56, 56), 0);
  EXPECT_EQ(ChooseWinogradTile({64, 64, 1, 1, 1, 0}, 56, 56), 0);
  EXPECT_EQ(ChooseWinogradTile({64, 64, 3, 5, 1, 1}, 56, 56), 0);
}

}  // namespace
}  // namespace deixis
