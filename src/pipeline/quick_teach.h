// Quick teaching: the backbone stays as it is, runs once over each picture, and a new head is
// fitted to its embeddings in closed form. Seconds on the device instead of minutes of training,
// and the first thing to offer; fine-tuning comes when the held-out figure asks for it.
//
// The head is a ridge regression: of the marks' unit coordinates for a model that locates, of ±1
// for whether the thing is there at all when some pictures lack it, and of ±1 per category for a
// classifier. Logits are then sharpened by one temperature so that they give probabilities. Penalty
// and temperature are chosen on predictions for pictures left out in turn.
#pragma once

#include <cstdint>
#include <functional>

#include "base/result.h"
#include "compress/picture_set.h"
#include "network/model.h"

namespace deixis {

struct QuickTeachOptions {
  Task task = Task::kClassify;
  int num_threads = 1;
  // Pictures embedded so far, of all; false stops with kInterrupted. May be empty.
  std::function<bool(int64_t done, int64_t total)> progress;
};

struct QuickTeachResult {
  Model model;         // the backbone with the new head, named after the dataset's categories
  int64_t images = 0;  // pictures used
  double penalty = 0;  // the ridge, as a share of the embeddings' mean variance
  // On pictures left out in five runs of neighbours (neighbours are alike, so chance splits
  // flatter): the share named right, or the mean distance in the pictures' own pixels.
  double held_out_top1 = 0;
  double held_out_error_px = 0;
  // Of a model that tells presence, over the same pictures; see compress/metrics.h.
  double held_out_presence_roc = 0;
  double held_out_presence_fpr95 = 0;
};

// `pictures` must have been prepared with the backbone's preprocessing. kInvalidData without enough
// pictures (fewer than 5, or a category without any), without marks, or with fewer than 5 pictures
// of a category that lack the thing when there are any. O(n E^2 + E^3) after the
// embedding, E the backbone's width.
Result<QuickTeachResult> QuickTeach(const Model& backbone, PictureSet& pictures,
                                    const QuickTeachOptions& options);

}  // namespace deixis
