// Labelled pictures in plain folders: a folder per category, or a labels.csv (file, label index)
// beside or above them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "vision/image.h"

namespace deixis {

struct Sample {
  std::string path;
  int label = 0;
};

struct Dataset {
  std::string folder;
  std::vector<std::string> class_names;  // by label; may be empty with a labels.csv without names
  std::vector<Sample> samples;           // in a fixed order: that of labels.csv, or sorted by path
  int num_classes = 0;
};

// `folder` holds labels.csv (columns file and label by header; others ignored; `file` relative to the
// csv), or one folder per category (sorted names give the labels). When neither gives a picture the
// error says what was looked for.
Result<Dataset> OpenDataset(const std::string& folder);

}  // namespace deixis
