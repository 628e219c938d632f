// The demo from end to end. With an untrained network for what must hold whatever the network, and
// with the shipped one for what is promised of it.
#include "pipeline/demo.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "compress/evaluate.h"
#include "network/model.h"
#include "network/testing/synthetic.h"
#include "speech/wav.h"
#include "vision/image.h"
#include "vision/scene/scene_dataset.h"

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

  // Answers nonsense about twelve categories.
  std::string UntrainedModel() const {
    const Architecture& architecture = *FindArchitecture("resnet20-cifar");
    TensorFile file;
    file.tensors = testing::SyntheticStateDict(architecture, 12, 1);
    auto model = ModelFromTensors(file);
    EXPECT_TRUE(model.ok());
    model->class_names = SceneClassNames();
    const std::string path = folder_ + "/untrained.safetensors";
    EXPECT_TRUE(SaveModel(path, *model).ok());
    return path;
  }

  DemoOptions Small() const {
    DemoOptions options;
    options.model_path = UntrainedModel();
    options.folder = folder_ + "/out";
    options.centroids = {4};
    options.test_pictures = 12;
    options.calibration_pictures = 4;
    return options;
  }

  std::string folder_;
};

TEST_F(DemoTest, WritesEverythingItNames) {
  DemoOptions options = Small();
  std::vector<double> fractions;
  options.progress = [&](const std::string& stage, double done) {
    EXPECT_FALSE(stage.empty());
    fractions.push_back(done);
    return true;
  };
  const auto result = RunDemo(options);
  ASSERT_TRUE(result.ok()) << result.error().message;
  ASSERT_EQ(result->rows.size(), 1u);
  const DemoRow& row = result->rows[0];
  EXPECT_EQ(row.centroids, 4);
  EXPECT_EQ(row.file_bytes, static_cast<int64_t>(std::filesystem::file_size(row.path)));
  EXPECT_GT(row.ratio, 8);
  EXPECT_GE(row.top1, 0);
  EXPECT_LE(row.top1, 1);
  EXPECT_EQ(result->architecture, "resnet20-cifar");
  EXPECT_EQ(result->shown, "mug");
  EXPECT_THAT(SceneClassNames(), ::testing::Contains(result->seen));
  EXPECT_GT(result->probability, 1.0 / 12 - 1e-9);
  EXPECT_LE(result->probability, 1);
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
  for (const char* at : {"making pictures", "compressing to 4 centroids", "writing the report"}) {
    DemoOptions options = Small();
    options.progress = [&](const std::string& stage, double) { return stage != at; };
    const auto result = RunDemo(options);
    ASSERT_FALSE(result.ok()) << at;
    EXPECT_EQ(result.error().code, ErrorCode::kInterrupted) << at;
  }
}

TEST_F(DemoTest, NamesWhatIsMissing) {
  DemoOptions options = Small();
  options.model_path = folder_ + "/none.safetensors";
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

TEST_F(DemoTest, TheShippedNetworkKnowsPicturesItHasNeverSeen) {
  const std::string path = std::string(DEIXIS_SOURCE_DIR) + "/models/demo.safetensors";
  const auto model = LoadModel(path);
  ASSERT_TRUE(model.ok()) << model.error().message;
  EXPECT_EQ(model->class_names, SceneClassNames());
  EXPECT_LE(std::filesystem::file_size(path), 1'200'000u);
  // Seeds that neither training nor the demo uses.
  auto dataset = WriteSceneDataset(folder_ + "/unseen", {.count = 600, .first_seed = 800'000'000});
  ASSERT_TRUE(dataset.ok());
  PictureSet pictures(std::move(*dataset), model->preprocessing);
  const auto evaluation = Evaluate(*model, pictures);
  ASSERT_TRUE(evaluation.ok()) << evaluation.error().message;
  // models/README.md has the measured figure, whose deviation over 600 pictures is 0.007.
  EXPECT_GE(evaluation->top1(), 0.90);
}

}  // namespace
}  // namespace deixis
