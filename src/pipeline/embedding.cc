#include "pipeline/embedding.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "base/dtype.h"
#include "base/rng.h"
#include "format/digest.h"
#include "runtime/executor.h"
#include "vision/augment.h"

namespace deixis {
namespace {

constexpr int64_t kScalePictures = 64;
// Not mirrored: there are things, and signs of hands, that are others then.
constexpr AugmentOptions kVariations = {.flip = false,
                                        .scale = 0.15,
                                        .shift = 0.08,
                                        .rotate_degrees = 8,
                                        .colour = 0.25,
                                        .blur_px = 0,
                                        .noise = 0,
                                        .erase = 0};

// Holds every mean of every map, but coarsely.
void GivePoolAnyScale(Model& model) {
  if (model.activations.empty()) return;
  ActivationQuantization& pool = model.activations["avgpool"];
  pool = {.scale = 0, .zero_point = 0};
  for (const auto& [name, kept] : model.activations) pool.scale = std::max(pool.scale, kept.scale);
}

Architecture UnderHead(Architecture architecture, HeadKind kind,
                       const Preprocessing& preprocessing) {
  architecture.flattened_pixels = architecture.num_attended = 0;
  if (kind == HeadKind::kFlatten) {
    architecture.pooled_stages = 1;
    const int64_t pixels =
        LastMapOf(architecture, preprocessing.height_px, preprocessing.width_px).num_pixels();
    architecture.flattened_pixels = pixels > 1 ? pixels : 0;  // of one pixel it is its mean
  }
  return architecture;
}

// What the head reads of each map.
std::vector<int64_t> MapChannelsOf(const Architecture& architecture) {
  return architecture.HasFlattenHead() ? std::vector{LastChannelsOf(architecture)}
                                       : PooledChannelsOf(architecture);
}

// The body under a head that answers nothing.
Model Headless(const Model& backbone, HeadKind kind, const Preprocessing& preprocessing) {
  const Architecture architecture = UnderHead(backbone.architecture, kind, preprocessing);
  int64_t length = 0;
  for (const int64_t channels : MapChannelsOf(architecture)) length += channels;
  length *= std::max<int64_t>(1, architecture.flattened_pixels);
  return WithHead(backbone, kind, preprocessing, std::vector<float>(static_cast<size_t>(length)),
                  {0.0f});
}

// Up to `most` samples: the first of each category, then the second of each, and so on. What is
// added to a dataset changes little about which these are.
std::vector<int64_t> SomeOfEachCategory(const PictureSet& pictures, int64_t most) {
  std::map<int, int64_t> num_seen;  // by label
  std::vector<std::pair<int64_t, int64_t>> by_turn;
  for (int64_t i = 0; i < pictures.size(); ++i) {
    by_turn.emplace_back(num_seen[pictures.sample(i).label]++, i);
  }
  std::ranges::sort(by_turn);
  by_turn.resize(std::min(by_turn.size(), static_cast<size_t>(most)));
  std::vector<int64_t> samples;
  for (const auto& [turn, sample] : by_turn) samples.push_back(sample);
  return samples;
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

// A copy of a picture, as the network takes it: the same for the same pixels.
std::vector<float> Vary(const std::vector<uint8_t>& pixels, int copy,
                        const Preprocessing& preprocessing) {
  const std::string digest = Sha256Hex(std::as_bytes(std::span(pixels)));
  Rng rng(std::stoull(digest.substr(0, 16), nullptr, 16) + static_cast<uint64_t>(copy));
  const Variation variation = DrawVariation(kVariations, preprocessing, /*marks_unit=*/{}, rng);
  std::vector<float> varied(pixels.size());
  VaryPicture(pixels.data(), variation, preprocessing, varied.data());
  return varied;
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

  // The picture itself, and `copies` of it: [1 + copies, length].
  Result<EmbeddingCache::Entry> Look(PictureSet& pictures, int64_t sample, int64_t length,
                                     int copies, int thread) {
    std::string key;
    if (cache_.keeps()) {
      DEIXIS_ASSIGN(key, EmbeddingKey(pictures.sample(sample).path, backbone_digest_));
    }
    EmbeddingCache::Entry all;
    std::vector<uint8_t> pixels;  // read when they are needed
    for (int copy = 0; copy <= copies; ++copy) {
      const std::string copy_key = copy == 0 || key.empty() ? key : VariedKey(key, copy);
      std::optional<EmbeddingCache::Entry> view;
      if (!key.empty()) view = cache_.Find(copy_key, length);
      if (!view) {
        view.emplace();
        view->size = all.size;
        if (pixels.empty()) {
          pixels.resize(pictures.picture_bytes());
          DEIXIS_ASSIGN(view->size, pictures.Read(sample, pixels));
        }
        Executor& executor = executors_[thread];
        if (copy == 0) {
          executor.Run(pixels);
        } else {
          executor.RunNormalized(Vary(pixels, copy, pictures.preprocessing()));
        }
        view->values = executor.HeadInput();
        // What comes from the cache has been through half floats too.
        for (float& value : view->values) value = HalfToFloat(FloatToHalf(value));
        cache_.Keep(copy_key, *view);
      }
      all.size = view->size;
      all.values.insert(all.values.end(), view->values.begin(), view->values.end());
    }
    return all;
  }

 private:
  explicit Embedder(const EmbeddingCache& cache) : cache_(cache) {}
  const EmbeddingCache& cache_;
  std::string backbone_digest_;
  std::vector<Executor> executors_;
};

}  // namespace

Result<Model> ToEmbed(const Model& backbone, PictureSet& pictures, const EmbedOptions& options,
                      ThreadPool& pool) {
  Model model = backbone;
  model.architecture.pooled_stages =
      std::min(options.pooled_stages, static_cast<int>(model.architecture.stage_channels.size()));
  if (backbone.activations.empty() || options.kind != HeadKind::kPooled) return model;
  GivePoolAnyScale(model);
  const Model probe = Headless(model, options.kind, pictures.preprocessing());
  const int64_t length = probe.graph.nodes.back().in_channels;
  DEIXIS_ASSIGN(Embedder embedder, Embedder::Create(probe, options.cache, pool.num_threads()));
  const std::vector<int64_t> some = SomeOfEachCategory(pictures, kScalePictures);
  std::mutex mutex;  // guards what follows
  std::optional<Error> failure;
  float largest = 0;
  pool.ParallelFor(static_cast<int64_t>(some.size()), [&](int64_t i, int thread) {
    const auto entry =
        embedder.Look(pictures, some[static_cast<size_t>(i)], length, /*copies=*/0, thread);
    const std::lock_guard lock(mutex);
    if (!entry.ok()) {
      failure = entry.error();
      return;
    }
    for (const float mean : entry->values) largest = std::max(largest, mean);
  });
  if (failure) return *std::move(failure);
  // In steps of half an octave, so that some pictures more seldom move it: what was embedded before
  // then still holds.
  const double steps = std::ceil(2 * std::log2(1.1 * std::max(largest, 1e-6f)));
  model.activations["avgpool"] = {.scale = static_cast<float>(std::exp2(steps / 2) / 255),
                                  .zero_point = 0};
  return model;
}

Model WithHead(const Model& backbone, HeadKind kind, const Preprocessing& preprocessing,
               std::vector<float> weight, std::vector<float> bias) {
  Model model = backbone;
  Architecture& architecture = model.architecture;
  architecture = UnderHead(architecture, kind, preprocessing);
  architecture.num_outputs = static_cast<int64_t>(bias.size());
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
  return model;
}

Result<Embeddings> Embed(const Model& backbone, PictureSet& pictures, const EmbedOptions& options,
                         ThreadPool& pool) {
  Embeddings embeddings;
  const Model probe = Headless(backbone, options.kind, pictures.preprocessing());
  embeddings.map_channels = MapChannelsOf(probe.architecture);
  for (const int64_t channels : embeddings.map_channels) embeddings.channels += channels;
  embeddings.map = {.height = 1, .width = 1};
  if (options.kind == HeadKind::kFlatten) {
    embeddings.map = LastMapOf(backbone.architecture, pictures.preprocessing().height_px,
                               pictures.preprocessing().width_px);
  }
  const int64_t length = embeddings.length();
  auto rows = RowsOf(pictures.dataset());
  // A reference of its own: C++20 lets lambdas capture structured bindings, clang 14 does not.
  const auto& sample_of_row = rows.second;
  const auto num_rows = static_cast<int64_t>(sample_of_row.size());
  embeddings.row_of_sample = std::move(rows.first);
  embeddings.sizes.resize(sample_of_row.size());
  embeddings.views = 1 + options.varied_copies;
  const int64_t row_length = embeddings.views * length;
  embeddings.values.resize(sample_of_row.size() * static_cast<size_t>(row_length));
  DEIXIS_ASSIGN(Embedder embedder, Embedder::Create(probe, options.cache, pool.num_threads()));

  std::atomic<bool> stop{false};
  std::mutex mutex;  // guards what follows
  std::optional<Error> failure;
  int64_t done = 0;
  pool.ParallelFor(num_rows, [&](int64_t row, int thread) {
    if (stop) return;
    auto entry = embedder.Look(pictures, sample_of_row[row], length, options.varied_copies, thread);
    const std::lock_guard lock(mutex);
    if (!entry.ok()) {
      if (!failure) failure = std::move(entry).error();
      stop = true;
      return;
    }
    embeddings.sizes[row] = entry->size;
    std::copy(entry->values.begin(), entry->values.end(),
              embeddings.values.begin() + row * row_length);
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
