// Pictures on their way into a dataset: looked at, compared with what is there, given a number, a
// name and a side.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "vision/store/state.h"

namespace deixis::internal {

struct AddTo {
  std::string folder;
  int num_threads = 1;
  const AddOptions& options;
};

// One answer per sample in `added`. Staged files are of records that are new in `contents`.
Status AddPictures(const AddTo& to, std::span<const NewSample> samples, Contents& contents,
                   Journal& journal, StoreState::StagedFiles& staged, std::vector<Added>& added);

// kInvalidData for a point outside a picture of these extents (0: not known, nothing is).
Status CheckMark(const std::string& category, const Mark& mark, int64_t height_px,
                 int64_t width_px);

// The side of every record that is here; those that were written down are kept unless `anew`.
std::map<int64_t, bool> PlanSides(const Contents& contents, const SplitOptions& options, bool anew);

// Categories that have nothing but held-out pictures left are decided anew, as part of `draft`.
void KeepTraining(Draft& draft);

}  // namespace deixis::internal
