// Which pictures of a dataset are held out: kept from training, to judge by.
//
// Pictures that hang together stay on one side, or the judgement flatters: those of one session (a
// person, a place, an afternoon), and near duplicates, which a perceptual hash finds. What hangs
// together is a unit. A unit's side follows from its own key alone (the session's name, or the hash
// of its first picture), so that pictures which come later move nothing; and a picture whose side
// was written down keeps it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "vision/dataset.h"
#include "vision/picture_hash.h"

namespace deixis {

// Pictures this close are near duplicates: neighbouring frames of a still scene, the same picture
// in another size or compression (docs/datasets.md has what was measured).
inline constexpr int kNearDuplicateBits = 32;

// What the split has to know of a picture.
struct SplitSample {
  int category = 0;
  std::string session;  // empty: none is known
  PictureHash hash;
  std::optional<bool> held_out;  // a side that was written down
};

struct SplitOptions {
  double share = 0.2;  // of the units, 0.01..0.5
  int near_duplicate_bits = kNearDuplicateBits;
  // Whether pictures whose sides are written down are compared with each other: without, their
  // Split::unit says nothing, and the cost is O(n) for each picture that has no side.
  bool compare_written = true;

  // kUsage names what is out of range.
  Status Validate() const;
};

struct Split {
  std::vector<bool> held_out;  // by sample
  std::vector<int> unit;       // by sample, 0..num_units-1 in order of first appearance
  int num_units = 0;
  int64_t num_held_out = 0;
  // By category: whether whole sessions were its units; else near duplicates were.
  std::vector<bool> by_session;
  // Categories none of whose pictures is held out: too few, or all alike.
  std::vector<int> not_held_out;
};

// Deterministic, and the same on every platform.
//
// A category whose pictures come from three sessions or more is held out by whole sessions; one
// with fewer by near duplicates, since it would lose too much. At least half of each category's
// pictures stay for training, unless more were written down as held out: a unit that is held out
// and grows beyond that gives its further pictures to training. In a category of five pictures or
// more, of which chance held out none, the unit nearest to it is, or of near duplicates that part
// which is this category's. Near duplicates that two sessions share tie the sessions together.
// O(n^2) comparisons of 32 bytes.
Split PlanSplit(std::span<const SplitSample> samples, const SplitOptions& options);

// Called with the pictures read so far, of all; false stops with kInterrupted. May be empty.
using SplitProgress = std::function<bool(int64_t done, int64_t total)>;

// The same for a dataset on disk: reads and hashes every picture on `num_threads` threads. Sessions
// and written-down sides are those of the dataset (columns "session" and "held_out", dataset.h);
// several marks on one picture are on one side. kInvalidData names a picture that cannot be read.
Result<Split> SplitDataset(const Dataset& dataset, const SplitOptions& options, int num_threads = 1,
                           const SplitProgress& progress = {});

// The two sides, each with the categories of the whole.
struct DatasetSides {
  Dataset training;
  Dataset held_out;
};
DatasetSides TakeApart(const Dataset& dataset, const Split& split);

}  // namespace deixis
