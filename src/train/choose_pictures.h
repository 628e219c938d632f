// Which pictures a fine-tuning sees, which judge its epochs, and which judge only its end.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "train/fine_tune_job.h"
#include "train/sample_pictures.h"
#include "vision/dataset.h"

namespace deixis {

struct ChosenPictures {
  Dataset training;
  Dataset held_out;
  std::optional<Dataset> test;
  std::vector<std::string> class_names;  // of all three
};

// Opens the job's folders and divides them. A category has the same label in each; a folder that
// judges may lack some, but has none of its own (kInvalidData). kInvalidData when nothing is left
// on a side, and when a category has no training picture.
Result<ChosenPictures> ChoosePictures(const FineTuneJob& job);

// The samples whose row in labels.csv or points.csv of the dataset's folder has one of the values:
// "scene=garden", "student_block=3,4". By sample. kUsage when there is no such column, or no row.
Result<std::vector<bool>> RowsWhere(const Dataset& dataset, const std::string& condition);

}  // namespace deixis
