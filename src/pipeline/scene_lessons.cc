#include "pipeline/scene_lessons.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <vector>

#include "base/file.h"
#include "base/rng.h"
#include "network/rejection.h"
#include "vision/camera/scene_session.h"
#include "vision/scene/scene.h"

namespace deixis {
namespace {

using camera::SceneSession;
using camera::SceneSessionOptions;

constexpr int64_t kStepMs = 50;
// Of the tables in lessons of pointing; at most of the others comes a hand that does not point.
constexpr double kPointingShare = 0.85;
constexpr double kGesturingShare = 0.8;

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
  return label < 0 ? std::string(kNothingName) : SceneClassNames()[static_cast<size_t>(label)];
}

std::string PointRow(const std::string& file, const std::string& category, bool is_there,
                     Point point) {
  char place[64] = ",";
  if (is_there) {
    // From the left top corner of the first pixel to its centre, as annotations count.
    std::snprintf(place, sizeof place, "%.2f,%.2f", point.x - 0.5, point.y - 0.5);
  }
  return file + "," + category + "," + place + (is_there ? ",1\n" : ",0\n");
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
    if (dwelling.empty() && moving.empty()) take(absent, 0.75);
    take(moving, 0.25);
    take(moving, 0.75);
    take(dwelling, 0.5);
  } else {
    for (const double place : {0.1, 0.35, 0.6, 0.85}) take(dwelling, place);
  }
  std::ranges::sort(moments);
  return moments;
}

// What one category of the lessons shows.
struct LessonCategory {
  std::string name;
  std::vector<int> labels;  // of the session
  int64_t weight = 1;       // how many times as many pictures as a thing has
};

// Every thing, and "nothing": the bare table, and twice as often things that have no name. These
// differ more among themselves than those of any kind, so they come in greater numbers.
std::vector<LessonCategory> LessonCategories() {
  std::vector<LessonCategory> categories;
  for (const std::string& name : SceneClassNames()) {
    categories.push_back({.name = name, .labels = {static_cast<int>(categories.size())}});
  }
  categories.push_back({.name = std::string(kNothingName),
                        .labels = {SceneSessionOptions::kNothing, SceneSessionOptions::kNameless,
                                   SceneSessionOptions::kNameless},
                        .weight = 4});
  return categories;
}

class LessonWriter {
 public:
  LessonWriter(const std::string& folder, const LessonOptions& options)
      : folder_(folder), options_(options), rng_(options.seed) {}

  // `count` pictures of one made session.
  Status WriteFrom(const SceneSessionOptions& session_options, int64_t count) {
    // One looks ahead for the truth of a whole table, the other follows with the pictures.
    SceneSession scout(session_options);
    SceneSession session(session_options);
    const int64_t end = written_ + count;
    std::vector<std::pair<int64_t, SceneTruth>> table;
    for (int64_t time_ms = 0; written_ < end; time_ms += kStepMs) {
      const SceneTruth truth = scout.TruthAt(time_ms);
      if (!table.empty() && truth.episode != table.back().second.episode) {
        for (const int64_t moment : MomentsOf(options_.kind, table)) {
          if (written_ < end) DEIXIS_RETURN_IF_ERROR(Write(session.At(moment)));
        }
        table.clear();
      }
      table.emplace_back(time_ms, truth);
    }
    return Ok();
  }

  Status Finish() {
    if (options_.kind != LessonKind::kPointing) return Ok();
    return WriteFileAtomically(folder_ + "/points.csv", points_);
  }
  int64_t written() const { return written_; }

 private:
  Status Write(const SceneSession::View& view) {
    const std::string file = FileName(written_);
    DEIXIS_RETURN_IF_ERROR(options_.kind == LessonKind::kPointing ? WriteFrame(view, file)
                                                                  : WriteCrop(view, file));
    ++written_;
    if (options_.progress && !options_.progress(written_, options_.count)) {
      return Error{ErrorCode::kInterrupted, "interrupted", ""};
    }
    return Ok();
  }

  Status WriteFrame(const SceneSession::View& view, const std::string& file) {
    const SceneTruth& truth = view.truth;
    const Point knuckle{truth.knuckle_x_px, truth.knuckle_y_px};
    const bool has_knuckle = truth.has_fingertip && knuckle.x >= 0 && knuckle.y >= 0 &&
                             knuckle.x < static_cast<double>(options_.width_px) &&
                             knuckle.y < static_cast<double>(options_.height_px);
    points_ += PointRow(file, "fingertip", truth.has_fingertip,
                        {truth.fingertip_x_px, truth.fingertip_y_px});
    points_ += PointRow(file, "knuckle", has_knuckle, knuckle);
    return WritePng(folder_ + "/" + file, view.image);
  }

  Status WriteCrop(const SceneSession::View& view, const std::string& file) {
    const SceneTruth& truth = view.truth;
    // Where a pointer model would have it.
    const double off_px = options_.tip_error * static_cast<double>(options_.height_px);
    const double turn = options_.direction_error * rng_.Normal();
    Point tip{truth.fingertip_x_px, truth.fingertip_y_px};
    tip.x += off_px * rng_.Normal();
    tip.y += off_px * rng_.Normal();
    const Point direction{truth.direction_x * std::cos(turn) - truth.direction_y * std::sin(turn),
                          truth.direction_x * std::sin(turn) + truth.direction_y * std::cos(turn)};
    const CropBox box =
        CropBeyond(options_.crop, {.height_px = options_.height_px, .width_px = options_.width_px},
                   tip, direction);
    return WritePng(folder_ + "/" + LabelName(truth.label) + "/" + file, Crop(view.image, box));
  }

  const std::string& folder_;
  const LessonOptions& options_;
  Rng rng_;
  std::string points_ = "file,category,x_px,y_px,presence\n";
  int64_t written_ = 0;
};

}  // namespace

Status LessonOptions::Validate() const {
  if (count < 1 || count > 1'000'000) {
    return UsageError("number of pictures: expected 1 to 1000000, got " + std::to_string(count));
  }
  if (!(tip_error >= 0 && tip_error <= 0.3 && direction_error >= 0 && direction_error <= 1)) {
    return UsageError(
        "errors of the crop: expected a tip within 0..0.3 and a direction within 0..1");
  }
  return Ok();
}

Result<int64_t> WriteSceneLessons(const std::string& folder, const LessonOptions& options) {
  DEIXIS_RETURN_IF_ERROR(options.Validate());
  SceneSessionOptions session{
      .seed = options.seed, .height_px = options.height_px, .width_px = options.width_px};
  session.difficulty = options.difficulty;
  DEIXIS_RETURN_IF_ERROR(session.Validate());
  DEIXIS_RETURN_IF_ERROR(MakeFolder(folder));
  LessonWriter writer(folder, options);
  if (options.kind == LessonKind::kPointing) {
    session.pointing = kPointingShare;
    session.gesturing = kGesturingShare;
    DEIXIS_RETURN_IF_ERROR(writer.WriteFrom(session, options.count));
  } else {
    // A session for each label, so that every one has its share however few pictures there are.
    const std::vector<LessonCategory> categories = LessonCategories();
    int64_t weights = 0;
    for (const LessonCategory& category : categories) weights += category.weight;
    int64_t weight = 0;
    for (size_t i = 0; i < categories.size(); ++i) {
      DEIXIS_RETURN_IF_ERROR(MakeFolder(folder + "/" + categories[i].name));
      session.labels = categories[i].labels;
      session.seed = options.seed * 1009 + static_cast<uint64_t>(i);
      weight += categories[i].weight;
      const int64_t end = options.count * weight / weights;
      DEIXIS_RETURN_IF_ERROR(writer.WriteFrom(session, end - writer.written()));
    }
  }
  DEIXIS_RETURN_IF_ERROR(writer.Finish());
  return writer.written();
}

}  // namespace deixis
