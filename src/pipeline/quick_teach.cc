#include "pipeline/quick_teach.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "base/thread_pool.h"
#include "pipeline/embedding.h"
#include "pipeline/teach_classifier.h"
#include "pipeline/teach_locator.h"

namespace deixis {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace

int VariedCopiesFor(int64_t num_pictures, int at_most) {
  const int64_t affordable = kMostViews / std::max<int64_t>(num_pictures, 1) - 1;
  return static_cast<int>(std::clamp<int64_t>(affordable, 0, at_most));
}

Preprocessing TeachingPreprocessing(const Model& backbone, Task task) {
  Preprocessing preprocessing = backbone.preprocessing;
  if (task == Task::kLocate) preprocessing.resize = ResizePolicy::kStretch;
  return preprocessing;
}

Result<QuickTeachResult> QuickTeach(const Model& backbone, PictureSet& pictures,
                                    const QuickTeachOptions& options) {
  const Dataset& dataset = pictures.dataset();
  if (dataset.samples.size() < kLeastPictures) {
    return InvalidData(dataset.folder + ": expected at least 5 pictures, found " +
                           std::to_string(dataset.samples.size()),
                       "add more of them");
  }
  const auto start = Clock::now();
  DEIXIS_ASSIGN(const Split split, SplitDataset(dataset, options.split, options.num_threads));
  ThreadPool pool(options.num_threads);
  const bool locates = options.task == Task::kLocate;
  const EmbedOptions embed{
      .kind = locates ? HeadKind::kFlatten : HeadKind::kPooled,
      .pooled_stages = options.pooled_stages,
      .varied_copies = locates ? 0
                               : VariedCopiesFor(static_cast<int64_t>(dataset.samples.size()),
                                                 options.varied_copies),
      .cache = options.cache,
      .progress = options.progress};
  DEIXIS_ASSIGN(const Model body, ToEmbed(backbone, pictures, embed, pool));
  DEIXIS_ASSIGN(const Embeddings embeddings, Embed(body, pictures, embed, pool));
  const double embed_seconds = SecondsSince(start);
  const auto embedded = Clock::now();
  Result<QuickTeachResult> result = locates
                                        ? TeachLocator(body, pictures, embeddings, split, pool)
                                        : TeachClassifier(body, pictures, embeddings, split, pool);
  if (!result.ok()) return result;
  result->views = embeddings.views;
  result->embed_seconds = embed_seconds;
  result->fit_seconds = SecondsSince(embedded);
  // A dataset without names leaves the outputs nameless.
  if (static_cast<int>(dataset.class_names.size()) == dataset.num_classes) {
    result->model.class_names = dataset.class_names;
  }
  // Of a backbone that was taught before, the last teaching counts.
  auto& provenance = result->model.provenance;
  std::erase_if(provenance, [](const auto& entry) { return entry.first == "taught"; });
  provenance.emplace_back("taught", dataset.folder);
  return result;
}

}  // namespace deixis
