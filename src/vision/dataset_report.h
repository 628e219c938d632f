// What a dataset is like, for a teacher who wants to make it better, and what is wrong with it.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "vision/dataset_store.h"

namespace deixis {

struct DatasetStats {
  int64_t samples = 0;
  int64_t held_out = 0;
  int64_t without_side = 0;  // neither: nobody has written it down yet
  int64_t unmarked = 0;      // kPointing
  int64_t in_bin = 0;
  int64_t bytes = 0;  // of the pictures
  std::vector<CategoryCount> categories;
  // Smallest category (with pictures) over greatest, 1: all alike. Of kObjects without "nothing".
  double balance = 1;
  std::map<std::string, int64_t> sessions;               // pictures of each; "" of none
  std::map<std::pair<int64_t, int64_t>, int64_t> sizes;  // width and height, pictures
  // Near duplicates, as the split sees them: pictures that could go without loss.
  int64_t near_duplicates = 0;
  // kPointing: marks in each cell of a 4 x 4 grid over the picture, rows from the top.
  static constexpr int kGrid = 4;
  std::array<int64_t, kGrid * kGrid> marks_by_cell{};
  double coverage = 0;  // the share of cells with at least one mark
};

// Extents and hashes are those the store knows. O(n^2) comparisons.
DatasetStats StatsOf(const DatasetStore& store);

enum class FindingKind {
  kMissing,     // a row whose file is not there
  kBroken,      // a file that is no picture, or cannot be read to its end
  kUnlisted,    // a picture that no row names
  kOutside,     // a mark outside its picture
  kDuplicate,   // the same bytes as another
  kConflict,    // near duplicates in different categories
  kLeak,        // near duplicates on both sides
  kUnmarked,    // nobody has marked it
  kNoCategory,  // a category without pictures
};

struct Finding {
  FindingKind kind;
  int64_t id = 0;        // 0 for a file that no row names, and for a category
  std::string file;      // or the category
  std::string message;   // what is wrong, in words
  int64_t other_id = 0;  // kDuplicate, kConflict, kLeak
};

// The word for it in results: "missing", "broken", ...
std::string_view FindingName(FindingKind kind);
// Whether it keeps the dataset from being used; others are worth a look.
bool IsError(FindingKind kind);

// Reads every picture to its end, on `num_threads`. Findings in order of kind, then of id.
Result<std::vector<Finding>> VerifyDataset(const DatasetStore& store, int num_threads,
                                           const StoreProgress& progress = {});

}  // namespace deixis
