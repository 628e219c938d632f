// Marked datasets in both layouts, and what is refused.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "vision/dataset.h"

namespace deixis {
namespace {

namespace fs = std::filesystem;

class PointDataset : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) /
              testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  void Write(const std::string& name, const std::string& text = "x") {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name) << text;
  }
  fs::path folder_;
};

TEST_F(PointDataset, ReadsMarksFromNames) {
  Write("thumb/7_9_b.jpg");
  Write("labels.csv", "file,source\nindex/105_88_0f950904-bfae.jpg,elsewhere\n");  // not asked
  Write("index/105_88_0f950904-bfae.jpg");
  const auto dataset = OpenPointDataset(folder_.string());
  ASSERT_TRUE(dataset.ok()) << dataset.error().message;
  ASSERT_EQ(dataset->samples.size(), 2u);
  EXPECT_EQ(dataset->class_names, (std::vector<std::string>{"index", "thumb"}));
  ASSERT_TRUE(dataset->samples[0].point_px.has_value());
  EXPECT_EQ(dataset->samples[0].point_px->x, 105);
  EXPECT_EQ(dataset->samples[0].point_px->y, 88);
  EXPECT_EQ(dataset->samples[1].label, 1);
}

TEST_F(PointDataset, TakesSessionsOfNamedMarksFromLabelsCsv) {
  Write("index/105_88_a.jpg");
  Write("index/5_8_b.jpg");
  Write("labels.csv", "file,scene\nindex/105_88_a.jpg,garden\nindex/9_9_gone.jpg,attic\n");
  const auto dataset = OpenPointDataset(folder_.string());
  ASSERT_TRUE(dataset.ok()) << dataset.error().message;
  EXPECT_EQ(dataset->samples[0].session, "garden");
  EXPECT_EQ(dataset->samples[1].session, "");
}

TEST_F(PointDataset, RefusesANameWithoutAMark) {
  Write("index/IMG_88.jpg");
  const auto dataset = OpenPointDataset(folder_.string());
  ASSERT_FALSE(dataset.ok());
  EXPECT_EQ(dataset.error().code, ErrorCode::kInvalidData);
  EXPECT_NE(dataset.error().message.find("IMG_88.jpg"), std::string::npos);
}

TEST_F(PointDataset, ReadsPointsCsvWithPresence) {
  Write("a.jpg");
  Write("b.jpg");
  Write("points.csv", "file,category,x_px,y_px,presence\na.jpg,tip,3.5,-4,1\nb.jpg,tip,,,0\n");
  const auto dataset = OpenPointDataset(folder_.string());
  ASSERT_TRUE(dataset.ok()) << dataset.error().message;
  ASSERT_EQ(dataset->samples.size(), 2u);
  EXPECT_EQ(dataset->samples[0].point_px->x, 3.5);
  EXPECT_EQ(dataset->samples[0].point_px->y, -4);
  EXPECT_FALSE(dataset->samples[1].point_px.has_value());
  EXPECT_EQ(dataset->num_classes, 1);
}

TEST_F(PointDataset, NamesTheLineOfABadMark) {
  Write("a.jpg");
  Write("points.csv", "file,x_px,y_px\na.jpg,3,nan\n");
  const auto dataset = OpenPointDataset(folder_.string());
  ASSERT_FALSE(dataset.ok());
  EXPECT_NE(dataset.error().message.find("line 2"), std::string::npos);
  EXPECT_NE(dataset.error().message.find("nan"), std::string::npos);
}

TEST_F(PointDataset, RefusesAMissingPicture) {
  Write("points.csv", "file,x_px,y_px\nnone.jpg,3,4\n");
  const auto dataset = OpenPointDataset(folder_.string());
  ASSERT_FALSE(dataset.ok());
  EXPECT_EQ(dataset.error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace deixis
