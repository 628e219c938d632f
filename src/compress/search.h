// A K for each layer, found instead of given: the best network within a size, or the smallest
// within a loss of accuracy.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "compress/compress.h"
#include "compress/picture_set.h"
#include "network/model.h"

namespace deixis {

struct SearchOptions {
  std::vector<int> centroids = {2, 4, 8, 16, 32, 64, 128, 256};  // to choose from, ascending
  int64_t max_pictures = 128;    // that each layer's sensitivity is measured on
  int64_t reserved_bytes = 512;  // of the size, for provenance that the caller will add
  int max_trials = 6;            // of whole networks, when the loss is limited
};

// The plan of least expected damage whose file takes at most `target_bytes`: each layer's
// sensitivity is measured (sensitivity.h), sizes are exact (plan_size.h), and the choice is the
// best there is (allocate.h). Layers, granularity and pruning as `options` say; its K is not read.
// Without pictures all layers count alike. kUsage when even the smallest K everywhere is too large,
// with the size that would do.
Result<std::vector<LayerPlan>> PlanForBytes(const Model& model, PictureSet* pictures,
                                            int64_t target_bytes, const CompressOptions& options,
                                            const SearchOptions& search = {});

struct SearchTrial {
  int64_t file_bytes = 0;
  double top1 = 0;  // 0..1
};

struct SearchOutcome {
  CompressedModel compressed;
  int64_t file_bytes = 0;
  double top1_before = 0;
  double top1_after = 0;
  std::vector<SearchTrial> trials;  // in the order in which they were made
};

// The smallest of the networks tried that loses at most `max_drop_points` percentage points of
// top-1 on `pictures`, on which it is calibrated too. Sizes are tried by bisection, each compressed
// and measured as a whole. kUsage for a model that does not classify; kQualityMissed when the
// largest size loses more, with the figures.
Result<SearchOutcome> CompressWithinDrop(const Model& model, PictureSet& pictures,
                                         double max_drop_points, const CompressOptions& options,
                                         const SearchOptions& search = {});

}  // namespace deixis
