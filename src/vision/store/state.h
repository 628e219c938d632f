// What a dataset store has in memory, and its way to the disk and back.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "vision/dataset_store.h"
#include "vision/store/hidden_tables.h"
#include "vision/store/journal.h"
#include "vision/store/public_tables.h"

namespace deixis::internal {

struct Contents {
  DatasetKind kind = DatasetKind::kObjects;
  std::map<int64_t, Record> records;  // by id; facts filled in
  std::set<std::string> categories;
  std::vector<Action> history;
  size_t history_position = 0;
  int64_t next_id = 1;
  std::map<int64_t, PictureFacts> facts;
};

// Where a record's picture lies, relative to the dataset's folder.
std::string PhysicalPath(const Record& record);

// A file in `folder` (relative, may be empty) that neither a record nor the disk has:
// "000012.jpg", else "000012-2.jpg".
class FreeNames {
 public:
  FreeNames(std::string dataset_folder, const Contents& contents);
  std::string Take(const std::string& folder, const std::string& name);

 private:
  std::string dataset_folder_;
  std::set<std::string> taken_;
};

// Extents, hash and digest as far as `contents` has facts of that picture.
void FillIn(const Contents& contents, StoredSample& sample);

// An action that is being made: changes of records, in the contents and for the history.
class Draft {
 public:
  Draft(Contents& contents, std::string what, std::string category = {});

  Contents& contents() { return contents_; }
  // For a record that is new, `before` is itself as kUndone.
  void Change(Record after);
  void AddCategory(const std::string& name) { contents_.categories.insert(name); }
  void RemoveCategory(const std::string& name) { contents_.categories.erase(name); }
  bool is_empty() const;
  // Into the history; what had been undone is forgotten.
  void Finish(const std::string& burst = {});

 private:
  Contents& contents_;
  Action action_;
};

class StoreState {
 public:
  StoreState(std::string folder, bool read_only, int num_threads)
      : folder_(std::move(folder)), read_only_(read_only), num_threads_(num_threads) {}

  // Before a dataset is made: an empty folder is no error.
  void ExpectNothing() { expects_nothing_ = true; }
  // From the disk, whatever is in memory.
  Status Load();
  // The same when something has changed there.
  Status Refresh();
  // Reads the pictures of which nothing is known. What it finds is written down at the next edit.
  Status LookAtPictures(const StoreProgress& progress);

  // `plan` changes the contents it is given, which then become those of the disk and of the memory;
  // an error leaves both as they are. It may stage new files, by id.
  using StagedFiles = std::map<int64_t, std::string>;
  Status Edit(const std::function<Status(Contents&, Journal&, StagedFiles&)>& plan);
  // Finishes what a killed process began; nothing where no process ever edited.
  Status Recover();

  const std::string& folder() const { return folder_; }
  int num_threads() const { return num_threads_; }
  const Contents& contents() const { return contents_; }
  const std::vector<StoredSample>& samples() const { return samples_; }
  const std::vector<StoredSample>& bin() const { return bin_; }
  // The file of a table, relative: labels.csv or points.csv.
  static std::string PublicFile(DatasetKind kind);

 private:
  Status LoadOnce();
  Status Commit(Contents next, Journal& journal, const StagedFiles& staged);
  std::map<std::string, std::string> TextsOf(const Contents& contents) const;
  std::string Identity() const;
  void Derive();

  std::string folder_;
  bool read_only_ = false;
  int num_threads_ = 1;
  bool expects_nothing_ = false;
  Contents contents_;
  std::vector<StoredSample> samples_;
  std::vector<StoredSample> bin_;
  std::map<std::string, std::string> texts_;  // as they lie on the disk
  std::string identity_;                      // of the tables that were read
};

}  // namespace deixis::internal
