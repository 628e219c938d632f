// Moments of what a layer sees, against each other and by hand.
#include "compress/layer_samples.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/rng.h"
#include "network/testing/synthetic.h"

namespace deixis {
namespace {

constexpr int64_t kPictures = 40;
constexpr int64_t kOutputs = 3;

// A linear layer alone on random pictures of 5 x `width` pixels; its outputs are random too.
class OneLayer {
 public:
  explicit OneLayer(int64_t width)
      : length_(5 * width * 3),
        graph_{.nodes = {{.kind = OpKind::kLinear,
                          .name = "fc",
                          .inputs = {0},
                          .in_channels = length_,
                          .out_channels = kOutputs}}},
        segment_{.layer = 0, .input = 0, .tail = {}, .output = 1},
        stream_(graph_, ExtentsOfValues(graph_, 5, width), Pictures(), kPictures),
        pool_(2),
        samples_(graph_, segment_, stream_, /*max_rows=*/1000) {
    for (int64_t n = 0; n < kPictures; ++n) {
      samples_.TakeOriginal(n, testing::UniformFloats(rng_, kOutputs, 1, 2));
    }
    samples_.TakeShortcuts(stream_, stream_, pool_);
  }

  int64_t length() const { return length_; }
  LayerSamples::Moments Gather() { return samples_.Gather(stream_, pool_); }
  std::vector<double> OutputVariances(std::span<const float> weights) {
    return samples_.OutputVariances(stream_, weights, pool_);
  }

 private:
  ActivationStream::Values Pictures() {
    auto values = std::make_shared<AlignedVector<float>>(kPictures * length_);
    const std::vector<float> random = testing::UniformFloats(rng_, kPictures * length_, 0.5f, 2);
    std::copy(random.begin(), random.end(), values->begin());
    return values;
  }

  Rng rng_{5};
  int64_t length_;
  Graph graph_;
  Segment segment_;
  ActivationStream stream_;
  ThreadPool pool_;
  LayerSamples samples_;
};

TEST(LayerSamples, VariancesAreTheCovariancesDiagonalAndForm) {
  OneLayer layer(4);
  const LayerSamples::Moments moments = layer.Gather();
  const int64_t length = layer.length();
  ASSERT_EQ(moments.covariance.size(), static_cast<size_t>(length * length));
  Rng rng(6);
  const std::vector<float> weights = testing::UniformFloats(rng, kOutputs * length, 0, 1);
  const std::vector<double> variances = layer.OutputVariances(weights);
  for (int64_t i = 0; i < length; ++i) {
    EXPECT_NEAR(moments.input_variance[i], moments.covariance[i * (length + 1)], 1e-5);
  }
  for (int64_t o = 0; o < kOutputs; ++o) {
    double form = 0;
    for (int64_t i = 0; i < length; ++i) {
      for (int64_t j = 0; j < length; ++j) {
        form += double{weights[o * length + i]} * moments.covariance[i * length + j] *
                weights[o * length + j];
      }
    }
    EXPECT_NEAR(variances[o], form, 1e-4 * form) << o;
  }
}

TEST(LayerSamples, LongRowsHaveTheirMomentsWithoutACovariance) {
  OneLayer layer(LayerSamples::kMaxCovarianceLength / 15 + 1);
  const LayerSamples::Moments moments = layer.Gather();
  EXPECT_TRUE(moments.covariance.empty());
  ASSERT_EQ(moments.input_variance.size(), static_cast<size_t>(layer.length()));
  ASSERT_EQ(moments.cross.size(), static_cast<size_t>(kOutputs * layer.length()));
  // Uniform over 2 around 0.5: a variance of 1/3, and nothing to do with the targets.
  double mean = 0;
  double variance = 0;
  double cross = 0;
  for (int64_t i = 0; i < layer.length(); ++i) {
    mean += moments.input_mean[i] / static_cast<double>(layer.length());
    variance += moments.input_variance[i] / static_cast<double>(layer.length());
    cross += moments.cross[i] / static_cast<double>(layer.length());
  }
  EXPECT_NEAR(mean, 0.5, 0.01);
  EXPECT_NEAR(variance, 4.0 / 12 * (kPictures - 1) / kPictures, 0.01);
  EXPECT_NEAR(cross, 0, 0.01);
  for (int64_t o = 0; o < kOutputs; ++o) EXPECT_NEAR(moments.target_mean[o], 1, 0.4);
}

}  // namespace
}  // namespace deixis
