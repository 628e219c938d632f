#include "pipeline/scene_lessons.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "vision/dataset.h"
#include "vision/image.h"
#include "vision/scene/scene.h"

namespace deixis {
namespace {

namespace fs = std::filesystem;

class SceneLessonsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = (fs::path(::testing::TempDir()) /
               ::testing::UnitTest::GetInstance()->current_test_info()->name())
                  .string();
    fs::remove_all(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  LessonOptions Small(LessonKind kind, int64_t count) const {
    LessonOptions options{.kind = kind, .count = count};
    options.height_px = 120;
    options.width_px = 160;
    return options;
  }
  std::string folder_;
};

TEST_F(SceneLessonsTest, PointingIsAPointDataset) {
  const auto written = WriteSceneLessons(folder_, Small(LessonKind::kPointing, 24));
  ASSERT_TRUE(written.ok()) << written.error().message;
  EXPECT_EQ(*written, 24);
  const auto dataset = OpenPointDataset(folder_);
  ASSERT_TRUE(dataset.ok()) << dataset.error().message;
  ASSERT_EQ(dataset->samples.size(), 48u);  // a row for the tip and one for the knuckle
  EXPECT_EQ(dataset->class_names, (std::vector<std::string>{"fingertip", "knuckle"}));
  int absent = 0;
  std::set<int64_t> columns;
  for (const Sample& sample : dataset->samples) {
    const auto image = ReadImage(sample.path);
    ASSERT_TRUE(image.ok());
    EXPECT_EQ(image->height_px, 120);
    if (!sample.point_px) {
      ++absent;
      continue;
    }
    EXPECT_GE(sample.point_px->x, -0.5);
    EXPECT_LE(sample.point_px->x, 159.5);
    EXPECT_GE(sample.point_px->y, -0.5);
    EXPECT_LE(sample.point_px->y, 119.5);
    columns.insert(static_cast<int64_t>(sample.point_px->x));
  }
  EXPECT_GE(absent, 12);
  EXPECT_LE(absent, 24);
  EXPECT_GT(columns.size(), 9u);
}

TEST_F(SceneLessonsTest, ObjectsAreFoldersOfCrops) {
  const size_t num_labels = SceneClassNames().size() + 1;
  const auto count = static_cast<int64_t>(num_labels) + 3;
  ASSERT_TRUE(WriteSceneLessons(folder_, Small(LessonKind::kObjects, count)).ok());
  const auto dataset = OpenDataset(folder_);
  ASSERT_TRUE(dataset.ok()) << dataset.error().message;
  EXPECT_EQ(static_cast<int64_t>(dataset->samples.size()), count);
  ASSERT_EQ(dataset->class_names.size(), num_labels);
  std::vector<int> counts(num_labels);
  for (const Sample& sample : dataset->samples) ++counts[static_cast<size_t>(sample.label)];
  const auto nothing = std::ranges::find(dataset->class_names, "nothing");
  for (size_t label = 0; label < num_labels; ++label) {
    const bool is_nothing = &dataset->class_names[label] == &*nothing;
    EXPECT_EQ(counts[label], is_nothing ? 4 : 1) << dataset->class_names[label];
  }
  const auto crop = ReadImage(dataset->samples.front().path);
  ASSERT_TRUE(crop.ok());
  EXPECT_EQ(crop->height_px, 54);  // 0.45 of 120
  EXPECT_EQ(crop->width_px, 54);
}

TEST_F(SceneLessonsTest, TheSameSeedGivesTheSamePictures) {
  ASSERT_TRUE(WriteSceneLessons(folder_ + "/a", Small(LessonKind::kPointing, 6)).ok());
  ASSERT_TRUE(WriteSceneLessons(folder_ + "/b", Small(LessonKind::kPointing, 6)).ok());
  LessonOptions other = Small(LessonKind::kPointing, 6);
  other.seed = 2;
  ASSERT_TRUE(WriteSceneLessons(folder_ + "/c", other).ok());
  const auto pixels = [&](const char* name) {
    return ReadImage(folder_ + "/" + name + "/00003.png")->pixels;
  };
  EXPECT_EQ(pixels("a"), pixels("b"));
  EXPECT_NE(pixels("a"), pixels("c"));
}

TEST_F(SceneLessonsTest, StopsWhenAsked) {
  LessonOptions options = Small(LessonKind::kPointing, 100);
  options.progress = [](int64_t done, int64_t) { return done < 3; };
  const auto written = WriteSceneLessons(folder_, options);
  ASSERT_FALSE(written.ok());
  EXPECT_EQ(written.error().code, ErrorCode::kInterrupted);
  EXPECT_FALSE(WriteSceneLessons(folder_, {.count = 0}).ok());
}

}  // namespace
}  // namespace deixis
