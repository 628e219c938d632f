#include "pipeline/shipped_models.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "compress/evaluate.h"
#include "compress/metrics.h"
#include "network/model.h"
#include "pipeline/scene_lessons.h"
#include "vision/dataset.h"

namespace deixis {
namespace {

constexpr double kLeastTop1 = 0.85;
constexpr double kMostErrorPx = 9;  // of 320x240; some twenty tables only
constexpr double kLeastRoc = 0.95;

using ::testing::EndsWith;
using ::testing::HasSubstr;

TEST(FindShippedModel, FindsThemBesideTheBuild) {
  for (const std::string_view name : {kShippedBackbone, kShippedPointer, kShippedObjects}) {
    const auto path = FindShippedModel(name);
    ASSERT_TRUE(path.ok()) << path.error().message;
    EXPECT_THAT(*path, EndsWith("models/" + std::string(name)));
  }
}

// models/README.md has the measured figures; these leave room for how few pictures are judged here.
TEST(FindShippedModel, TheyKnowScenesTheyHaveNeverSeen) {
  const std::string folder = ::testing::TempDir() + "shipped_" + std::to_string(::getpid());
  LessonOptions lessons;
  lessons.kind = LessonKind::kObjects;
  lessons.count = 105;
  lessons.seed = 300'000;
  lessons.height_px = 240;
  lessons.width_px = 320;
  const auto judge = [&](std::string_view name) {
    EXPECT_TRUE(WriteSceneLessons(folder, lessons).ok());
    auto dataset =
        lessons.kind == LessonKind::kObjects ? OpenDataset(folder) : OpenPointDataset(folder);
    EXPECT_TRUE(dataset.ok());
    const auto model = LoadModel(FindShippedModel(name).value());
    EXPECT_TRUE(model.ok());
    PictureSet pictures(*std::move(dataset), model->preprocessing);
    auto evaluation = Evaluate(*model, pictures);
    EXPECT_TRUE(evaluation.ok());
    std::filesystem::remove_all(folder);
    return *std::move(evaluation);
  };
  const Evaluation objects = judge(kShippedObjects);
  EXPECT_GE(objects.top1(), kLeastTop1);
  lessons.kind = LessonKind::kPointing;
  lessons.count = 80;
  const Evaluation pointer = judge(kShippedPointer);
  EXPECT_LE(pointer.mean_error_px(), kMostErrorPx);
  EXPECT_GE(AreaUnderRoc(pointer.presence_where_marked, pointer.presence_where_absent), kLeastRoc);
}

TEST(FindShippedModel, NamesThePlacesItLookedAt) {
  const auto path = FindShippedModel("no-such-model.safetensors");
  ASSERT_FALSE(path.ok());
  EXPECT_EQ(path.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(path.error().message, HasSubstr("share/deixis/models/no-such-model.safetensors"));
}

}  // namespace
}  // namespace deixis
