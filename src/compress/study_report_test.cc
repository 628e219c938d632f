// The files of a study: what is in them, and that no text can break out of the page.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "base/file.h"
#include "compress/study.h"

namespace deixis {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

Study SmallStudy() {
  Study study;
  study.model_path = "m.pth";
  study.architecture = "resnet20";
  study.model_bytes = 1000;
  study.data_folder = "</script><script>alert(1)</script>";
  study.images = 4;
  study.baseline_score = 0.75;
  study.layer = "linear";
  study.nodes = 2;
  study.weights_per_node = 2;
  study.weights = {1.0f, -2.0f, 0.5f, 0.25f};
  study.node_names = {"plain", "with, comma"};
  StudyCase each;
  each.centroids = 2;
  each.bits_per_index = 1;
  each.bytes = 20;
  each.codebooks = {-2.0f, 1.0f, 0.25f, 0.5f};
  each.score = 0.5;
  each.pruned = {.removed = {1, 0}, .sparsity = 0.5, .weight_mse = 0.3, .score = 0.25};
  study.cases.push_back(each);
  study.plans.push_back({.granularity = Granularity::kGroup,
                         .centroids = 2,
                         .calibrated = true,
                         .bytes = 200,
                         .ratio = 5.0,
                         .score = 0.5});
  return study;
}

class StudyReport : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) / ("study_report_" + std::to_string(::getpid()));
    fs::remove_all(folder_);
    const Status written = WriteStudy(SmallStudy(), folder_.string());
    ASSERT_TRUE(written.ok()) << written.error().message;
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::string Read(const std::string& name) { return *ReadTextFile((folder_ / name).string()); }
  fs::path folder_;
};

TEST_F(StudyReport, JsonHoldsTheFigures) {
  const auto json = nlohmann::json::parse(Read("study.json"));
  EXPECT_EQ(json["schema"], 1);
  EXPECT_EQ(json["metric"]["kind"], "top1");
  EXPECT_EQ(json["layer"]["weights"], "AACAPwAAAMAAAAA/AACAPg==");  // 1, -2, 0.5, 0.25
  EXPECT_EQ(json["layer"]["cases"][0]["pruned"]["removed"], (std::vector<int>{1, 0}));
  EXPECT_EQ(json["network"][0]["granularity"], "group");
  EXPECT_TRUE(json["data"]["calibration"].is_null());
}

TEST_F(StudyReport, CsvQuotesWhatItMust) {
  EXPECT_THAT(Read("codebooks.csv"), HasSubstr("1,\"with, comma\",2,0,0.25,yes\n"));
  EXPECT_THAT(Read("layer.csv"), HasSubstr("2,nearest-zero,0.25,0.3,0.5,20\n"));
  EXPECT_THAT(Read("network.csv"), HasSubstr("group,2,yes,200,5.0,0.5\n"));
}

TEST_F(StudyReport, TextCannotLeaveThePagesData) {
  const std::string page = Read("index.html");
  EXPECT_THAT(page, HasSubstr("id=\"report-data\""));
  EXPECT_THAT(page, Not(HasSubstr("</script><script>alert(1)")));
  EXPECT_THAT(page, HasSubstr("\\u003c/script>\\u003cscript>alert(1)"));
}

TEST_F(StudyReport, LocateStudiesSpeakOfPixels) {
  Study study = SmallStudy();
  study.task = Task::kLocate;
  ASSERT_TRUE(WriteStudy(study, folder_.string()).ok());
  EXPECT_THAT(Read("network.csv"), HasSubstr("mean_error_px"));
  EXPECT_EQ(nlohmann::json::parse(Read("study.json"))["metric"]["kind"], "mean_error_px");
}

TEST(WriteStudy, NamesTheFolderItCannotMake) {
  const Status status = WriteStudy(SmallStudy(), "/proc/no-such-place/study");
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kResources);
  EXPECT_THAT(status.error().message, HasSubstr("/proc/no-such-place/study"));
}

}  // namespace
}  // namespace deixis
