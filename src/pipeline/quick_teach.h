// Quick teaching: the backbone stays as it is, runs once over each picture (and, to classify, over
// varied copies of it), and a new head is fitted to what it makes of them. Seconds on the device
// instead of minutes of training, and the first thing to offer; fine-tuning comes when the held-out
// figure asks for it.
//
// A classifier gets a pooled head on the last maps of three stages, by logistic regression, and a
// rejection of what it was not taught (network/rejection.h). A model that locates gets a flatten
// head, since the mean over the last feature map keeps nothing of where a thing was: by ridge
// regression of the marks' unit coordinates, and of ±1 for whether the thing is there at all when
// some pictures lack it. Penalties and the sharpness of probabilities are chosen on predictions for
// pictures left out in turn.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "base/result.h"
#include "compress/picture_set.h"
#include "network/model.h"
#include "pipeline/embedding.h"
#include "pipeline/embedding_cache.h"
#include "vision/dataset_split.h"

namespace deixis {

inline constexpr int kTeachingFolds = 5;
inline constexpr size_t kLeastPictures = 5;
// Of each picture. With many pictures there are fewer, so that there are at most kMostViews views
// (pictures and copies) unless there are more pictures: many pictures have variety of their own,
// and fits stay short.
inline constexpr int kVariedCopies = 4;
inline constexpr int64_t kMostViews = 2000;
int VariedCopiesFor(int64_t num_pictures, int at_most);

struct QuickTeachOptions {
  Task task = Task::kClassify;
  int pooled_stages = kPooledStages;  // of a classifier
  // Of a classifier: varied copies of each picture that teach with it (EmbedOptions), at most.
  int varied_copies = kVariedCopies;
  int num_threads = 1;
  // Which pictures judge. A side that the dataset writes down counts always: such pictures never
  // teach. Of the others all teach the head that is given out, once it is judged.
  SplitOptions split;
  EmbeddingCache cache;  // keeps nothing unless told
  // Pictures embedded so far, of all; false stops with kInterrupted. May be empty.
  std::function<bool(int64_t done, int64_t total)> progress;
};

// What a classifier does with categories that it was not taught, each left out in turn.
struct UnknownFigures {
  double roc = 0;       // the chance that a known thing scores higher than an unknown one
  double fpr95 = 0;     // unknown ones that pass when 95 % of the known ones do
  double recall = 0;    // known ones that pass the threshold
  double accepted = 0;  // unknown ones that pass it
};

struct QuickTeachResult {
  Model model;         // the backbone with the new head, named after the dataset's categories
  int64_t images = 0;  // pictures that taught it
  int64_t views = 1;   // of each: itself and its varied copies
  double penalty = 0;
  // On the held-out side by a head that the other side taught alone; where no picture is held out,
  // on each by the fit without its fold. The share named right, or the mean distance in the
  // pictures' own pixels.
  int64_t held_out_images = 0;
  double held_out_top1 = 0;
  double held_out_error_px = 0;
  // Of a model that tells presence, over the same pictures; see compress/metrics.h.
  double held_out_presence_roc = 0;
  double held_out_presence_fpr95 = 0;
  // None when fewer than three categories have a name: then nothing is rejected by its score.
  std::optional<UnknownFigures> unknown;
  double embed_seconds = 0;  // looking at the pictures
  double fit_seconds = 0;    // everything after
};

// How pictures become the input of a model that the backbone is taught to be: the backbone's way,
// but for a model that locates the whole picture, since a mark may lie where a crop would cut.
Preprocessing TeachingPreprocessing(const Model& backbone, Task task);

// `pictures` must have been prepared with TeachingPreprocessing. kInvalidData without enough
// pictures (a category without any; for locating fewer than 5 marked, or than 5 without the thing
// when there are any). After the embedding O(n^2 E + n^3) to locate, O(n E) per step to classify, n
// being pictures and E their embeddings' length.
Result<QuickTeachResult> QuickTeach(const Model& backbone, PictureSet& pictures,
                                    const QuickTeachOptions& options);

}  // namespace deixis
