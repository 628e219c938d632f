#include "pipeline/demo.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include "compress/compress.h"
#include "compress/evaluate.h"
#include "compress/study.h"
#include "compress/written_model.h"
#include "network/model_size.h"
#include "pipeline/looker.h"
#include "pipeline/quick_teach.h"
#include "pipeline/scene_lessons.h"
#include "pipeline/shipped_models.h"
#include "speech/audio_out.h"
#include "speech/voice.h"
#include "vision/camera/scene_session.h"
#include "vision/dataset.h"
#include "vision/image.h"
#include "vision/scene/scene.h"

namespace deixis {
namespace {

// Far from each other, and from the seeds of the shipped models (models/README.md).
constexpr uint64_t kLessonSeed = 400'000;
constexpr uint64_t kTestSeed = 500'000;
constexpr uint64_t kShownSeed = 700'000;
// Small frames: the pointer sees them smaller still, and they are drawn four times as fast.
constexpr int64_t kFrameHeightPx = 240;
constexpr int64_t kFrameWidthPx = 320;

// Stages follow one another; each knows which stretch of the whole it is.
class Stages {
 public:
  explicit Stages(const DemoOptions& options) : options_(options) {}

  Status Enter(std::string stage, double begin, double end) {
    stage_ = std::move(stage);
    begin_ = begin;
    end_ = end;
    return Report(0) ? Ok() : Interrupted();
  }
  bool Report(double fraction) const {
    return !options_.progress || options_.progress(stage_, begin_ + (end_ - begin_) * fraction);
  }
  bool Report(int64_t done, int64_t total) const {
    return Report(total == 0 ? 1 : static_cast<double>(done) / static_cast<double>(total));
  }
  static Status Interrupted() { return Error{ErrorCode::kInterrupted, "demo: interrupted", ""}; }

 private:
  const DemoOptions& options_;
  std::string stage_;
  double begin_ = 0;
  double end_ = 0;
};

// One of the two models on its way.
struct Course {
  LessonKind kind;
  Task task;
  std::string name;  // "pointer", "objects"
  int64_t lessons;
  double begin;  // its stretch of the whole demo
  double end;
};

class Demo {
 public:
  Demo(const DemoOptions& options, Model backbone)
      : options_(options), backbone_(std::move(backbone)), stages_(options) {}

  Result<DemoResult> Run(std::string backbone_path) {
    DemoResult result;
    result.backbone_path = std::move(backbone_path);
    DEIXIS_ASSIGN(result.pointer, Pass({.kind = LessonKind::kPointing,
                                        .task = Task::kLocate,
                                        .name = "pointer",
                                        .lessons = options_.pointing_lessons,
                                        .begin = 0,
                                        .end = 0.4}));
    DEIXIS_ASSIGN(result.objects, Pass({.kind = LessonKind::kObjects,
                                        .task = Task::kClassify,
                                        .name = "objects",
                                        .lessons = options_.object_lessons,
                                        .begin = 0.4,
                                        .end = 0.9}));
    DEIXIS_RETURN_IF_ERROR(stages_.Enter("writing the report", 0.9, 0.98));
    DEIXIS_RETURN_IF_ERROR(WriteReport(result));
    DEIXIS_RETURN_IF_ERROR(stages_.Enter("looking and speaking", 0.98, 1));
    DEIXIS_RETURN_IF_ERROR(LookAndSpeak(result));
    return result;
  }

 private:
  Result<std::unique_ptr<PictureSet>> Draw(const Course& course, const std::string& purpose,
                                           int64_t count, uint64_t seed) {
    LessonOptions lessons;
    lessons.kind = course.kind;
    lessons.count = count;
    lessons.seed = seed;
    lessons.height_px = kFrameHeightPx;
    lessons.width_px = kFrameWidthPx;
    lessons.progress = [&](int64_t done, int64_t total) { return stages_.Report(done, total); };
    const std::string folder = options_.folder + "/" + course.name + "-" + purpose;
    // What an earlier demo left would be taken for lessons.
    std::error_code failure;
    std::filesystem::remove_all(folder, failure);
    DEIXIS_RETURN_IF_ERROR(WriteSceneLessons(folder, lessons));
    DEIXIS_ASSIGN(Dataset dataset,
                  course.task == Task::kLocate ? OpenPointDataset(folder) : OpenDataset(folder));
    return std::make_unique<PictureSet>(std::move(dataset),
                                        TeachingPreprocessing(backbone_, course.task));
  }

  Result<double> ScoreOf(const Model& model, PictureSet& pictures) {
    DEIXIS_ASSIGN(const Evaluation evaluation,
                  Evaluate(model, pictures, {.num_threads = options_.num_threads, .progress = {}}));
    return model.task == Task::kLocate ? evaluation.mean_error_px() : evaluation.top1();
  }

  Result<DemoRow> Write(const Course& course, const Model& model, int centroids,
                        PictureSet& tests) {
    DemoRow row;
    row.centroids = centroids;
    row.path = options_.folder + "/" + course.name +
               (centroids == 0 ? "" : "-k" + std::to_string(centroids)) + ".safetensors";
    DEIXIS_ASSIGN(const WrittenModel written, WriteAndReload(row.path, ModelToTensors(model)));
    DEIXIS_ASSIGN(row.score, ScoreOf(written.model, tests));
    row.file_bytes = written.file_bytes;
    row.ratio = static_cast<double>(Fp32Bytes(model.graph)) / static_cast<double>(row.file_bytes);
    return row;
  }

  Result<Model> CompressTo(const Model& taught, int centroids, PictureSet& lessons) {
    CompressOptions compress;
    compress.num_centroids = centroids;
    compress.num_threads = options_.num_threads;
    compress.calibration.max_pictures = options_.calibration_pictures;
    if (!taught.activations.empty()) compress.activations = RangeOptions{};
    compress.progress = [&](const CompressProgress& progress) {
      return stages_.Report(progress.fraction);
    };
    DEIXIS_ASSIGN(CompressedModel compressed, Compress(taught, &lessons, compress));
    return std::move(compressed.model);
  }

  // Draws, teaches, compresses, judges.
  Result<DemoModel> Pass(const Course& course) {
    const double length = course.end - course.begin;
    DemoModel passed;
    passed.task = course.task;
    passed.lessons = course.lessons;
    passed.tests = options_.tests;
    DEIXIS_RETURN_IF_ERROR(stages_.Enter("drawing lessons for the " + course.name, course.begin,
                                         course.begin + 0.2 * length));
    DEIXIS_ASSIGN(const auto lessons, Draw(course, "lessons", course.lessons, kLessonSeed));
    DEIXIS_RETURN_IF_ERROR(stages_.Enter("drawing tests for the " + course.name,
                                         course.begin + 0.2 * length,
                                         course.begin + 0.25 * length));
    DEIXIS_ASSIGN(auto tests, Draw(course, "tests", options_.tests, kTestSeed));
    DEIXIS_RETURN_IF_ERROR(stages_.Enter(
        "teaching the " + course.name, course.begin + 0.25 * length, course.begin + 0.35 * length));
    QuickTeachOptions teach;
    teach.task = course.task;
    teach.num_threads = options_.num_threads;
    teach.progress = [&](int64_t done, int64_t total) { return stages_.Report(done, total); };
    DEIXIS_ASSIGN(const QuickTeachResult taught, QuickTeach(backbone_, *lessons, teach));
    passed.parameter_bytes = Fp32Bytes(taught.model.graph);
    DEIXIS_ASSIGN(DemoRow row, Write(course, taught.model, 0, *tests));
    passed.rows.push_back(std::move(row));
    const double share = 0.65 * length / static_cast<double>(options_.centroids.size());
    for (size_t i = 0; i < options_.centroids.size(); ++i) {
      const int centroids = options_.centroids[i];
      const double begin = course.begin + 0.35 * length + share * static_cast<double>(i);
      DEIXIS_RETURN_IF_ERROR(stages_.Enter(
          "compressing the " + course.name + " to " + std::to_string(centroids) + " centroids",
          begin, begin + share));
      DEIXIS_ASSIGN(const Model compressed, CompressTo(taught.model, centroids, *lessons));
      DEIXIS_ASSIGN(DemoRow small, Write(course, compressed, centroids, *tests));
      passed.rows.push_back(std::move(small));
    }
    if (course.task == Task::kLocate) {
      pointer_ = taught.model;
    } else {
      objects_ = taught.model;
      object_tests_ = std::move(tests);
    }
    return passed;
  }

  Status WriteReport(DemoResult& result) {
    StudyOptions study_options;
    study_options.num_threads = options_.num_threads;
    study_options.progress = [&](const std::string&, double done) { return stages_.Report(done); };
    DEIXIS_ASSIGN(const Study study,
                  RunStudy(*objects_, result.objects.rows.front().path, *object_tests_,
                           /*calibration=*/nullptr, study_options));
    const std::string folder = options_.folder + "/report";
    DEIXIS_RETURN_IF_ERROR(WriteStudy(study, folder));
    result.report_path = folder + "/index.html";
    result.class_names = objects_->class_names;
    return Ok();
  }

  // The first frame of a made session in which a finger rests on something, at full size, seen
  // through the models as they were taught.
  Status LookAndSpeak(DemoResult& result) {
    camera::SceneSessionOptions scene;
    scene.seed = kShownSeed;
    camera::SceneSession session(scene);
    int64_t time_ms = 0;
    while (session.TruthAt(time_ms).phase != PointingPhase::kDwelling) time_ms += 50;
    const camera::SceneSession::View view = session.At(time_ms + 200);
    result.picture_path = options_.folder + "/shown.png";
    DEIXIS_RETURN_IF_ERROR(WritePng(result.picture_path, view.image));
    result.shown = SceneClassNames()[static_cast<size_t>(view.truth.label)];
    DEIXIS_ASSIGN(Looker looker,
                  Looker::Create(*pointer_, *objects_, {.num_threads = options_.num_threads}));
    const Look look = looker.See(view.image, time_ms);
    result.tip_error_px = std::hypot(look.tip_px.x - view.truth.fingertip_x_px,
                                     look.tip_px.y - view.truth.fingertip_y_px);
    const std::vector<double>& probabilities = look.seen.probabilities;
    result.seen = "unknown";
    if (!probabilities.empty() && !look.seen.is_rejected()) {
      const auto best = std::ranges::max_element(probabilities);
      result.seen = looker.labels()[static_cast<size_t>(best - probabilities.begin())];
      result.probability = *best;
    }
    const std::string sound_path = options_.folder + "/spoken.wav";
    const auto sound = Synthesize(result.seen);
    result.voice = sound.ok() ? PlaySound("file:" + sound_path, *sound) : Status(sound.error());
    if (result.voice.ok()) result.sound_path = sound_path;
    return Ok();
  }

  const DemoOptions& options_;
  Model backbone_;
  Stages stages_;
  std::optional<Model> pointer_;
  std::optional<Model> objects_;
  std::unique_ptr<PictureSet> object_tests_;
};

}  // namespace

Status DemoOptions::Validate() const {
  for (const int k : centroids) {
    if (k < 2 || k > kMaxCentroids) {
      return UsageError("demo: expected 2 to 256 centroids, found " + std::to_string(k));
    }
  }
  if (centroids.empty() || pointing_lessons < 1 || object_lessons < 1 || tests < 1 ||
      calibration_pictures < 1 || num_threads < 1 || folder.empty()) {
    return UsageError("demo: expected a folder, a number of centroids, a picture and a thread");
  }
  return Ok();
}

Result<DemoResult> RunDemo(const DemoOptions& options) {
  DEIXIS_RETURN_IF_ERROR(options.Validate());
  std::string path = options.backbone_path;
  if (path.empty()) {
    DEIXIS_ASSIGN(path, FindShippedModel(kShippedBackbone));
  }
  DEIXIS_ASSIGN(Model backbone, LoadModel(path));
  return Demo(options, std::move(backbone)).Run(std::move(path));
}

}  // namespace deixis
