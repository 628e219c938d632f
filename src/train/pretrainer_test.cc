// Pretraining: it learns, it goes on from a checkpoint to the very model of one that was not
// stopped, and it says what it will not do.
#include "train/pretrainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <variant>
#include <vector>

namespace deixis {
namespace {

using ::testing::HasSubstr;

Architecture Resnet20() { return *FindArchitecture("resnet20-cifar"); }

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
  options.batch_size = 1;
  EXPECT_FALSE(options.Validate().ok());
}

}  // namespace
}  // namespace deixis
