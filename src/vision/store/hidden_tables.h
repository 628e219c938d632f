// What only the store reads of an edited dataset, as text: the files of its hidden folder.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "vision/dataset_store.h"

namespace deixis::internal {

// Where the picture of a record lies.
enum class Place {
  kHere,    // in the dataset
  kBin,     // .deixis/bin
  kUndone,  // .deixis/undone: added, and taken back
};

struct Record {
  Place place = Place::kHere;
  StoredSample sample;
};

// One step of the history: what some records were, and became. A record that an Add made was
// kUndone before.
struct RecordChange {
  Record before;
  Record after;
};
struct Action {
  std::string what;   // "add"
  std::string burst;  // of an Add
  std::string category;
  std::vector<RecordChange> changes;
  // Categories without pictures that it made or removed.
  std::set<std::string> categories_before;
  std::set<std::string> categories_after;
};

// What is known of a picture's file, as long as it has that size and time.
struct PictureFacts {
  int64_t file_bytes = 0;
  int64_t modified_ns = 0;
  int64_t height_px = 0;
  int64_t width_px = 0;
  PictureHash hash;
  uint64_t digest = 0;
};

struct HiddenTables {
  DatasetKind kind = DatasetKind::kObjects;
  int64_t next_id = 1;
  std::set<std::string> categories;
  std::vector<Record> away;  // kBin and kUndone
  std::vector<Action> history;
  size_t history_position = 0;  // actions before it are done, those from it on undone
  std::map<int64_t, PictureFacts> facts;
};

// Name and text of each file in the hidden folder.
std::map<std::string, std::string> HiddenTexts(const HiddenTables& tables);
// A file that is missing is empty. kInvalidData names the file and the line.
Result<HiddenTables> ParseHiddenTexts(const std::map<std::string, std::string>& texts);
inline constexpr std::string_view kHiddenFiles[] = {"state.csv", "away.csv", "history.csv",
                                                    "pictures.csv"};

}  // namespace deixis::internal
