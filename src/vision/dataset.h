// Labelled pictures in plain folders: a folder per category, or a labels.csv (file, label index)
// above them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "vision/geometry.h"

namespace deixis {

struct Sample {
  std::string path;
  int label = 0;
  // Where the marked thing is, in the picture's own pixels; nothing where it is not in the picture,
  // and in datasets without marks.
  std::optional<Point> point_px = std::nullopt;
  // When, where or of whom it was taken (column "session", or "group", "student_block", "person",
  // "scene", "video"); empty where nobody says. Pictures of one session are alike.
  std::string session = {};
  // The side that was written down (column "held_out": 1 to judge by, 0 to train on).
  std::optional<bool> held_out = std::nullopt;
};

struct Dataset {
  std::string folder;
  // By label: the folders' names, or what labels.csv calls each label in its column "class" or
  // "name"; "label N" for a label below the greatest that no row names. Empty when nothing names
  // any.
  std::vector<std::string> class_names;
  std::vector<Sample> samples;  // in a fixed order: that of labels.csv, or sorted by path
  int num_classes = 0;          // the greatest label + 1, or the number of category folders
  int num_skipped = 0;   // files in category folders that are no pictures (hidden ones aside)
  int num_unmarked = 0;  // pictures of points.csv that nobody has marked yet, passed over
};

// Whether a file is a picture by its name: .jpg, .jpeg, .jpe, .jfif, .png, .webp, in any case.
bool HasPictureName(const std::string& file);

// `folder` holds labels.csv (columns "file" and "label" by header, in any order, perhaps those of
// Sample; others ignored; files relative to the csv), or one folder per category. Folders sorted by
// name (bytewise) give the labels; hidden ones are passed over. An empty folder is a category
// without pictures, a folder with files but no picture is none. Pictures are told by their names
// (.jpg, .jpeg, .jpe, .jfif, .png, .webp, in any case) and are not opened here.
//
// kNotFound without the folder or a file that labels.csv names, kInvalidData when there is no
// picture (with what was looked for and what there is instead) or labels.csv makes no sense.
Result<Dataset> OpenDataset(const std::string& folder);

// The second of these alone, whatever labels.csv says.
Result<Dataset> OpenCategoryFolders(const std::string& folder);

// Marked pictures: points.csv (columns "file", "x_px", "y_px"; perhaps "category" and "presence": 0
// where the thing is not in the picture, empty where nobody has looked yet, which is passed over),
// or files named x_y_anything.jpg in one folder per category, whole pixels from the top left.
// Labels are the categories in order of their names. Of pictures named so, labels.csv (column
// "file") may tell the session. The same errors as OpenDataset; a mark that is no pair of finite
// numbers is kInvalidData with its place.
Result<Dataset> OpenPointDataset(const std::string& folder);

// Names of categories, for models whose files hold none: a text file with one name per line, or a
// .csv with a column "name" or "class" and perhaps "label" (0..N-1, each once; else the order
// counts).
Result<std::vector<std::string>> ReadClassNames(const std::string& path);

}  // namespace deixis
