// Pretraining: it learns, it goes on from a checkpoint to the very model of one that was not
// stopped and from a backbone with its weights, and it says what it will not do.
#include "train/pretrainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include "train/testing/compressed_network.h"
#include "train/testing/resnet20.h"

namespace deixis {
namespace {

using ::testing::FloatNear;
using ::testing::HasSubstr;
using ::testing::Pointwise;
using testing::Resnet20;

PretrainOptions Quick() {
  PretrainOptions options;
  options.phases = {{16, 0.5}, {24, 0.5}};
  options.batch_size = 8;
  options.num_steps = 6;
  options.steps_per_report = 2;
  return options;
}

class PretrainTest : public ::testing::Test {
 protected:
  std::string path_ = ::testing::TempDir() + "pretrain_" + std::to_string(::getpid()) + ".part";
  ~PretrainTest() override { std::filesystem::remove(path_); }
};

TEST_F(PretrainTest, GoesOnAsIfNeverStopped) {
  std::vector<PretrainReport> reports;
  const auto whole = Pretrain(Resnet20(), Quick(), [&](const PretrainReport& report) {
    reports.push_back(report);
    return true;
  });
  ASSERT_TRUE(whole.ok()) << whole.error().message;
  ASSERT_EQ(reports.size(), 3u);
  EXPECT_EQ(reports[0].side_px, 16);
  EXPECT_EQ(reports[2].side_px, 24);
  EXPECT_EQ(reports[2].pictures, 48);
  EXPECT_EQ(reports[2].progress, 1);
  EXPECT_EQ(whole->preprocessing.height_px, 24);

  PretrainOptions options = Quick();
  options.checkpoint = path_;
  const auto stopped =
      Pretrain(Resnet20(), options, [](const PretrainReport& report) { return report.step < 4; });
  ASSERT_FALSE(stopped.ok());
  EXPECT_EQ(stopped.error().code, ErrorCode::kInterrupted);
  int64_t first_step = 0;
  const auto resumed = Pretrain(Resnet20(), options, [&](const PretrainReport& report) {
    first_step = first_step == 0 ? report.step : first_step;
    return true;
  });
  ASSERT_TRUE(resumed.ok()) << resumed.error().message;
  EXPECT_EQ(first_step, 6);
  ASSERT_EQ(resumed->layers.size(), whole->layers.size());
  for (const auto& [name, layer] : whole->layers) {
    EXPECT_TRUE(BitIdentical(std::get<Tensor>(layer.weight),
                             std::get<Tensor>(resumed->layers.at(name).weight)))
        << name;
  }
}

TEST_F(PretrainTest, RefusesAnothersCheckpoint) {
  PretrainOptions options = Quick();
  options.checkpoint = path_;
  options.num_steps = 2;
  ASSERT_TRUE(Pretrain(Resnet20(), options).ok());
  options.learning_rate = 0.1;
  const auto other = Pretrain(Resnet20(), options);
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.error().code, ErrorCode::kInvalidData);
  EXPECT_THAT(other.error().message, HasSubstr("learning_rate"));
}

TEST_F(PretrainTest, FollowsTheClockToo) {
  PretrainOptions options = Quick();
  options.num_steps = 0;
  options.minutes = 0.02;
  PretrainReport last;
  const auto model = Pretrain(Resnet20(), options, [&](const PretrainReport& report) {
    last = report;
    return true;
  });
  ASSERT_TRUE(model.ok()) << model.error().message;
  EXPECT_GE(last.progress, 1);
  EXPECT_GE(last.seconds, 1.2);
  EXPECT_LT(last.learning_rate, 1e-4);
}

// One step that is too small to be seen in a weight.
PretrainOptions OneTinyStep() {
  PretrainOptions options = Quick();
  options.num_steps = 1;
  options.learning_rate = 1e-30;
  return options;
}

TEST_F(PretrainTest, GoesOnFromABackbone) {
  auto backbone = Pretrain(Resnet20(), Quick());
  ASSERT_TRUE(backbone.ok()) << backbone.error().message;
  backbone->preprocessing.mean = {0.4f, 0.5f, 0.6f};
  ASSERT_TRUE(SaveModel(path_, *backbone).ok());
  PretrainOptions options = OneTinyStep();
  options.seed = 5;  // other classes, another head
  options.backbone = path_;
  const auto on = Pretrain(Resnet20(), options);
  ASSERT_TRUE(on.ok()) << on.error().message;
  for (const auto& [name, layer] : backbone->layers) {
    const bool same =
        BitIdentical(std::get<Tensor>(layer.weight), std::get<Tensor>(on->layers.at(name).weight));
    EXPECT_EQ(same, name != "linear") << name;
  }
  EXPECT_EQ(on->preprocessing.mean, backbone->preprocessing.mean);
  EXPECT_EQ(on->preprocessing.height_px, 24);
}

TEST_F(PretrainTest, GoesOnFromACompressedBackbone) {
  const auto backbone = Pretrain(Resnet20(), Quick());
  ASSERT_TRUE(backbone.ok()) << backbone.error().message;
  const Model compressed = testing::CompressedNetwork(*backbone);
  ASSERT_TRUE(SaveModel(path_, compressed).ok());
  PretrainOptions options = OneTinyStep();
  options.backbone = path_;
  const auto on = Pretrain(Resnet20(), options);
  ASSERT_TRUE(on.ok()) << on.error().message;
  EXPECT_THAT(DenseWeights(on->layers.at("layer2.0.conv1")),
              Pointwise(FloatNear(1e-20f), DenseWeights(compressed.layers.at("layer2.0.conv1"))));
  // A batch norm that computes what the bias in its place did: its factor undoes the deviation.
  const BatchNormParameters& norm = on->batch_norms.at("layer2.0.bn1");
  EXPECT_NE(norm.weight.ToFloats()[0], 1);
  EXPECT_NE(norm.running_mean.ToFloats()[0], 0);
}

// Normalised and with the channels in the order that its model says.
TEST_F(PretrainTest, SeesPicturesAsItsBackboneDoes) {
  auto backbone = Pretrain(Resnet20(), OneTinyStep());
  ASSERT_TRUE(backbone.ok()) << backbone.error().message;
  const auto loss = [&](ChannelOrder order, float mean) {
    backbone->preprocessing.channel_order = order;
    backbone->preprocessing.mean = {mean, mean, mean};
    EXPECT_TRUE(SaveModel(path_, *backbone).ok());
    PretrainOptions options = OneTinyStep();
    options.backbone = path_;
    options.steps_per_report = 1;
    double found = 0;
    const auto on = Pretrain(Resnet20(), options, [&](const PretrainReport& report) {
      found = report.loss;
      return true;
    });
    EXPECT_TRUE(on.ok());
    return found;
  };
  const double as_taught = loss(ChannelOrder::kRgb, 0.45f);
  EXPECT_EQ(loss(ChannelOrder::kRgb, 0.45f), as_taught);
  EXPECT_NE(loss(ChannelOrder::kBgr, 0.45f), as_taught);
  EXPECT_NE(loss(ChannelOrder::kRgb, 0.1f), as_taught);
}

TEST_F(PretrainTest, RefusesAnotherArchitecturesBackbone) {
  const auto backbone = Pretrain(Resnet20(), OneTinyStep());
  ASSERT_TRUE(backbone.ok()) << backbone.error().message;
  ASSERT_TRUE(SaveModel(path_, *backbone).ok());
  PretrainOptions options = OneTinyStep();
  options.backbone = path_;
  const auto other = Pretrain(*FindArchitecture("resnet32-cifar"), options);
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.error().code, ErrorCode::kInvalidData);
  EXPECT_THAT(other.error().message, HasSubstr("expected a network of the architecture "
                                               "resnet32-cifar, found resnet20-cifar"));
  options.backbone = "/no/such/backbone.safetensors";
  EXPECT_EQ(Pretrain(Resnet20(), options).error().code, ErrorCode::kNotFound);
}

TEST_F(PretrainTest, LearnsInSixteenBitsWhatItLearnsInThirtyTwo) {
  const auto losses = [](const std::string& precision, std::vector<float>& weights) {
    PretrainOptions options = Quick();
    options.precision = precision;
    std::vector<double> found;
    const auto model = Pretrain(Resnet20(), options, [&](const PretrainReport& report) {
      found.push_back(report.loss);
      return true;
    });
    EXPECT_TRUE(model.ok()) << model.error().message;
    if (model.ok()) weights = DenseWeights(model->layers.at("conv1"));
    return found;
  };
  std::vector<float> wide_weights;
  std::vector<float> narrow_weights;
  const std::vector<double> wide = losses("fp32", wide_weights);
  const std::vector<double> narrow = losses("bf16", narrow_weights);
  ASSERT_EQ(wide.size(), 3u);
  ASSERT_EQ(narrow.size(), 3u);
  for (size_t i = 0; i < wide.size(); ++i) EXPECT_NEAR(narrow[i], wide[i], 0.05 * wide[i]);
  EXPECT_NE(narrow_weights, wide_weights);
}

TEST(PretrainOptionsTest, AreChecked) {
  EXPECT_TRUE(Quick().Validate().ok());
  PretrainOptions options = Quick();
  options.minutes = 1;
  EXPECT_EQ(options.Validate().error().code, ErrorCode::kUsage);
  options = Quick();
  options.phases[0].share = 0.6;
  EXPECT_THAT(options.Validate().error().message, HasSubstr("sum to 1"));
  options = Quick();
  options.phases[0].side_px = 4;
  EXPECT_THAT(options.Validate().error().message, HasSubstr("4:"));
  options = Quick();
  options.precision = "fp16";
  EXPECT_THAT(options.Validate().error().message, HasSubstr("fp16"));
  options = Quick();
  options.batch_size = 1;
  EXPECT_FALSE(options.Validate().ok());
}

}  // namespace
}  // namespace deixis
