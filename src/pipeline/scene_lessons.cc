#include "pipeline/scene_lessons.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <numeric>
#include <system_error>
#include <vector>

#include "base/file.h"
#include "vision/camera/scene_session.h"
#include "vision/scene/scene.h"

namespace deixis {
namespace {

using camera::SceneSession;
using camera::SceneSessionOptions;

constexpr int64_t kStepMs = 50;

Status MakeFolder(const std::string& folder) {
  std::error_code failure;
  std::filesystem::create_directories(folder, failure);
  if (!failure) return Ok();
  return ResourceError(folder + ": cannot make the folder: " + failure.message(),
                       "choose a path that you may write to");
}

std::string FileName(int64_t number) {
  char name[32];
  std::snprintf(name, sizeof name, "%05lld.png", static_cast<long long>(number));
  return name;
}

std::string LabelName(int label) {
  return label < 0 ? "nothing" : SceneClassNames()[static_cast<size_t>(label)];
}

// Moments of one table that are worth a picture, in the order of time.
std::vector<int64_t> MomentsOf(LessonKind kind,
                               const std::vector<std::pair<int64_t, SceneTruth>>& table) {
  std::vector<int64_t> absent;
  std::vector<int64_t> moving;
  std::vector<int64_t> dwelling;
  for (const auto& [time_ms, truth] : table) {
    if (truth.phase == PointingPhase::kDwelling && truth.has_fingertip) {
      dwelling.push_back(time_ms);
    } else if (truth.has_fingertip) {
      moving.push_back(time_ms);
    } else if (truth.phase == PointingPhase::kAbsent) {
      absent.push_back(time_ms);
    }
  }
  std::vector<int64_t> moments;
  const auto take = [&](const std::vector<int64_t>& from, double place) {
    if (from.empty()) return;
    moments.push_back(from[static_cast<size_t>(place * static_cast<double>(from.size()))]);
  };
  if (kind == LessonKind::kPointing) {
    take(absent, 0.5);
    take(moving, 0.25);
    take(moving, 0.75);
    take(dwelling, 0.5);
  } else {
    for (const double place : {0.1, 0.35, 0.6, 0.85}) take(dwelling, place);
  }
  std::ranges::sort(moments);
  return moments;
}

}  // namespace

Status LessonOptions::Validate() const {
  if (count < 1 || count > 1'000'000) {
    return UsageError("number of pictures: expected 1 to 1000000, got " + std::to_string(count));
  }
  return Ok();
}

Result<int64_t> WriteSceneLessons(const std::string& folder, const LessonOptions& options) {
  DEIXIS_RETURN_IF_ERROR(options.Validate());
  SceneSessionOptions session_options{
      .seed = options.seed, .height_px = options.height_px, .width_px = options.width_px};
  session_options.difficulty = options.difficulty;
  if (options.kind == LessonKind::kObjects) {
    session_options.labels.resize(SceneClassNames().size());
    std::iota(session_options.labels.begin(), session_options.labels.end(), 0);
    session_options.labels.push_back(SceneSessionOptions::kNothing);
  }
  DEIXIS_RETURN_IF_ERROR(session_options.Validate());
  DEIXIS_RETURN_IF_ERROR(MakeFolder(folder));
  // One looks ahead for the truth of a whole table, the other follows with the pictures.
  SceneSession scout(session_options);
  SceneSession session(session_options);

  std::string points = "file,category,x_px,y_px,presence\n";
  int64_t written = 0;
  const auto write = [&](int64_t time_ms) -> Status {
    const SceneSession::View view = session.At(time_ms);
    const SceneTruth& truth = view.truth;
    const std::string file = FileName(written);
    if (options.kind == LessonKind::kPointing) {
      char place[64] = ",";
      if (truth.has_fingertip) {
        // From the left top corner of the first pixel to its centre, as annotations count.
        std::snprintf(place, sizeof place, "%.2f,%.2f", truth.fingertip_x_px - 0.5,
                      truth.fingertip_y_px - 0.5);
      }
      points += file + ",tip," + place + (truth.has_fingertip ? ",1\n" : ",0\n");
      DEIXIS_RETURN_IF_ERROR(WritePng(folder + "/" + file, view.image));
    } else {
      const CropBox box = CropBeyond(
          options.crop, {.height_px = options.height_px, .width_px = options.width_px},
          {truth.fingertip_x_px, truth.fingertip_y_px}, {truth.direction_x, truth.direction_y});
      const std::string label_folder = folder + "/" + LabelName(truth.label);
      DEIXIS_RETURN_IF_ERROR(MakeFolder(label_folder));
      DEIXIS_RETURN_IF_ERROR(WritePng(label_folder + "/" + file, Crop(view.image, box)));
    }
    ++written;
    if (options.progress && !options.progress(written, options.count)) {
      return Error{ErrorCode::kInterrupted, "interrupted", ""};
    }
    return Ok();
  };

  std::vector<std::pair<int64_t, SceneTruth>> table;
  for (int64_t time_ms = 0; written < options.count; time_ms += kStepMs) {
    const SceneTruth truth = scout.TruthAt(time_ms);
    if (!table.empty() && truth.episode != table.back().second.episode) {
      for (const int64_t moment : MomentsOf(options.kind, table)) {
        if (written < options.count) DEIXIS_RETURN_IF_ERROR(write(moment));
      }
      table.clear();
    }
    table.emplace_back(time_ms, truth);
  }
  if (options.kind == LessonKind::kPointing) {
    DEIXIS_RETURN_IF_ERROR(WriteFileAtomically(folder + "/points.csv", points));
  }
  return written;
}

}  // namespace deixis
