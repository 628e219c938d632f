#include "pipeline/embedding.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "base/dtype.h"
#include "runtime/executor.h"

namespace deixis {
namespace {

// A body whose activations are rounded needs a scale for the mean of its last map. One that had a
// flatten head has none; the map's own holds every mean.
void GivePoolItsScale(Model& model) {
  if (model.activations.empty() || model.architecture.HasFlattenHead()) return;
  for (const Node& node : model.graph.nodes) {
    if (node.kind != OpKind::kGlobalAveragePool || model.activations.contains(node.name)) continue;
    const Node* last = nullptr;
    for (const Node& before : model.graph.nodes) {
      if (before.kind == OpKind::kConv2d) last = &before;
    }
    if (last == nullptr) return;
    const auto found = model.activations.find(last->name);
    if (found != model.activations.end()) model.activations[node.name] = found->second;
    return;
  }
}

// By sample the row of its picture, and by row the first sample that shows it.
std::pair<std::vector<int64_t>, std::vector<int64_t>> RowsOf(const Dataset& dataset) {
  std::map<std::string, int64_t> row_of_path;
  std::vector<int64_t> row_of_sample;
  std::vector<int64_t> sample_of_row;
  for (const Sample& sample : dataset.samples) {
    const auto [found, is_new] =
        row_of_path.emplace(sample.path, static_cast<int64_t>(sample_of_row.size()));
    if (is_new) sample_of_row.push_back(static_cast<int64_t>(row_of_sample.size()));
    row_of_sample.push_back(found->second);
  }
  return {std::move(row_of_sample), std::move(sample_of_row)};
}

class Embedder {
 public:
  static Result<Embedder> Create(const Model& model, const EmbeddingCache& cache, int num_threads) {
    Embedder embedder(cache);
    if (cache.keeps()) embedder.backbone_digest_ = BackboneDigest(model);
    for (int thread = 0; thread < num_threads; ++thread) {
      DEIXIS_ASSIGN(Executor executor, Executor::Create(model));
      embedder.executors_.push_back(std::move(executor));
    }
    return embedder;
  }

  Result<EmbeddingCache::Entry> Look(PictureSet& pictures, int64_t sample, int64_t length,
                                     int thread) {
    std::string key;
    if (cache_.keeps()) {
      DEIXIS_ASSIGN(key, EmbeddingKey(pictures.sample(sample).path, backbone_digest_));
      if (auto entry = cache_.Find(key, length)) return *std::move(entry);
    }
    std::vector<uint8_t> pixels(pictures.picture_bytes());
    EmbeddingCache::Entry entry;
    DEIXIS_ASSIGN(entry.size, pictures.Read(sample, pixels));
    executors_[thread].Run(pixels);
    entry.values = executors_[thread].HeadInput();
    // What comes from the cache has been through half floats too.
    for (float& value : entry.values) value = HalfToFloat(FloatToHalf(value));
    cache_.Keep(key, entry);
    return entry;
  }

 private:
  explicit Embedder(const EmbeddingCache& cache) : cache_(cache) {}
  const EmbeddingCache& cache_;
  std::string backbone_digest_;
  std::vector<Executor> executors_;
};

}  // namespace

Model WithHead(const Model& backbone, HeadKind kind, const Preprocessing& preprocessing,
               std::vector<float> weight, std::vector<float> bias) {
  Model model = backbone;
  Architecture& architecture = model.architecture;
  architecture.num_outputs = static_cast<int64_t>(bias.size());
  architecture.flattened_pixels = architecture.num_attended = 0;
  if (kind == HeadKind::kFlatten) {
    const int64_t pixels =
        LastMapOf(architecture, preprocessing.height_px, preprocessing.width_px).num_pixels();
    architecture.flattened_pixels = pixels > 1 ? pixels : 0;  // of one pixel it is its mean
  }
  model.graph = BuildGraph(architecture);
  model.task = Task::kClassify;
  model.tells_presence = false;
  model.preprocessing = preprocessing;
  model.class_names.clear();
  model.rejection.reset();
  const int64_t outputs = architecture.num_outputs;
  const int64_t inputs = model.graph.nodes.back().in_channels;
  model.layers[architecture.head_name] = {
      .weight = Tensor::FromVector({outputs, inputs}, std::move(weight)),
      .bias = Tensor::FromVector({outputs}, std::move(bias))};
  GivePoolItsScale(model);
  return model;
}

Result<Embeddings> Embed(const Model& backbone, PictureSet& pictures, const EmbedOptions& options,
                         ThreadPool& pool) {
  Embeddings embeddings;
  embeddings.channels = LastChannelsOf(backbone.architecture);
  embeddings.map = {.height = 1, .width = 1};
  if (options.kind == HeadKind::kFlatten) {
    embeddings.map = LastMapOf(backbone.architecture, pictures.preprocessing().height_px,
                               pictures.preprocessing().width_px);
  }
  const int64_t length = embeddings.length();
  const Model probe = WithHead(backbone, options.kind, pictures.preprocessing(),
                               std::vector<float>(static_cast<size_t>(length)), {0.0f});
  auto rows = RowsOf(pictures.dataset());
  // A reference of its own: C++20 lets lambdas capture structured bindings, clang 14 does not.
  const auto& sample_of_row = rows.second;
  const auto num_rows = static_cast<int64_t>(sample_of_row.size());
  embeddings.row_of_sample = std::move(rows.first);
  embeddings.sizes.resize(sample_of_row.size());
  embeddings.values.resize(sample_of_row.size() * static_cast<size_t>(length));
  DEIXIS_ASSIGN(Embedder embedder, Embedder::Create(probe, options.cache, pool.num_threads()));

  std::atomic<bool> stop{false};
  std::mutex mutex;  // guards what follows
  std::optional<Error> failure;
  int64_t done = 0;
  pool.ParallelFor(num_rows, [&](int64_t row, int thread) {
    if (stop) return;
    auto entry = embedder.Look(pictures, sample_of_row[row], length, thread);
    const std::lock_guard lock(mutex);
    if (!entry.ok()) {
      if (!failure) failure = std::move(entry).error();
      stop = true;
      return;
    }
    embeddings.sizes[row] = entry->size;
    std::copy(entry->values.begin(), entry->values.end(), embeddings.values.begin() + row * length);
    if (options.progress && !options.progress(++done, num_rows)) {
      if (!failure) failure = Error{ErrorCode::kInterrupted, "interrupted", ""};
      stop = true;
    }
  });
  if (failure) return *std::move(failure);
  options.cache.Trim();
  return embeddings;
}

}  // namespace deixis
