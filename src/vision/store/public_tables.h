// What everybody reads of a dataset, as text: labels.csv, points.csv, or folders and names of
// files.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "vision/dataset_store.h"

namespace deixis::internal {

struct PublicTable {
  DatasetKind kind = DatasetKind::kObjects;
  std::vector<StoredSample> samples;  // id 0: has none yet
  std::set<std::string> categories;   // folders and those of the samples
  bool is_written = false;            // in labels.csv or points.csv; else told by folders and names
};

inline constexpr std::string_view kLabelsFile = "labels.csv";
inline constexpr std::string_view kPointsFile = "points.csv";

// points.csv, else labels.csv with labels, else folders whose pictures all name a mark
// (105_88_x.jpg), else a folder per category. Whether the pictures are there is not asked.
// kInvalidData also for a file that lies outside `folder`.
Result<PublicTable> ReadPublicTable(const std::string& folder);

// The same of a table alone; `path` is for messages. ParseLabels gives nothing when it has no
// columns "file" and "label".
Result<std::optional<PublicTable>> ParseLabels(const std::string& path, const std::string& text);
Result<PublicTable> ParsePoints(const std::string& path, const std::string& text);

// What the names of marked pictures say (105_88_x.jpg): the mark.
std::optional<Point> MarkOfName(const std::string& file_name);

// Rows in the order of `samples`. Labels are places in `categories`.
std::string LabelsText(const std::vector<const StoredSample*>& samples,
                       const std::vector<std::string>& categories);
std::string PointsText(const std::vector<const StoredSample*>& samples);

}  // namespace deixis::internal
