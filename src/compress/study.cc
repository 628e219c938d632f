#include "compress/study.h"

#include <unistd.h>

#include <filesystem>
#include <initializer_list>
#include <system_error>
#include <utility>

#include "base/thread_pool.h"
#include "compress/compress.h"
#include "compress/evaluate.h"
#include "compress/prune.h"
#include "compress/written_model.h"
#include "network/model_size.h"

namespace deixis {
namespace {

// Counts the evaluations of a study, so that each can say how far all of them are.
class Steps {
 public:
  Steps(const StudyOptions& options, int total) : options_(options), total_(total) {}

  double Done() const { return static_cast<double>(finished_) / total_; }

  // Evaluates `model`; the share of all steps that are done is reported under `stage`.
  Result<double> Score(const Model& model, PictureSet& pictures, const std::string& stage) {
    EvaluateOptions evaluate;
    evaluate.num_threads = options_.num_threads;
    if (options_.progress) {
      evaluate.progress = [&](int64_t done, int64_t images) {
        return options_.progress(
            stage, (finished_ + static_cast<double>(done) / static_cast<double>(images)) / total_);
      };
    }
    DEIXIS_ASSIGN(const Evaluation evaluation, Evaluate(model, pictures, evaluate));
    ++finished_;
    return model.task == Task::kLocate ? evaluation.mean_error_px() : evaluation.top1();
  }

 private:
  const StudyOptions& options_;
  int total_;
  int finished_ = 0;
};

Result<const LayerParameters*> FindLayer(const Model& model, const std::string& name) {
  if (const auto found = model.layers.find(name); found != model.layers.end()) {
    return &found->second;
  }
  std::string names;
  for (const Node& node : model.graph.nodes) {
    if (model.layers.contains(node.name)) names += (names.empty() ? "" : ", ") + node.name;
  }
  return NotFound(
      "layer \"" + name + "\": " + model.architecture.name + " has no layer of that name",
      "choose one of: " + names);
}

double MeanSquaredError(const Palettization& palettization, std::span<const float> weights) {
  return SquaredError(palettization, weights) / static_cast<double>(weights.size());
}

// The model with the layer's weights replaced; everything else shared.
Model WithLayer(const Model& model, const std::string& layer, const Palettization& palettization) {
  Model changed = model;
  changed.layers[layer].weight =
      Tensor::FromVector(palettization.shape, DenseWeights(palettization));
  return changed;
}

Result<StudyCase> StudyLayerAt(const Model& model, const Study& study, const Shape& shape, int k,
                               PictureSet& pictures, ThreadPool& pool, Steps& steps) {
  const PalettizeOptions options{
      .num_centroids = k, .granularity = Granularity::kRow, .channel_scales = false};
  DEIXIS_ASSIGN(Palettization shared, Palettize(study.weights, shape, options, {}, {}, pool));
  const std::string stage = study.layer + " K=" + std::to_string(k);
  StudyCase result;
  result.centroids = k;
  result.bits_per_index = BitsPerIndex(k);
  result.codebooks = shared.centroids;
  result.weight_mse = MeanSquaredError(shared, study.weights);
  DEIXIS_ASSIGN(const PalettizedTensor packed, Pack(shared, DType::kF32));
  result.bytes = packed.num_bytes();
  DEIXIS_ASSIGN(result.score, steps.Score(WithLayer(model, study.layer, shared), pictures, stage));

  PruneNearestZero(shared);
  for (int64_t node = 0; node < study.nodes; ++node) {
    result.pruned.removed.push_back(shared.ZeroIndex(shared.GroupOfRow(node)));
  }
  result.pruned.sparsity = Sparsity(shared);
  result.pruned.weight_mse = MeanSquaredError(shared, study.weights);
  DEIXIS_ASSIGN(result.pruned.score, steps.Score(WithLayer(model, study.layer, shared), pictures,
                                                 stage + ", nearest zero removed"));
  return result;
}

Result<std::string> TemporaryPath() {
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::temp_directory_path(error);
  if (error) {
    return ResourceError("no folder for temporary files: " + error.message(),
                         "let TMPDIR name one that you may write to");
  }
  return (folder / ("deixis-study-" + std::to_string(::getpid()))).string();
}

Result<StudyPlan> StudyNetworkAt(const Model& model, const Study& study, StudyPlan plan,
                                 PictureSet& pictures, PictureSet* calibration,
                                 const StudyOptions& options, Steps& steps) {
  const std::string stage = "network K=" + std::to_string(plan.centroids);
  CompressOptions compress;
  compress.num_centroids = plan.centroids;
  compress.granularity = plan.granularity;
  compress.num_threads = options.num_threads;
  if (options.progress) {
    compress.progress = [&](const CompressProgress& progress) {
      return options.progress(stage + ": " + std::string(progress.stage), steps.Done());
    };
  }
  DEIXIS_ASSIGN(const CompressedModel compressed,
                Compress(model, plan.calibrated ? calibration : nullptr, compress));
  DEIXIS_ASSIGN(const std::string path, TemporaryPath());
  const Result<WrittenModel> written = WriteAndReload(path, ModelToTensors(compressed.model));
  std::error_code ignored;
  std::filesystem::remove(path, ignored);
  if (!written.ok()) return written.error();
  plan.bytes = written->file_bytes;
  plan.ratio = static_cast<double>(study.model_bytes) / static_cast<double>(plan.bytes);
  DEIXIS_ASSIGN(plan.score, steps.Score(written->model, pictures, stage));
  return plan;
}

// What each row of the head stands for.
std::vector<std::string> NodeNames(const Model& model, const PictureSet& pictures) {
  const std::vector<std::string>& categories =
      model.class_names.empty() ? pictures.dataset().class_names : model.class_names;
  if (model.task == Task::kClassify) return categories;
  std::vector<std::string> names;
  const auto name_each = [&](std::initializer_list<const char*> what) {
    for (int64_t category = 0; category < NumCategories(model); ++category) {
      const bool has_name = category < static_cast<int64_t>(categories.size());
      for (const char* each : what) {
        names.push_back((has_name ? categories[category] + " " : "") + each);
      }
    }
  };
  name_each({"x", "y"});
  if (model.tells_presence) name_each({"presence"});
  if (model.architecture.HasSoftArgmaxHead()) name_each({"attention"});
  return names;
}

}  // namespace

Result<Study> RunStudy(const Model& model, const std::string& model_path, PictureSet& pictures,
                       PictureSet* calibration, const StudyOptions& options) {
  Study study;
  study.model_path = model_path;
  study.architecture = model.architecture.name;
  study.model_bytes = Fp32Bytes(model.graph);
  study.data_folder = pictures.dataset().folder;
  if (calibration != nullptr) study.calibration_folder = calibration->dataset().folder;
  study.images = pictures.size();
  study.task = model.task;
  study.layer = options.layer.empty() ? model.architecture.head_name : options.layer;

  DEIXIS_ASSIGN(const LayerParameters* layer, FindLayer(model, study.layer));
  const Shape& shape = WeightShape(layer->weight);
  study.weights = DenseWeights(*layer);
  study.nodes = shape.at(0);
  study.weights_per_node = static_cast<int64_t>(study.weights.size()) / study.nodes;
  if (study.layer == model.architecture.head_name) study.node_names = NodeNames(model, pictures);

  const int num_granularities = calibration != nullptr ? 4 : 3;
  const int per_k = 2 + (options.whole_network ? num_granularities : 0);
  Steps steps(options, 1 + per_k * static_cast<int>(options.centroids.size()));
  ThreadPool pool(options.num_threads);
  DEIXIS_ASSIGN(study.baseline_score, steps.Score(model, pictures, "uncompressed"));
  for (const int k : options.centroids) {
    DEIXIS_ASSIGN(StudyCase each, StudyLayerAt(model, study, shape, k, pictures, pool, steps));
    study.cases.push_back(std::move(each));
  }
  if (!options.whole_network) return study;
  for (const bool calibrated : {false, true}) {
    if (calibrated && calibration == nullptr) continue;
    for (const Granularity granularity :
         {Granularity::kRow, Granularity::kGroup, Granularity::kTensor}) {
      if (calibrated && granularity != Granularity::kGroup) continue;
      for (const int k : options.centroids) {
        const StudyPlan wanted{
            .granularity = granularity, .centroids = k, .calibrated = calibrated};
        DEIXIS_ASSIGN(StudyPlan plan,
                      StudyNetworkAt(model, study, wanted, pictures, calibration, options, steps));
        study.plans.push_back(plan);
      }
    }
  }
  return study;
}

}  // namespace deixis
