// The u8 convolution on every instruction set of this machine, with and without a dot instruction,
// as int8 and as codebook: bit by bit against plain loops.
#include "kernels/conv2d_u8/conv2d_u8.h"

#include <gtest/gtest.h>

#include <cmath>
#include <ostream>
#include <vector>

#include "base/rng.h"
#include "base/testing/compare.h"
#include "kernels/targets.h"
#include "kernels/testing/targets_to_test.h"

namespace deixis {
namespace {

using testing::FirstBitDifference;
using testing::GuardedBuffer;
using testing::TargetsToTest;

struct Case {
  Conv2dShape shape;
  int64_t batch = 1;
  int64_t height = 1;
  int64_t width = 1;
  bool bias = true;
  bool residual = false;
  int64_t misalignment = 0;  // of input, output and residual, in bytes
  int num_centroids = 16;
  bool extremes = false;  // inputs 255, weights -128 and 127 only
};

std::ostream& operator<<(std::ostream& out, const Case& c) {
  return out << "C_in " << c.shape.in_channels << " C_out " << c.shape.out_channels << " filter "
             << c.shape.filter_height << "x" << c.shape.filter_width << " stride " << c.shape.stride
             << " padding " << c.shape.padding << " image " << c.batch << "x" << c.height << "x"
             << c.width << " bias " << c.bias << " residual " << c.residual << " misalignment "
             << c.misalignment << " K " << c.num_centroids << " extremes " << c.extremes;
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
                       .border = c.shape.padding},
        output_extents_{.batch = c.batch,
                        .height = c.shape.OutputHeight(c.height),
                        .width = c.shape.OutputWidth(c.width),
                        .channels = c.shape.out_channels},
        input_(input_extents_.dense_elements() + kInputSlackBytes, c.misalignment),
        residual_(output_extents_.dense_elements(), c.misalignment) {
    Rng rng(seed);
    // The border too: a kernel reads it as it is. The slack must not count, whatever it holds.
    for (uint8_t& x : input_.span()) x = c.extremes ? 255 : static_cast<uint8_t>(rng.Below(256));
    for (uint8_t& x : residual_.span()) x = static_cast<uint8_t>(rng.Below(256));
    MakeWeights(rng);
    for (int64_t o = 0; o < c.shape.out_channels; ++o) {
      // Sums are about sqrt(terms) * 74 * 147 large; the result should use the range of u8, ties
      // and both ends included.
      const double spread = std::sqrt(static_cast<double>(c.shape.num_terms()) + 1) * 10000;
      scale_.push_back(static_cast<float>(rng.Uniform(0.2, 1) * 100 / spread));
      if (c.bias) bias_.push_back(static_cast<float>(rng.Uniform(-60, 200)));
    }
    expected_.resize(static_cast<size_t>(output_extents_.dense_elements()));
    expected_floats_.resize(expected_.size());
    Conv2dU8Reference(c.shape, weights_, scale_, bias_, InputView(),
                      DenseView(expected_.data(), output_extents_), Epilogue());
    Conv2dU8ToF32Reference(c.shape, weights_, scale_, bias_, InputView(),
                           DenseView(expected_floats_.data(), output_extents_));
  }

  PackedConv2dU8 Pack(WeightForm8 form) const {
    if (form == WeightForm8::kInt8) return PackConv2dU8(case_.shape, weights_, scale_, bias_);
    return PackConv2dU8Codebook(case_.shape, indices_, codebooks_, scale_, bias_);
  }

  std::optional<std::string> Mismatch(const PackedConv2dU8& packed, ThreadPool* pool) {
    AlignedVector<uint8_t> scratch(static_cast<size_t>(
        Conv2dU8ScratchBytes(packed, pool == nullptr ? 1 : pool->num_threads())));
    GuardedBuffer<uint8_t> output(output_extents_.dense_elements(), case_.misalignment);
    Conv2dU8(packed, InputView(), DenseView(output.data(), output_extents_), Epilogue(),
             scratch.data(), pool);
    EXPECT_TRUE(output.GuardsAreIntact());
    if (auto found = FirstBitDifference<uint8_t>(output.span(), expected_)) return found;

    GuardedBuffer<float> floats(output_extents_.dense_elements(), case_.misalignment / 4 * 4);
    Conv2dU8ToF32(packed, InputView(), DenseView(floats.data(), output_extents_), scratch.data(),
                  pool);
    EXPECT_TRUE(floats.GuardsAreIntact());
    return FirstBitDifference<float>(floats.span(), expected_floats_);
  }

 private:
  void MakeWeights(Rng& rng) {
    const Conv2dShape& shape = case_.shape;
    const int64_t groups = (shape.out_channels + kCodebookChannels - 1) / kCodebookChannels;
    codebooks_.resize(static_cast<size_t>(groups * kCodebookSize));
    for (int8_t& centroid : codebooks_) {
      centroid = static_cast<int8_t>(static_cast<int>(rng.Below(256)) - 128);
      if (case_.extremes) centroid = rng.Below(2) == 0 ? -128 : 127;
    }
    for (int64_t o = 0; o < shape.out_channels; ++o) {
      for (int64_t i = 0; i < shape.num_terms(); ++i) {
        indices_.push_back(static_cast<uint8_t>(rng.Below(case_.num_centroids)));
        weights_.push_back(codebooks_[o / kCodebookChannels * kCodebookSize + indices_.back()]);
      }
    }
  }

  NhwcView<const uint8_t> InputView() { return DenseView(input_.data(), input_extents_); }
  EpilogueU8 Epilogue() {
    if (!case_.residual) return {};
    return {.residual = DenseView(residual_.data(), output_extents_), .residual_scale = 0.37f};
  }

  Case case_;
  NhwcExtents input_extents_;
  NhwcExtents output_extents_;
  GuardedBuffer<uint8_t> input_;
  GuardedBuffer<uint8_t> residual_;
  std::vector<int8_t> codebooks_;
  std::vector<uint8_t> indices_;
  std::vector<int8_t> weights_;
  std::vector<float> scale_;
  std::vector<float> bias_;
  std::vector<uint8_t> expected_;
  std::vector<float> expected_floats_;
};

void Check(const Case& c, uint64_t seed, ThreadPool* pool = nullptr) {
  Problem problem(c, seed);
  for (const WeightForm8 form : {WeightForm8::kInt8, WeightForm8::kCodebook4}) {
    const PackedConv2dU8 packed = problem.Pack(form);
    const char* name = form == WeightForm8::kInt8 ? "int8" : "codebook";
    for (const KernelTarget& target : TargetsToTest()) {
      const ScopedKernelTarget forced(target);
      const auto mismatch = problem.Mismatch(packed, pool);
      EXPECT_FALSE(mismatch) << name << " on " << target.FullName() << ", seed " << seed << ", "
                             << c << ": " << *mismatch;
    }
  }
}

TEST(Conv2dU8, LayersOfTheResnets) {
  Check({.shape = {3, 64, 7, 7, 2, 3}, .height = 23, .width = 30}, 1);
  Check({.shape = {64, 64, 3, 3, 1, 1}, .height = 9, .width = 7, .residual = true}, 2);
  Check({.shape = {64, 128, 3, 3, 2, 1}, .height = 14, .width = 14}, 3);
  Check({.shape = {64, 128, 1, 1, 2, 0}, .height = 14, .width = 14}, 4);
  Check({.shape = {16, 16, 3, 3, 1, 1}, .height = 32, .width = 32, .residual = true}, 5);
  Check({.shape = {512, 1000, 1, 1, 1, 0}}, 6);
}

TEST(Conv2dU8, ExtremesDoNotSaturateASum) {
  // 4608 terms of 255 * -128 and 255 * 127.
  Check({.shape = {512, 20, 3, 3, 1, 1}, .height = 3, .width = 3, .extremes = true}, 20);
}

TEST(Conv2dU8, ChannelsAroundLanesTilesAndPanels) {
  uint64_t seed = 100;
  for (const int64_t out : {1,  3,  4,  5,  7,  8,  9,  15, 16, 17,  31,  32, 33,
                            47, 48, 49, 63, 64, 65, 79, 80, 81, 127, 128, 129}) {
    for (const int64_t in : {1, 2, 3, 4, 5}) {
      Check({.shape = {in, out, 3, 3, 1, 1}, .height = 3, .width = 5, .residual = out % 2 == 0},
            ++seed);
    }
  }
}

TEST(Conv2dU8, PixelsAroundTiles) {
  uint64_t seed = 300;
  for (int64_t width = 1; width <= 26; ++width) {
    Check({.shape = {5, 70, 1, 3, 1, 1}, .height = 1, .width = width}, ++seed);
    Check({.shape = {4, 20, 2, 2, 1, 0}, .batch = 3, .height = 3, .width = width}, ++seed);
  }
}

TEST(Conv2dU8, EveryNumberOfCentroids) {
  for (int k = 1; k <= 16; ++k) {
    Check({.shape = {6, 21, 3, 3, 1, 1}, .height = 4, .width = 5, .num_centroids = k},
          400 + static_cast<uint64_t>(k));
  }
}

TEST(Conv2dU8, NothingToDo) {
  Check({.shape = {3, 8, 3, 3, 1, 0}, .height = 2, .width = 2}, 700);  // no output pixel
  Check({.shape = {3, 8, 3, 3, 1, 1}, .batch = 0, .height = 4, .width = 4}, 701);  // no image
  Check({.shape = {3, 0, 3, 3, 1, 1}, .height = 4, .width = 4}, 702);              // no channel out
  Check({.shape = {0, 20, 3, 3, 1, 1}, .height = 4, .width = 4}, 703);             // bias only
}

// Random shapes, strides, channel counts and K, each on every target, as int8 and as codebook.
constexpr int kNumRandomShapes = 1000;

TEST(Conv2dU8, RandomShapes) {
  const uint64_t seed = 20261122;
  Rng rng(seed);
  ThreadPool pool(3);
  for (int i = 0; i < kNumRandomShapes; ++i) {
    const auto upto = [&](uint64_t limit) { return static_cast<int64_t>(rng.Below(limit)); };
    const Case c{
        .shape = {1 + upto(40), 1 + upto(150), 1 + upto(5), 1 + upto(5), 1 + upto(3), upto(4)},
        .batch = 1 + upto(2),
        .height = 1 + upto(12),
        .width = 1 + upto(12),
        .bias = upto(2) == 0,
        .residual = upto(2) == 0,
        .misalignment = upto(64),
        .num_centroids = static_cast<int>(2 + upto(15))};
    Check(c, seed + static_cast<uint64_t>(i), upto(2) == 0 ? &pool : nullptr);
  }
}

TEST(Conv2dU8, RoundsTiesToEvenAndClamps) {
  // One input, one weight of 1: y = x * scale + bias.
  const Conv2dShape shape{1, 1, 1, 1, 1, 0};
  const std::vector<uint8_t> input = {0, 1, 2, 3, 5, 200, 255, 0, 0, 0};
  const std::vector<int8_t> weights = {1};
  const NhwcExtents extents{.height = 1, .width = 7, .channels = 1};
  const auto run = [&](float scale, float bias) {
    std::vector<uint8_t> output(7);
    Conv2dU8(PackConv2dU8(shape, weights, std::vector<float>{scale}, std::vector<float>{bias}),
             DenseView(input.data(), extents), DenseView(output.data(), extents), {}, nullptr);
    return output;
  };
  EXPECT_EQ(run(0.5f, 0), (std::vector<uint8_t>{0, 0, 1, 2, 2, 100, 128}));
  EXPECT_EQ(run(-1, 3), (std::vector<uint8_t>{3, 2, 1, 0, 0, 0, 0}));
  EXPECT_EQ(run(1e30f, 0), (std::vector<uint8_t>{0, 255, 255, 255, 255, 255, 255}));
}

TEST(Conv2dU8, CodebookWeightsTakeHalfTheMemory) {
  const Conv2dShape shape{64, 64, 3, 3, 1, 1};
  const auto count = static_cast<size_t>(shape.num_terms() * shape.out_channels);
  const std::vector<float> scale(64, 1.0f);
  const PackedConv2dU8 int8 = PackConv2dU8(shape, std::vector<int8_t>(count), scale);
  const PackedConv2dU8 codebook =
      PackConv2dU8Codebook(shape, std::vector<uint8_t>(count), std::vector<int8_t>(16 * 16), scale);
  EXPECT_EQ(int8.own_panels.size(), count);
  EXPECT_EQ(codebook.own_panels.size(), count / 2);
  EXPECT_EQ(codebook.tables.size(), 256u);
}

}  // namespace
}  // namespace deixis
