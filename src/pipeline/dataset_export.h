// A dataset for others: plain folders or a ZIP archive, without the bookkeeping.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "vision/dataset_store.h"

namespace deixis {

enum class ExportLayout {
  kTables,       // as it lies: labels.csv and a folder per category, or points.csv and pictures
  kImageFolder,  // train/CATEGORY and val/CATEGORY, for torchvision.datasets.ImageFolder; kObjects
  kMarkNames,  // CATEGORY/x_y_number.jpg, whole pixels; kPointing: one file per mark that is there
};

struct ExportResult {
  int64_t pictures = 0;
  int64_t files = 0;
  int64_t bytes = 0;     // of the pictures
  int64_t left_out = 0;  // pictures that the layout has no place for: without a mark
};

// To `out`: a ZIP archive when it ends in ".zip" (less than 4 GiB), else a folder, which must not
// be there yet, or be empty (kUsage). A killed process leaves nothing under that name. kUsage when
// the layout is not for this kind.
Result<ExportResult> ExportDataset(const DatasetStore& store, const std::string& out,
                                   ExportLayout layout, const StoreProgress& progress = {});

}  // namespace deixis
