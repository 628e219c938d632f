#include "pipeline/demo.h"

#include <algorithm>
#include <array>
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
#include "network/model.h"
#include "network/model_size.h"
#include "runtime/executor.h"
#include "speech/audio_out.h"
#include "speech/voice.h"
#include "vision/dataset.h"
#include "vision/image.h"
#include "vision/scene/scene_dataset.h"

namespace deixis {
namespace {

// Far from the seeds that the shipped network was trained on (models/README.md).
constexpr uint64_t kTestSeed = 500'000'000;
constexpr uint64_t kCalibrationSeed = 600'000'000;
constexpr uint64_t kShownSeed = 700'000'000;
constexpr int64_t kPicturePx = 64;
constexpr int64_t kShownPx = 320;
constexpr int kShownLabel = 7;  // a mug
constexpr double kSpokenFraction = 0.98;

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
  static Status Interrupted() { return Error{ErrorCode::kInterrupted, "demo: interrupted", ""}; }

 private:
  const DemoOptions& options_;
  std::string stage_;
  double begin_ = 0;
  double end_ = 0;
};

Result<std::unique_ptr<PictureSet>> MakePictures(const std::string& folder, int64_t count,
                                                 uint64_t seed,
                                                 const Preprocessing& preprocessing) {
  const SceneDatasetOptions options{.count = count,
                                    .first_seed = seed,
                                    .scene = {.height_px = kPicturePx, .width_px = kPicturePx}};
  DEIXIS_ASSIGN(Dataset dataset, WriteSceneDataset(folder, options));
  return std::make_unique<PictureSet>(std::move(dataset), preprocessing);
}

Result<double> Top1Of(const Model& model, PictureSet& pictures, int num_threads) {
  DEIXIS_ASSIGN(const Evaluation evaluation,
                Evaluate(model, pictures, {.num_threads = num_threads, .progress = {}}));
  return evaluation.top1();
}

Result<DemoRow> CompressTo(const Model& model, int centroids, PictureSet& calibration,
                           PictureSet& test, const DemoOptions& options, const Stages& stages,
                           DemoResult& result) {
  CompressOptions compress_options;
  compress_options.num_centroids = centroids;
  compress_options.num_threads = options.num_threads;
  compress_options.progress = [&](const CompressProgress& progress) {
    return stages.Report(progress.fraction);
  };
  DEIXIS_ASSIGN(const CompressedModel compressed, Compress(model, &calibration, compress_options));
  DemoRow row{.centroids = centroids,
              .path = options.folder + "/demo-k" + std::to_string(centroids) + ".safetensors"};
  DEIXIS_ASSIGN(const WrittenModel written,
                WriteAndReload(row.path, ModelToTensors(compressed.model)));
  DEIXIS_ASSIGN(row.top1, Top1Of(written.model, test, options.num_threads));
  row.file_bytes = written.file_bytes;
  row.ratio = static_cast<double>(result.parameter_bytes) / static_cast<double>(row.file_bytes);
  return row;
}

Status WriteReport(const Model& model, PictureSet& test, const DemoOptions& options,
                   const Stages& stages, DemoResult& result) {
  StudyOptions study_options;
  study_options.num_threads = options.num_threads;
  study_options.progress = [&](const std::string&, double done) { return stages.Report(done); };
  DEIXIS_ASSIGN(const Study study,
                RunStudy(model, result.model_path, test, /*calibration=*/nullptr, study_options));
  const std::string folder = options.folder + "/report";
  DEIXIS_RETURN_IF_ERROR(WriteStudy(study, folder));
  result.report_path = folder + "/index.html";
  return Ok();
}

// Shows one new picture to the model in `path` and speaks the answer.
Status LookAndSpeak(const std::string& path, const DemoOptions& options, DemoResult& result) {
  DEIXIS_ASSIGN(const Model model, LoadModel(path));
  const Scene scene = GenerateScene(kShownSeed, {.height_px = kShownPx,
                                                 .width_px = kShownPx,
                                                 .label = kShownLabel,
                                                 .hand_probability = 1,
                                                 .difficulty = 0.5});
  result.picture_path = options.folder + "/shown.png";
  DEIXIS_RETURN_IF_ERROR(WritePng(result.picture_path, scene.image));
  result.shown = SceneClassNames()[static_cast<size_t>(scene.label)];
  result.recognised_by = path;
  // Read again like any picture that a user has.
  DEIXIS_ASSIGN(const Image image, ReadImage(result.picture_path));
  DEIXIS_ASSIGN(Executor executor, Executor::Create(model, {.num_threads = options.num_threads}));
  const auto logits = executor.Run(PrepareForModel(image, model.preprocessing).pixels);
  const auto best = std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit - *best));
  result.probability = 1 / sum;
  const auto index = static_cast<size_t>(best - logits.begin());
  result.seen = index < model.class_names.size() ? model.class_names[index]
                                                 : "category " + std::to_string(index);
  const std::string sound_path = options.folder + "/spoken.wav";
  const auto sound = Synthesize(result.seen);
  result.voice = sound.ok() ? PlaySound("file:" + sound_path, *sound) : Status(sound.error());
  if (result.voice.ok()) result.sound_path = sound_path;
  return Ok();
}

}  // namespace

Status DemoOptions::Validate() const {
  for (const int k : centroids) {
    if (k < 2 || k > kMaxCentroids) {
      return UsageError("demo: expected 2 to 256 centroids, found " + std::to_string(k));
    }
  }
  if (centroids.empty() || test_pictures < 1 || calibration_pictures < 1 || num_threads < 1 ||
      folder.empty()) {
    return UsageError("demo: expected a folder, a number of centroids, a picture and a thread");
  }
  return Ok();
}

Result<std::string> FindDemoModel() {
  std::error_code failure;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", failure);
  const std::filesystem::path beside = failure ? "." : program.parent_path();
  const std::array<std::filesystem::path, 3> places = {
      beside / "../share/deixis/models/demo.safetensors",  // installed
      beside / "../../../models/demo.safetensors",         // build/PRESET/bin
      "models/demo.safetensors",
  };
  std::string looked_at;
  for (const std::filesystem::path& place : places) {
    if (std::filesystem::is_regular_file(place, failure)) return place.lexically_normal().string();
    looked_at += (looked_at.empty() ? "" : ", ") + place.lexically_normal().string();
  }
  return NotFound("demo network: expected one of " + looked_at, "name it with --model");
}

Result<DemoResult> RunDemo(const DemoOptions& options) {
  DEIXIS_RETURN_IF_ERROR(options.Validate());
  Stages stages(options);
  DemoResult result;
  result.model_path = options.model_path;
  if (result.model_path.empty()) {
    DEIXIS_ASSIGN(result.model_path, FindDemoModel());
  }
  DEIXIS_ASSIGN(const Model model, LoadModel(result.model_path));
  result.architecture = model.architecture.name;
  result.class_names = model.class_names;
  result.parameter_bytes = Fp32Bytes(model.graph);
  result.test_pictures = options.test_pictures;

  DEIXIS_RETURN_IF_ERROR(stages.Enter("making pictures", 0, 0.08));
  DEIXIS_ASSIGN(const auto test, MakePictures(options.folder + "/pictures", options.test_pictures,
                                              kTestSeed, model.preprocessing));
  DEIXIS_ASSIGN(const auto calibration,
                MakePictures(options.folder + "/calibration", options.calibration_pictures,
                             kCalibrationSeed, model.preprocessing));

  DEIXIS_RETURN_IF_ERROR(stages.Enter("judging the network as shipped", 0.08, 0.1));
  DEIXIS_ASSIGN(result.top1, Top1Of(model, *test, options.num_threads));

  constexpr double kCompressBegin = 0.1;
  constexpr double kCompressEnd = 0.7;
  const double share =
      (kCompressEnd - kCompressBegin) / static_cast<double>(options.centroids.size());
  for (size_t i = 0; i < options.centroids.size(); ++i) {
    const int k = options.centroids[i];
    const double begin = kCompressBegin + share * static_cast<double>(i);
    DEIXIS_RETURN_IF_ERROR(
        stages.Enter("compressing to " + std::to_string(k) + " centroids", begin, begin + share));
    DEIXIS_ASSIGN(DemoRow row, CompressTo(model, k, *calibration, *test, options, stages, result));
    result.rows.push_back(std::move(row));
  }

  DEIXIS_RETURN_IF_ERROR(stages.Enter("writing the report", kCompressEnd, kSpokenFraction));
  DEIXIS_RETURN_IF_ERROR(WriteReport(model, *test, options, stages, result));
  DEIXIS_RETURN_IF_ERROR(stages.Enter("looking and speaking", kSpokenFraction, 1));
  DEIXIS_RETURN_IF_ERROR(LookAndSpeak(result.rows.front().path, options, result));
  return result;
}

}  // namespace deixis
