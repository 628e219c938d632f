// Fine-tuning: a network that has learnt something else goes on with pictures of what is wanted.
// Each epoch is judged on held-out pictures, and the best one is what is kept. No LibTorch type
// shows here.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "network/model.h"
#include "train/fine_tune_job.h"
#include "train/sample_pictures.h"
#include "train/score.h"

namespace deixis {

class Processes;

struct FineTuneInput {
  Model backbone;
  std::string backbone_sha256;
  SamplePictures training;
  SamplePictures held_out;
  std::optional<SamplePictures> test;
  std::vector<std::string> class_names;
  int64_t num_categories = 0;
};

struct FineTuneHooks {
  // A line of docs/training.md, of the first process alone.
  std::function<void(const nlohmann::ordered_json& line)> report;
  // Asked after every step; true stops with kInterrupted.
  std::function<bool()> is_cancelled;
};

// How pictures come to the network: the backbone's way at the job's size.
Preprocessing PreprocessingFor(const FineTuneJob& job, const Model& backbone);

// The network to be trained: the backbone with the head that the task needs. kInvalidData when
// keep_head asks for one that does not fit.
Result<Architecture> ArchitectureFor(const FineTuneJob& job, const Model& backbone,
                                     const Preprocessing& preprocessing, int64_t num_categories,
                                     bool tells_presence);

// Whether the task has to tell presence: some pictures lack the thing, or the kept head tells it.
bool TellsPresence(const FineTuneJob& job, const FineTuneInput& input);

// Trains, and writes job.out whenever an epoch is the best so far and the checkpoint after every
// one, both by the first process alone. A checkpoint never holds an epoch that was not reported:
// after a kill, a training that resumes may report one epoch again, but leaves none out. What
// stands in job.out when it fails is the best of the epochs that ended well, or what was there
// before the first.
//   kUsage              the job
//   kInvalidData        pictures or a checkpoint that do not fit; a loss that is no number
//   kDeviceUnavailable  no cuda here
//   kResources          out of memory
//   kInterrupted        cancelled
Status FineTune(const FineTuneJob& job, const FineTuneInput& input,
                const std::shared_ptr<Processes>& processes, const FineTuneHooks& hooks);

}  // namespace deixis
