// The convolution on every instruction set of this machine against plain loops.
#include "kernels/conv2d_f32/conv2d_f32.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <ostream>

#include "base/rng.h"
#include "base/testing/compare.h"
#include "kernels/targets.h"

namespace deixis {
namespace {

using testing::FirstBitDifference;
using testing::FirstOutOfBound;
using testing::GuardedBuffer;
using testing::SumErrorFactor;

struct Case {
  Conv2dShape shape;
  int64_t batch = 1;
  int64_t height = 1;
  int64_t width = 1;
  bool bias = true;
  bool residual = false;
  bool relu = false;
  int64_t misalignment = 0;  // of input, output and residual, in bytes
  bool nan = false;          // one input is not a number
};

std::ostream& operator<<(std::ostream& out, const Case& c) {
  return out << "C_in " << c.shape.in_channels << " C_out " << c.shape.out_channels << " filter "
             << c.shape.filter_height << "x" << c.shape.filter_width << " stride " << c.shape.stride
             << " padding " << c.shape.padding << " image " << c.batch << "x" << c.height << "x"
             << c.width << " bias " << c.bias << " residual " << c.residual << " relu " << c.relu
             << " misalignment " << c.misalignment << " nan " << c.nan;
}

std::vector<float> RandomFloats(Rng& rng, int64_t count) {
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = static_cast<float>(rng.Uniform(-1, 1));
  return values;
}

void Fill(Rng& rng, const NhwcView<float>& view) {
  for (int64_t n = 0; n < view.batch; ++n) {
    for (int64_t y = 0; y < view.height; ++y) {
      float* row = view.Pixel(n, y, 0);
      for (int64_t i = 0; i < view.width * view.channels; ++i) {
        row[i] = static_cast<float>(rng.Uniform(-1, 1));
      }
    }
  }
}

std::vector<float> Absolute(std::vector<float> values) {
  for (float& value : values) value = std::abs(value);
  return values;
}

// Zeros as far as the padding reaches, and beyond it what must not be read.
void MakeBorder(const NhwcView<float>& view, int64_t padding) {
  FillBorder(view, std::numeric_limits<float>::quiet_NaN());
  NhwcView<float> inner = view;
  inner.border = padding;
  FillBorder(inner, 0.0f);
}

// Everything of a case, and what the reference makes of it.
class Problem {
 public:
  Problem(const Case& c, uint64_t seed)
      : case_(c),
        input_extents_{.batch = c.batch,
                       .height = c.height,
                       .width = c.width,
                       .channels = c.shape.in_channels,
                       .border = c.shape.padding + 1},
        output_extents_{.batch = c.batch,
                        .height = c.shape.OutputHeight(c.height),
                        .width = c.shape.OutputWidth(c.width),
                        .channels = c.shape.out_channels},
        input_(input_extents_.dense_elements(), c.misalignment),
        residual_(output_extents_.dense_elements(), c.misalignment) {
    Rng rng(seed);
    weights_ = RandomFloats(rng, c.shape.num_terms() * c.shape.out_channels);
    if (c.bias) bias_ = RandomFloats(rng, c.shape.out_channels);
    const NhwcView<float> input = InputView();
    MakeBorder(input, c.shape.padding);
    Fill(rng, input);
    if (c.nan && input.num_elements() > 0) {
      input.Pixel(0, static_cast<int64_t>(rng.Below(c.height)),
                  static_cast<int64_t>(rng.Below(c.width)))[0] =
          std::numeric_limits<float>::quiet_NaN();
    }
    Fill(rng, DenseView(residual_.data(), output_extents_));
    expected_ = Reference(weights_, bias_, /*absolute=*/false);
    bound_ = Bounds();
  }

  // The kernel's answer, with its guards checked.
  std::vector<float> Run(ThreadPool* pool) {
    GuardedBuffer<float> output(output_extents_.dense_elements(), case_.misalignment);
    const PackedConv2dF32 packed = PackConv2dF32(case_.shape, weights_, bias_);
    Conv2dF32(packed, InputView(), DenseView(output.data(), output_extents_),
              Epilogue(residual_.data(), case_.relu), pool);
    EXPECT_TRUE(output.GuardsAreIntact());
    EXPECT_TRUE(input_.GuardsAreIntact());
    return {output.span().begin(), output.span().end()};
  }

  std::optional<std::string> Mismatch(const std::vector<float>& actual) const {
    return FirstOutOfBound<float, float>(actual, expected_, bound_);
  }

 private:
  NhwcView<float> InputView() { return DenseView(input_.data(), input_extents_); }

  EpilogueF32 Epilogue(const float* residual, bool relu) const {
    EpilogueF32 epilogue{.residual = {}, .relu = relu};
    if (case_.residual) epilogue.residual = DenseView(residual, output_extents_);
    return epilogue;
  }

  std::vector<float> Reference(const std::vector<float>& weights, const std::vector<float>& bias,
                               bool absolute) {
    std::vector<float> residual(residual_.span().begin(), residual_.span().end());
    std::vector<float> input(input_.span().begin(), input_.span().end());
    if (absolute) {
      residual = Absolute(residual);
      input = Absolute(input);
    }
    std::vector<float> output(static_cast<size_t>(output_extents_.dense_elements()));
    Conv2dF32Reference(case_.shape, weights, bias, DenseView(input.data(), input_extents_),
                       DenseView(output.data(), output_extents_),
                       Epilogue(residual.data(), !absolute && case_.relu));
    return output;
  }

  // Per output: gamma of the products, their additions, bias and residual, times the sum of the
  // absolute terms; and the rounding of the reference itself to float.
  std::vector<double> Bounds() {
    const std::vector<float> sums = Reference(Absolute(weights_), Absolute(bias_), true);
    const double factor = SumErrorFactor(case_.shape.num_terms() + 4);
    std::vector<double> bounds(sums.begin(), sums.end());
    for (double& bound : bounds) bound *= factor;
    return bounds;
  }

  Case case_;
  NhwcExtents input_extents_;
  NhwcExtents output_extents_;
  GuardedBuffer<float> input_;
  GuardedBuffer<float> residual_;
  std::vector<float> weights_;
  std::vector<float> bias_;
  std::vector<float> expected_;
  std::vector<double> bound_;
};

void Check(const Case& c, uint64_t seed, ThreadPool* pool = nullptr) {
  Problem problem(c, seed);
  for (const KernelTarget& target : SupportedKernelTargets()) {
    const ScopedKernelTarget forced(target);
    const auto mismatch = problem.Mismatch(problem.Run(pool));
    EXPECT_FALSE(mismatch) << target.name << ", seed " << seed << ", " << c << ": " << *mismatch;
  }
}

TEST(Conv2dF32, LayersOfTheResnets) {
  Check({.shape = {3, 64, 7, 7, 2, 3}, .height = 23, .width = 30, .relu = true}, 1);
  Check({.shape = {64, 64, 3, 3, 1, 1}, .height = 9, .width = 7, .residual = true, .relu = true},
        2);
  Check({.shape = {64, 128, 3, 3, 2, 1}, .height = 14, .width = 14, .relu = true}, 3);
  Check({.shape = {64, 128, 1, 1, 2, 0}, .height = 14, .width = 14}, 4);
  Check({.shape = {16, 16, 3, 3, 1, 1}, .height = 32, .width = 32, .relu = true}, 5);
  Check({.shape = {512, 1000, 1, 1, 1, 0}}, 6);
}

TEST(Conv2dF32, ChannelsAroundLanesTilesAndPanels) {
  uint64_t seed = 100;
  for (const int64_t out : {1,  3,  4,  5,  7,  8,  9,  15, 16, 17,  31,  32, 33,
                            47, 48, 49, 63, 64, 65, 79, 80, 81, 127, 128, 129}) {
    for (const int64_t in : {1, 2, 3, 5}) {
      Check({.shape = {in, out, 3, 3, 1, 1}, .height = 3, .width = 5, .residual = out % 2 == 0},
            ++seed);
    }
  }
}

TEST(Conv2dF32, PixelsAroundTiles) {
  uint64_t seed = 300;
  for (int64_t width = 1; width <= 26; ++width) {
    Check({.shape = {5, 70, 1, 3, 1, 1}, .height = 1, .width = width}, ++seed);
    Check({.shape = {4, 20, 2, 2, 1, 0}, .batch = 3, .height = 3, .width = width}, ++seed);
  }
}

TEST(Conv2dF32, StridesFiltersAndPadding) {
  uint64_t seed = 500;
  for (const int64_t stride : {1, 2, 3, 5}) {
    for (const int64_t filter : {1, 2, 3, 5, 7}) {
      for (const int64_t padding : {0, 1, 3}) {
        Check({.shape = {3, 17, filter, filter, stride, padding}, .height = 11, .width = 13},
              ++seed);
      }
    }
  }
}

TEST(Conv2dF32, NothingToDo) {
  Check({.shape = {3, 8, 3, 3, 1, 0}, .height = 2, .width = 2}, 700);  // no output pixel
  Check({.shape = {3, 8, 3, 3, 1, 1}, .batch = 0, .height = 4, .width = 4}, 701);  // no image
  Check({.shape = {3, 0, 3, 3, 1, 1}, .height = 4, .width = 4}, 702);              // no channel out
  Check({.shape = {0, 20, 3, 3, 1, 1}, .height = 4, .width = 4}, 703);             // bias only
}

TEST(Conv2dF32, UnalignedMemory) {
  for (const int64_t misalignment : {4, 8, 20, 36, 60}) {
    Check({.shape = {7, 37, 3, 3, 1, 1},
           .height = 5,
           .width = 6,
           .residual = true,
           .relu = true,
           .misalignment = misalignment},
          800 + static_cast<uint64_t>(misalignment));
  }
}

TEST(Conv2dF32, NanReachesExactlyTheOutputsThatSeeIt) {
  for (uint64_t seed = 900; seed < 910; ++seed) {
    Check({.shape = {3, 18, 3, 3, 1, 1}, .height = 6, .width = 7, .relu = true, .nan = true}, seed);
  }
}

TEST(Conv2dF32, LargePanelsTakeSeveralPasses) {
  // 3 filter rows of 3 * 1024 * 64 floats: more than the second-level cache is given.
  Check({.shape = {1024, 70, 3, 3, 1, 1}, .height = 3, .width = 5, .residual = true, .relu = true},
        950);
}

TEST(Conv2dF32, RandomShapes) {
  const uint64_t seed = 20261122;
  Rng rng(seed);
  ThreadPool pool(2);
  for (int i = 0; i < 200; ++i) {
    const auto upto = [&](uint64_t limit) { return static_cast<int64_t>(rng.Below(limit)); };
    const Case c{
        .shape = {1 + upto(40), 1 + upto(150), 1 + upto(5), 1 + upto(5), 1 + upto(3), upto(4)},
        .batch = 1 + upto(2),
        .height = 1 + upto(12),
        .width = 1 + upto(12),
        .bias = upto(2) == 0,
        .residual = upto(2) == 0,
        .relu = upto(2) == 0,
        .misalignment = 4 * upto(16)};
    Check(c, seed + static_cast<uint64_t>(i), upto(2) == 0 ? &pool : nullptr);
  }
}

TEST(Conv2dF32, ThreadsDoNotChangeABit) {
  Problem problem({.shape = {24, 200, 3, 3, 1, 1}, .height = 29, .width = 31, .relu = true}, 77);
  const std::vector<float> one = problem.Run(nullptr);
  for (const int num_threads : {1, 2, 3, 7}) {
    ThreadPool pool(num_threads);
    const auto difference = FirstBitDifference<float>(problem.Run(&pool), one);
    EXPECT_FALSE(difference) << num_threads << " threads: " << *difference;
  }
}

}  // namespace
}  // namespace deixis
