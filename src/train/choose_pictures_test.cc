// Which pictures train, which judge: by conditions, folders and numbers.
#include "train/choose_pictures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include "base/rng.h"
#include "vision/image.h"

namespace deixis {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

// Twenty-four pictures of two categories in four sessions, "morning" being two of each category.
class ChoosePicturesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "choose_" + std::to_string(::getpid()) + "_" +
              ::testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    std::ofstream csv(folder_ + "/labels.csv");
    csv << "file,label,class,time\n";
    Rng rng(1);
    for (int i = 0; i < 24; ++i) {
      Image image{.height_px = 32, .width_px = 32, .pixels = {}};
      for (int p = 0; p < 3 * 32 * 32; ++p) {
        image.pixels.push_back(static_cast<uint8_t>(rng.Below(256)));
      }
      const std::string name = std::to_string(i) + ".png";
      ASSERT_TRUE(WritePng(folder_ + "/" + name, image).ok());
      csv << name << "," << i % 2 << "," << (i % 2 == 0 ? "cup" : "pen") << ","
          << (i < 4   ? "morning"
              : i < 8 ? "noon"
                      : "night")
          << "\n";
    }
    job_.data = folder_;
  }
  void TearDown() override { fs::remove_all(folder_); }

  static std::set<std::string> FilesOf(const Dataset& dataset) {
    std::set<std::string> files;
    for (const Sample& sample : dataset.samples) files.insert(sample.path);
    return files;
  }

  std::string folder_;
  FineTuneJob job_;
};

TEST_F(ChoosePicturesTest, ConditionsTakeRowsOut) {
  job_.held_out_where = "time=morning";
  job_.test_where = "time=noon";
  const auto chosen = ChoosePictures(job_);
  ASSERT_TRUE(chosen.ok()) << chosen.error().message;
  EXPECT_EQ(chosen->held_out.samples.size(), 4u);
  EXPECT_EQ(chosen->test->samples.size(), 4u);
  EXPECT_EQ(chosen->training.samples.size(), 16u);
  EXPECT_EQ(chosen->class_names, (std::vector<std::string>{"cup", "pen"}));
  std::set<std::string> all = FilesOf(chosen->training);
  all.merge(FilesOf(chosen->held_out));
  all.merge(FilesOf(*chosen->test));
  EXPECT_EQ(all.size(), 24u);

  job_.test_where = "";
  job_.held_out_where = "time=morning,noon";
  EXPECT_EQ(ChoosePictures(job_)->held_out.samples.size(), 8u);
}

TEST_F(ChoosePicturesTest, WithoutConditionsASplitOfItsOwn) {
  const auto chosen = ChoosePictures(job_);
  ASSERT_TRUE(chosen.ok()) << chosen.error().message;
  EXPECT_FALSE(chosen->held_out.samples.empty());
  EXPECT_FALSE(chosen->test.has_value());
  EXPECT_EQ(chosen->held_out.samples.size() + chosen->training.samples.size(), 24u);
  for (const std::string& file : FilesOf(chosen->held_out)) {
    EXPECT_FALSE(FilesOf(chosen->training).contains(file));
  }
}

TEST_F(ChoosePicturesTest, DrawsSoManyOfEachCategory) {
  job_.held_out_where = "time=morning";
  job_.per_category = 3;
  job_.seed = 1;
  const auto first = ChoosePictures(job_);
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(first->training.samples.size(), 6u);
  EXPECT_EQ(std::ranges::count(first->training.samples, 1, &Sample::label), 3);
  EXPECT_EQ(FilesOf(first->training), FilesOf(ChoosePictures(job_)->training));
  job_.seed = 2;
  EXPECT_NE(FilesOf(first->training), FilesOf(ChoosePictures(job_)->training));
}

TEST_F(ChoosePicturesTest, CategoriesOfAnotherFolderAreMatchedByName) {
  const std::string judges = folder_ + "/judges";
  fs::create_directories(judges + "/pen");
  fs::copy_file(folder_ + "/1.png", judges + "/pen/a.png");
  job_.held_out = judges;
  const auto chosen = ChoosePictures(job_);
  ASSERT_TRUE(chosen.ok()) << chosen.error().message;
  ASSERT_EQ(chosen->held_out.samples.size(), 1u);
  EXPECT_EQ(chosen->held_out.samples[0].label, 1);
  EXPECT_EQ(chosen->training.samples.size(), 24u);
  fs::rename(judges + "/pen", judges + "/fork");
  const auto other = ChoosePictures(job_);
  ASSERT_FALSE(other.ok());
  EXPECT_THAT(other.error().message, HasSubstr("\"fork\""));
}

TEST_F(ChoosePicturesTest, NamesWhatIsNotThere) {
  const auto refused = [&](const std::string& condition) {
    job_.held_out_where = condition;
    const auto chosen = ChoosePictures(job_);
    return chosen.ok() ? std::string() : chosen.error().message;
  };
  EXPECT_THAT(refused("place=here"), HasSubstr("\"place\""));
  EXPECT_THAT(refused("time=dawn"), HasSubstr("time=dawn"));
  EXPECT_THAT(refused("class=pen"), HasSubstr("none of \"pen\""));
  EXPECT_THAT(refused("time=morning,noon,night"), HasSubstr("to train on"));
}

}  // namespace
}  // namespace deixis
