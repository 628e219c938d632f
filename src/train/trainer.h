// Trains a classifier from scratch. No LibTorch type shows here, so the rest of the project can be
// built against it without LibTorch's headers.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/preprocessing.h"
#include "base/result.h"
#include "network/architecture.h"
#include "network/model.h"
#include "train/picture_batch.h"

namespace deixis {

struct TrainOptions {
  int epochs = 12;
  int batch_size = 64;
  double learning_rate =
      0.05;                    // at its peak: it rises over the first tenth, then falls as a cosine
  double momentum = 0.9;       // Nesterov's
  double weight_decay = 5e-4;  // of filters and the head's weights only
  int max_shift_px = 2;        // each picture is shifted at random, its border repeated
  bool mirror = true;          // half of the pictures are mirrored
  uint64_t seed = 1;
  int num_threads = 1;  // another number sums in another order, and so gives another model

  Status Validate() const;
};

struct EpochReport {
  int epoch = 0;         // from 1
  double mean_loss = 0;  // cross entropy over the epoch, nats
  double top1 = 0;       // on the held-out pictures, 0..1
  double seconds = 0;    // wall clock since the start
};
// false stops the training with kInterrupted.
using EpochCallback = std::function<bool(const EpochReport&)>;

// `num_outputs` of the architecture is set to the number of class names. The model carries the
// names, the preprocessing and the provenance. Errors: kUsage for options, kInvalidData for
// pictures that do not fit, kResources when memory runs out, kInternal for whatever else LibTorch
// throws.
Result<Model> TrainClassifier(Architecture architecture,
                              const std::vector<std::string>& class_names,
                              const Preprocessing& preprocessing, const PictureBatch& training,
                              const PictureBatch& held_out, const TrainOptions& options,
                              const EpochCallback& on_epoch = {});

}  // namespace deixis
