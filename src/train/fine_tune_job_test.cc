// Jobs: as JSON and back, and what is refused in them.
#include "train/fine_tune_job.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/file.h"

namespace deixis {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::ordered_json;

FineTuneJob Valid() {
  FineTuneJob job;
  job.data = "things";
  job.backbone = "b.safetensors";
  job.out = "o.safetensors";
  return job;
}

TEST(FineTuneJob, ComesBackFromJson) {
  FineTuneJob job = Valid();
  job.learning_rate = 0.1;
  job.augment.flip = false;
  job.seed = 0xFFFFFFFFFFFFull;
  job.epochs = 3;
  FineTuneJob again;
  ASSERT_TRUE(FromJson(ToJson(job), "test", again).ok());
  EXPECT_EQ(ToJson(again), ToJson(job));
  EXPECT_NE(ToJson(again), ToJson(Valid()));
}

TEST(FineTuneJob, NamesWhatIsWrongInJson) {
  FineTuneJob job;
  const auto refused = [&](const Json& json) {
    const Status status = FromJson(json, "job.json", job);
    EXPECT_FALSE(status.ok()) << json;
    return status.ok() ? "" : status.error().message;
  };
  EXPECT_THAT(refused({{"epoch", 3}}), HasSubstr("\"epoch\""));
  EXPECT_THAT(refused({{"epochs", "three"}}), HasSubstr("a whole number"));
  EXPECT_THAT(refused({{"epochs", 2.5}}), HasSubstr("a whole number"));
  EXPECT_THAT(refused({{"flip", 1}}), HasSubstr("true or false"));
  EXPECT_THAT(refused({{"seed", -1}}), HasSubstr("seed"));
  EXPECT_THAT(refused(Json::array()), HasSubstr("object"));
}

TEST(FineTuneJob, RefusesWhatMakesNoSense) {
  EXPECT_TRUE(Valid().Validate().ok());
  const auto refused = [](auto change) {
    FineTuneJob job = Valid();
    change(job);
    const Status status = job.Validate();
    return status.ok() ? std::string() : status.error().message;
  };
  EXPECT_THAT(refused([](FineTuneJob& job) { job.data = ""; }), HasSubstr("data"));
  EXPECT_THAT(refused([](FineTuneJob& job) { job.task = "name"; }), HasSubstr("classify, locate"));
  EXPECT_THAT(refused([](FineTuneJob& job) { job.loss = "mse"; }), HasSubstr("cross-entropy"));
  EXPECT_THAT(refused([](FineTuneJob& job) { job.batch = 1; }), HasSubstr("batch"));
  EXPECT_THAT(refused([](FineTuneJob& job) { job.epochs = 0; }), HasSubstr("epochs"));
  EXPECT_THAT(refused([](FineTuneJob& job) { job.held_out_where = "garden"; }),
              HasSubstr("COLUMN=VALUE"));
  EXPECT_THAT(refused([](FineTuneJob& job) { job.learning_rate = std::nan(""); }),
              HasSubstr("learning_rate"));
  EXPECT_THAT(refused([](FineTuneJob& job) { job.input_px = 8; }), HasSubstr("16..1024"));
  EXPECT_THAT(refused([](FineTuneJob& job) { job.augment.scale = -1; }), HasSubstr("scale"));
}

TEST(FineTuneJob, AFingerprintLeavesPathsOut) {
  FineTuneJob moved = Valid();
  moved.out = "elsewhere";
  moved.resume = true;
  moved.threads = 4;
  EXPECT_EQ(JobFingerprint(moved), JobFingerprint(Valid()));
  FineTuneJob other = Valid();
  other.seed = 7;
  EXPECT_NE(JobFingerprint(other), JobFingerprint(Valid()));
}

TEST(ReadJobFile, SaysWhichFile) {
  const std::string path = ::testing::TempDir() + "deixis_job.json";
  ASSERT_TRUE(WriteFileAtomically(path, R"({"epochs": 4, "task": "locate"})").ok());
  FineTuneJob job;
  ASSERT_TRUE(ReadJobFile(path, job).ok());
  EXPECT_EQ(job.epochs, 4);
  EXPECT_TRUE(job.locates());
  ASSERT_TRUE(WriteFileAtomically(path, "{").ok());
  EXPECT_THAT(ReadJobFile(path, job).error().message, HasSubstr(path));
  EXPECT_EQ(ReadJobFile(path + ".none", job).error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace deixis
