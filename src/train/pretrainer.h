// Pretrains a backbone, from nothing or from another, on pictures that are made as they are needed,
// none of them twice. It can be stopped or killed at any time and goes on from its last checkpoint.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "network/architecture.h"
#include "network/model.h"

namespace deixis {

// For `share` of the training, pictures of side_px x side_px: small ones first, since four times as
// many of them are seen in the same time.
struct PretrainPhase {
  int64_t side_px = 64;
  double share = 1;
};

struct PretrainOptions {
  std::vector<PretrainPhase> phases = {{32, 0.3}, {64, 0.6}, {96, 0.1}};  // shares sum to 1
  int batch_size = 128;
  // Exactly one of them is above 0. By minutes the schedule follows the clock of the training
  // itself, time between a stop and the resumption not counted; only by steps is the answer the
  // same each time.
  int64_t num_steps = 0;
  double minutes = 0;
  double learning_rate = 1e-3;  // at its peak: a short rise, then a cosine down to nothing
  double weight_decay = 0.02;   // AdamW's, of filters and the head's weights only
  // A model of the same architecture whose weights are gone on from, all but its head's; empty:
  // from nothing. The pictures' normalisation is then its own.
  std::string backbone;
  uint64_t seed = 1;
  int num_threads = 1;             // another number sums in another order
  std::string device = "cpu";      // or "cuda"; the pictures are made by the processor in any case
  std::string precision = "fp32";  // of convolutions; or "bf16" (TorchNetwork::ConvolveIn)
  std::string checkpoint;          // gone on from when it is there; none when empty
  double checkpoint_minutes = 3;   // between two of them
  int64_t steps_per_report = 50;

  Status Validate() const;
};

// Over the steps since the last report. Pictures are new each time, so top1 is that on pictures
// never seen before.
struct PretrainReport {
  int64_t step = 0;
  int64_t side_px = 0;
  int64_t pictures = 0;  // so far
  double loss = 0;       // cross entropy, nats
  double top1 = 0;       // 0..1
  std::map<std::string, double> top1_by_family;
  double learning_rate = 0;
  double progress = 0;  // 0..1
  double seconds = 0;   // of training so far, over all its parts
  double pictures_per_s = 0;
};
using PretrainCallback = std::function<bool(const PretrainReport&)>;  // false: stop

// The model names no classes: its head is of use to the training alone. Its provenance names the
// backbone it went on from. kInterrupted (after a checkpoint) when the callback says so;
// kInvalidData when the loss is not finite, the checkpoint is that of another training, or the
// backbone of another architecture; those of LoadModel for the backbone; kDeviceUnavailable without
// the device; kResources without memory.
Result<Model> Pretrain(Architecture architecture, const PretrainOptions& options,
                       const PretrainCallback& on_report = {});

}  // namespace deixis
