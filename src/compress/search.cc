#include "compress/search.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>

#include "compress/allocate.h"
#include "compress/evaluate.h"
#include "compress/plan_size.h"
#include "compress/sensitivity.h"

namespace deixis {
namespace {

// Sizes that differ by less are not worth another trial.
constexpr double kSizeResolution = 0.02;
// The header of the file grows by a few digits with the sizes it names; each round corrects by what
// the last one was over.
constexpr int kMaxCorrections = 8;
// Of the whole work, what measuring the layers takes.
constexpr double kMeasureShare = 0.1;

using Progress = std::function<bool(const CompressProgress&)>;

// Reports as the part [begin, begin + share) of a larger whole.
Progress PartOf(const Progress& progress, double begin, double share) {
  if (!progress) return {};
  return [&progress, begin, share](const CompressProgress& part) {
    return progress({part.stage, part.layer, begin + share * part.fraction});
  };
}

std::string Percent(double share) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.2f %%", 100 * share);
  return text;
}

// Chooses plans of any size for one model, from one measurement.
class Planner {
 public:
  static Result<Planner> Create(const Model& model, PictureSet* pictures,
                                const CompressOptions& options, const SearchOptions& search,
                                const Progress& progress) {
    Planner planner(model, options, search);
    DEIXIS_ASSIGN(planner.plan_, MakePlan(model, options));
    CompressOptions measured = options;
    measured.progress = progress;
    const SensitivityOptions sensitivity{.centroids = search.centroids,
                                         .max_pictures = search.max_pictures};
    DEIXIS_ASSIGN(planner.layers_,
                  MeasureLayerOptions(model, planner.plan_, pictures, measured, sensitivity));
    DEIXIS_ASSIGN(planner.smallest_bytes_, planner.UniformBytes(0));
    DEIXIS_ASSIGN(planner.largest_bytes_,
                  planner.UniformBytes(static_cast<int>(search.centroids.size()) - 1));
    return planner;
  }

  // Of files with the smallest and the largest K everywhere, reserve included.
  int64_t smallest_bytes() const { return smallest_bytes_; }
  int64_t largest_bytes() const { return largest_bytes_; }

  Result<std::vector<LayerPlan>> PlanFor(int64_t target_bytes) {
    if (target_bytes < smallest_bytes_) {
      return UsageError("target of " + std::to_string(target_bytes) + " bytes: with " +
                            std::to_string(search_.centroids.front()) +
                            " centroids in every chosen layer the file takes " +
                            std::to_string(smallest_bytes_) + " bytes",
                        "ask for at least that, or choose more layers");
    }
    // What the layers may take together: the rest of the file is as it is in any plan.
    int64_t other_bytes = smallest_bytes_;
    for (const LayerOptions& options : layers_) other_bytes -= options.front().num_bytes;
    int64_t room = target_bytes - other_bytes;
    for (int round = 0; round < kMaxCorrections; ++round) {
      const Result<Allocation> allocation = AllocateForBytes(layers_, room);
      if (!allocation.ok()) break;
      Apply(allocation->choice);
      DEIXIS_ASSIGN(const int64_t file_bytes, TotalBytes());
      if (file_bytes <= target_bytes) return plan_;
      room = allocation->num_bytes - (file_bytes - target_bytes);
    }
    Apply(std::vector<int>(layers_.size(), 0));
    return plan_;
  }

 private:
  Planner(const Model& model, const CompressOptions& options, const SearchOptions& search)
      : model_(model), options_(options), search_(search) {}

  void Apply(const std::vector<int>& choice) {
    for (size_t l = 0; l < plan_.size(); ++l) {
      plan_[l].num_centroids = search_.centroids[choice[l]];
    }
  }
  Result<int64_t> TotalBytes() const {
    DEIXIS_ASSIGN(const int64_t bytes, FileBytes(model_, plan_, options_.codebook_dtype));
    const int64_t activations = options_.activations ? ActivationBytes(model_.graph) : 0;
    return bytes + activations + search_.reserved_bytes;
  }
  Result<int64_t> UniformBytes(int choice) {
    Apply(std::vector<int>(plan_.size(), choice));
    return TotalBytes();
  }

  const Model& model_;
  const CompressOptions& options_;
  const SearchOptions& search_;
  std::vector<LayerPlan> plan_;
  std::vector<LayerOptions> layers_;
  int64_t smallest_bytes_ = 0;
  int64_t largest_bytes_ = 0;
};

}  // namespace

Result<std::vector<LayerPlan>> PlanForBytes(const Model& model, PictureSet* pictures,
                                            int64_t target_bytes, const CompressOptions& options,
                                            const SearchOptions& search) {
  DEIXIS_ASSIGN(Planner planner,
                Planner::Create(model, pictures, options, search, options.progress));
  return planner.PlanFor(target_bytes);
}

Result<SearchOutcome> CompressWithinDrop(const Model& model, PictureSet& pictures,
                                         double max_drop_points, const CompressOptions& options,
                                         const SearchOptions& search) {
  if (model.task != Task::kClassify) {
    return UsageError("maximal drop: expected a model that classifies, found one that locates",
                      "give a size instead");
  }
  if (!(max_drop_points >= 0)) {
    return UsageError("maximal drop: expected percentage points of at least 0, found " +
                      std::to_string(max_drop_points));
  }
  EvaluateOptions evaluate;
  evaluate.num_threads = options.num_threads;
  DEIXIS_ASSIGN(const Evaluation before, Evaluate(model, pictures, evaluate));
  DEIXIS_ASSIGN(Planner planner, Planner::Create(model, &pictures, options, search,
                                                 PartOf(options.progress, 0, kMeasureShare)));
  SearchOutcome outcome;
  outcome.top1_before = before.top1();
  const double least_top1 = outcome.top1_before - max_drop_points / 100;
  std::optional<CompressedModel> best;

  const auto try_size = [&](int64_t target_bytes) -> Result<bool> {
    CompressOptions trial_options = options;
    const double share = (1 - kMeasureShare) / search.max_trials;
    trial_options.progress =
        PartOf(options.progress, kMeasureShare + share * static_cast<double>(outcome.trials.size()),
               share);
    DEIXIS_ASSIGN(const std::vector<LayerPlan> plan, planner.PlanFor(target_bytes));
    DEIXIS_ASSIGN(CompressedModel compressed,
                  CompressByPlan(model, plan, &pictures, trial_options));
    DEIXIS_ASSIGN(const int64_t file_bytes, FileBytes(model, plan, options.codebook_dtype));
    DEIXIS_ASSIGN(const Evaluation after, Evaluate(compressed.model, pictures, evaluate));
    outcome.trials.push_back({file_bytes, after.top1()});
    // Both are shares of the same pictures: half a picture's tolerance is for rounding only.
    const double half_picture = 0.5 / static_cast<double>(std::max<int64_t>(1, after.images));
    if (after.top1() < least_top1 - half_picture * 1e-3) return false;
    if (!best || file_bytes < outcome.file_bytes) {
      best = std::move(compressed);
      outcome.file_bytes = file_bytes;
      outcome.top1_after = after.top1();
    }
    return true;
  };

  // The size is sought on a logarithmic scale between the extremes, most of which is soon ruled
  // out.
  int64_t too_small = planner.smallest_bytes();
  int64_t enough = planner.largest_bytes();
  while (static_cast<int>(outcome.trials.size()) + 1 < search.max_trials &&
         static_cast<double>(enough) > (1 + kSizeResolution) * static_cast<double>(too_small)) {
    const auto target = static_cast<int64_t>(
        std::sqrt(static_cast<double>(too_small) * static_cast<double>(enough)));
    DEIXIS_ASSIGN(const bool within, try_size(target));
    (within ? enough : too_small) = target;
  }
  if (!best) {
    DEIXIS_ASSIGN(const bool within, try_size(planner.largest_bytes()));
    if (!within) {
      return Error{
          ErrorCode::kQualityMissed,
          "maximal drop of " + std::to_string(max_drop_points) + " points from " +
              Percent(outcome.top1_before) + ": with " + std::to_string(search.centroids.back()) +
              " centroids in every chosen layer it is " + Percent(outcome.trials.back().top1),
          "allow a larger drop, or leave layers out"};
    }
  }
  outcome.compressed = std::move(*best);
  return outcome;
}

}  // namespace deixis
