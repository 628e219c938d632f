// The whole loop played on made tables in simulated time, and counted against the truth: does the
// finger that dwells on a thing get its name, does an unknown thing stay unnamed, and is there
// silence when nobody points?
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "pipeline/decision.h"
#include "pipeline/looker.h"
#include "vision/camera/camera.h"

namespace deixis {

struct RehearsalOptions {
  uint64_t seed = 901;
  int known_pointings = 100;    // at things that the object model has a name for
  int unknown_pointings = 30;   // at made things that it has none for
  int64_t idle_ms = 1'200'000;  // tables at which nobody points
  int frames_per_second = 10;
  int idle_frames_per_second = 5;
  double difficulty = 0.3;
  DecisionOptions decision;
  // Pointings and idle minutes so far, of all; false stops with kInterrupted. May be empty.
  std::function<bool(int64_t done, int64_t total)> progress;

  // kUsage names what is out of range.
  Status Validate() const;
};

// Of the dwells on one kind of things.
struct DwellCounts {
  int dwells = 0;
  int right = 0;    // its name was said (or withheld because it had just been said)
  int wrong = 0;    // another name was said, alone or as well
  int unknown = 0;  // said to be unknown
  int faulty = 0;   // too dark, too blurred, at the edge
  int silent = 0;   // no answer
};

struct RehearsalResult {
  DwellCounts known;
  DwellCounts unknown;
  int64_t idle_ms = 0;
  int idle_utterances = 0;           // names and spoken messages, while nobody pointed
  std::vector<double> look_ms;       // each frame with a finger: from the frame to the decision
  std::vector<double> answer_ms;     // from the finger's standstill to the decision to speak
  std::vector<double> tip_error_px;  // of frames that were looked at while a finger dwelt
  double wrong_per_100() const {
    const int dwells = known.dwells + unknown.dwells;
    return dwells == 0 ? 0 : 100.0 * (known.wrong + unknown.wrong) / dwells;
  }
};

// `labels`: what look_at's probabilities are of, in order. kInvalidData when they name fewer than
// one made thing, or all of them while unknown pointings are asked for.
Result<RehearsalResult> Rehearse(const std::vector<std::string>& labels,
                                 const std::function<Look(const Frame&)>& look_at,
                                 const RehearsalOptions& options);

}  // namespace deixis
