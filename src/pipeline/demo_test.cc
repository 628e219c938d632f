// The demo from end to end, on an untrained backbone: what must hold whatever the network. What is
// promised of the shipped models is held by shipped_models_test.cc.
#include "pipeline/demo.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "network/testing/synthetic.h"
#include "speech/wav.h"
#include "vision/image.h"
#include "vision/scene/scene.h"

namespace deixis {
namespace {

using ::testing::HasSubstr;

class DemoTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "deixis_demo_" + std::to_string(::getpid());
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string UntrainedBackbone() const {
    const Architecture& architecture = *FindArchitecture("resnet20-cifar");
    TensorFile file;
    file.tensors = testing::SyntheticStateDict(architecture, 12, 1);
    auto model = ModelFromTensors(file);
    EXPECT_TRUE(model.ok());
    const std::string path = folder_ + "/untrained.safetensors";
    EXPECT_TRUE(SaveModel(path, *model).ok());
    return path;
  }

  DemoOptions Small() const {
    DemoOptions options;
    options.backbone_path = UntrainedBackbone();
    options.folder = folder_ + "/out";
    options.centroids = {4};
    options.pointing_lessons = 40;
    options.object_lessons = 42;
    options.tests = 21;
    options.calibration_pictures = 4;
    return options;
  }

  static void ExpectRows(const DemoModel& model) {
    ASSERT_EQ(model.rows.size(), 2u);
    EXPECT_EQ(model.rows[0].centroids, 0);
    EXPECT_EQ(model.rows[1].centroids, 4);
    EXPECT_GT(model.rows[1].ratio, model.rows[0].ratio);
    for (const DemoRow& row : model.rows) {
      EXPECT_EQ(row.file_bytes, static_cast<int64_t>(std::filesystem::file_size(row.path)));
      EXPECT_GE(row.score, 0);
    }
  }

  std::string folder_;
};

TEST_F(DemoTest, WritesEverythingItNames) {
  DemoOptions options = Small();
  std::filesystem::create_directories(options.folder);
  std::vector<double> fractions;
  options.progress = [&](const std::string& stage, double done) {
    EXPECT_FALSE(stage.empty());
    fractions.push_back(done);
    return true;
  };
  const auto result = RunDemo(options);
  ASSERT_TRUE(result.ok()) << result.error().message;
  ExpectRows(result->pointer);
  ExpectRows(result->objects);
  EXPECT_EQ(result->pointer.lessons, 40);
  EXPECT_EQ(result->objects.tests, 21);
  EXPECT_LE(result->objects.rows[0].score, 1);
  EXPECT_EQ(result->class_names.size(), SceneClassNames().size() + 1);
  EXPECT_THAT(SceneClassNames(), ::testing::Contains(result->shown));
  EXPECT_GT(std::filesystem::file_size(result->report_path), 1000u);
  EXPECT_TRUE(ReadImage(result->picture_path).ok());
  if (result->voice.ok()) {
    const auto sound = ReadWav(result->sound_path);
    ASSERT_TRUE(sound.ok());
    EXPECT_GT(RootMeanSquare(*sound), 100);
  } else {
    EXPECT_EQ(result->voice.error().code, ErrorCode::kDeviceUnavailable);
  }
  EXPECT_TRUE(std::is_sorted(fractions.begin(), fractions.end()));
  EXPECT_LE(fractions.back(), 1.0);
}

TEST_F(DemoTest, StopsWhenAsked) {
  for (const char* at :
       {"drawing lessons for the pointer", "compressing the pointer to 4 centroids"}) {
    DemoOptions options = Small();
    std::filesystem::create_directories(options.folder);
    options.progress = [&](const std::string& stage, double) { return stage != at; };
    const auto result = RunDemo(options);
    ASSERT_FALSE(result.ok()) << at;
    EXPECT_EQ(result.error().code, ErrorCode::kInterrupted) << at;
  }
}

TEST_F(DemoTest, NamesWhatIsMissing) {
  DemoOptions options = Small();
  options.backbone_path = folder_ + "/none.safetensors";
  const auto missing = RunDemo(options);
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(missing.error().message, HasSubstr("none.safetensors"));
  options = Small();
  options.centroids = {1};
  EXPECT_EQ(RunDemo(options).error().code, ErrorCode::kUsage);
  options.centroids = {};
  EXPECT_EQ(RunDemo(options).error().code, ErrorCode::kUsage);
}

}  // namespace
}  // namespace deixis
