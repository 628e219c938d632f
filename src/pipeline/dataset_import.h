// Pictures from elsewhere into a dataset, all of them or none: a folder per category (ImageFolder,
// also within train/ and val/), labels.csv, points.csv, pictures named after their marks, or
// pictures without any order for one category; from a folder or a ZIP archive.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "pipeline/dataset_source.h"
#include "vision/dataset_store.h"

namespace deixis {

struct ImportOptions {
  std::optional<DatasetKind> kind;  // nothing: as the pictures are arranged
  // All pictures are of this category; of marked ones: the one mark they have is called so.
  std::string category;
  std::string session;  // of pictures that have none
  int num_threads = 1;
  SourceLimits limits;
  StoreProgress progress;
};

// What was found in a source, before any picture is opened.
struct ImportPlan {
  DatasetKind kind = DatasetKind::kObjects;
  std::string layout;  // "labels.csv", "points.csv", "marks in names", "folders", "one category"
  struct Picture {
    std::string file;
    std::string category;
    Marks marks;
    std::string session;
    std::optional<bool> held_out;
    std::map<std::string, std::string> other;
  };
  std::vector<Picture> pictures;
  int64_t num_other_files = 0;       // no pictures by their names, or in no row of the table
  std::vector<std::string> missing;  // rows whose file is not there
};

// kInvalidData when the arrangement makes no sense, with what was looked for; kUsage when `kind` or
// `category` do not fit it.
Result<ImportPlan> PlanImport(const DatasetSource& source, const ImportOptions& options);

struct ImportResult {
  DatasetKind kind = DatasetKind::kObjects;
  std::string layout;
  int64_t added = 0;
  struct Skipped {
    std::string file;
    std::string reason;
    std::optional<int64_t> duplicate_of;
  };
  std::vector<Skipped> skipped;  // broken, missing, marked outside, or there already
  int64_t num_other_files = 0;
  int64_t num_links = 0;
};

// Into the dataset at `folder`, which is made when there is none. One action: one undo takes it
// back. Errors (nothing has happened then, and a new folder is gone again): those of DatasetSource,
// PlanImport and DatasetStore; kInvalidData when not one picture could be read.
Result<ImportResult> ImportDataset(const std::string& folder, const std::string& from,
                                   const ImportOptions& options);

}  // namespace deixis
