// The actions of `deixis data`, one function each.
#pragma once

#include <span>
#include <string_view>

#include "base/result.h"
#include "cli/arguments.h"
#include "cli/console.h"
#include "vision/dataset_store.h"

namespace deixis::cli {

struct DataAction {
  std::string_view name;
  std::string_view flags;  // those it takes beside the common ones, in spaces
  std::string_view
      words;  // what stands after DIR, for the message when it is missing; may be empty
  bool words_may_lack = false;
  Status (*run)(const Arguments& arguments, Console& console);
};

Status MakeLessons(const Arguments& arguments, Console& console);

// Of data_edit.cc.
Status NewDataset(const Arguments& arguments, Console& console);
Status AddPictures(const Arguments& arguments, Console& console);
Status ImportPictures(const Arguments& arguments, Console& console);
Status ExportPictures(const Arguments& arguments, Console& console);
Status RemovePictures(const Arguments& arguments, Console& console);
Status RestorePictures(const Arguments& arguments, Console& console);
Status RelabelPictures(const Arguments& arguments, Console& console);
Status MarkPicture(const Arguments& arguments, Console& console);
Status UndoEdit(const Arguments& arguments, Console& console);
Status RedoEdit(const Arguments& arguments, Console& console);
Status EmptyBin(const Arguments& arguments, Console& console);

// Of data_report.cc.
Status ListPictures(const Arguments& arguments, Console& console);
Status ShowStats(const Arguments& arguments, Console& console);
Status VerifyPictures(const Arguments& arguments, Console& console);
Status SplitPictures(const Arguments& arguments, Console& console);

// "objects", "pointing".
std::string_view KindName(DatasetKind kind);
// For progress bars; never stops.
StoreProgress ProgressOf(Console& console, std::string_view task);

}  // namespace deixis::cli
