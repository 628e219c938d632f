// Training that knows of compression: the centroids, scales and biases of a compressed network are
// taught to answer as the network did before (distillation: Hinton, Vinyals and Dean, 2015), and
// what the pictures are marked with, while activations are rounded as the runtime rounds them.
#pragma once

#include "base/result.h"
#include "network/model.h"
#include "train/fine_tune_job.h"
#include "train/fine_tuner.h"

namespace deixis {

// `input.backbone` is the compressed network and stays what it is but for those numbers; `teacher`
// is the network it was made of, for the same pictures. job.out gets the best of the epochs on
// held-out pictures, or the network as it was when none is better. Reports `start`, `epoch` (epoch
// 0 is the network as it was) and `done`, as a fine-tuning does. kInvalidData when the networks or
// the pictures do not fit, or nothing is palettized; else as FineTune().
Status TrainCentroids(const FineTuneJob& job, const FineTuneInput& input, const Model& teacher,
                      const FineTuneHooks& hooks);

}  // namespace deixis
