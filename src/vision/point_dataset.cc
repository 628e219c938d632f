// Marked pictures: points.csv, or the older layout with the mark in the file's name.
#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "base/file.h"
#include "vision/csv.h"
#include "vision/dataset.h"
#include "vision/sample_columns.h"
#include "vision/store/public_tables.h"
#include "vision/store/table_fields.h"

namespace deixis {
namespace {

namespace fs = std::filesystem;

using internal::ParseNumber;

constexpr const char* kPointsFile = "points.csv";

// What labels.csv tells of the sessions, where it lies above pictures that name their own marks.
Status AddSessions(const fs::path& folder, Dataset& dataset) {
  const fs::path csv_path = folder / "labels.csv";
  std::error_code error;
  if (!fs::exists(csv_path, error)) return Ok();
  DEIXIS_ASSIGN(const std::string text, ReadTextFile(csv_path.string()));
  const Result<CsvTable> table = ParseCsv(text);
  if (!table.ok()) return table.error().WithContext(csv_path.string());
  const int file_column = table->Column({"file", "filename", "path"});
  if (file_column < 0) return Ok();
  const auto columns = internal::SampleColumns::Of(*table);
  std::map<std::string, Sample*> by_path;
  for (Sample& sample : dataset.samples) by_path[sample.path] = &sample;
  for (const CsvTable::Row& row : table->rows) {
    const auto found = by_path.find((folder / row.fields[file_column]).string());
    if (found == by_path.end()) continue;
    if (const Status read = columns.Read(row, *found->second); !read.ok()) {
      return InvalidData(csv_path.string() + " line " + std::to_string(row.line) + ": " +
                         read.error().message);
    }
  }
  return Ok();
}

Result<Dataset> FromNames(const std::string& folder) {
  DEIXIS_ASSIGN(Dataset dataset, OpenCategoryFolders(folder));
  for (Sample& sample : dataset.samples) {
    sample.point_px = internal::MarkOfName(fs::path(sample.path).filename().string());
    if (sample.point_px) continue;
    return InvalidData(
        sample.path + ": expected a name that begins with the mark, as 105_88_name.jpg",
        "name the pictures so, or write points.csv (file,x_px,y_px) beside them");
  }
  DEIXIS_RETURN_IF_ERROR(AddSessions(folder, dataset));
  return dataset;
}

Result<Dataset> FromPointsFile(const fs::path& folder, const std::string& csv_path) {
  DEIXIS_ASSIGN(const std::string text, ReadTextFile(csv_path));
  const Result<CsvTable> parsed = ParseCsv(text);
  if (!parsed.ok()) return parsed.error().WithContext(csv_path);
  const CsvTable& table = *parsed;
  const int file_column = table.Column({"file", "filename", "path"});
  const int x_column = table.Column({"x_px"});
  const int y_column = table.Column({"y_px"});
  const int category_column = table.Column({"category", "class"});
  const int presence_column = table.Column({"presence"});
  if (file_column < 0 || x_column < 0 || y_column < 0) {
    return InvalidData(
        csv_path + ": expected a header with the columns \"file\", \"x_px\" and \"y_px\"",
        "the first line may be: file,category,x_px,y_px,presence");
  }
  const auto other_columns = internal::SampleColumns::Of(table);
  Dataset dataset;
  dataset.folder = folder.string();
  std::map<std::string, int> labels;  // by category; numbered once all are known
  std::vector<std::string> categories;
  for (const CsvTable::Row& row : table.rows) {
    const std::string place = csv_path + " line " + std::to_string(row.line);
    const fs::path path = folder / row.fields[file_column];
    std::error_code error;
    if (!fs::is_regular_file(path, error)) {
      return NotFound(place + ": " + path.string() + ": no such file",
                      "names in points.csv are relative to the folder it lies in");
    }
    Sample sample{.path = path.string()};
    if (const Status read = other_columns.Read(row, sample); !read.ok()) {
      return InvalidData(place + ": " + read.error().message);
    }
    // Nobody has marked it yet.
    if (presence_column >= 0 && row.fields[presence_column].empty()) {
      ++dataset.num_unmarked;
      continue;
    }
    const bool present = presence_column < 0 || row.fields[presence_column] != "0";
    if (present) {
      const auto x = ParseNumber(row.fields[x_column]);
      const auto y = ParseNumber(row.fields[y_column]);
      if (!x || !y) {
        return InvalidData(place + ": expected a mark in pixels, found \"" + row.fields[x_column] +
                           "\", \"" + row.fields[y_column] + "\"");
      }
      sample.point_px = Point{*x, *y};
    }
    categories.push_back(category_column < 0 ? "" : row.fields[category_column]);
    labels.emplace(categories.back(), 0);
    dataset.samples.push_back(std::move(sample));
  }
  if (dataset.samples.empty()) {
    if (dataset.num_unmarked > 0) {
      return InvalidData(csv_path + ": expected marked pictures, found none among " +
                             std::to_string(dataset.num_unmarked),
                         "mark them first");
    }
    return InvalidData(csv_path + ": expected a row per picture, found only the header");
  }
  for (auto& [category, label] : labels) {
    label = dataset.num_classes++;
    if (category_column >= 0) dataset.class_names.push_back(category);
  }
  for (size_t i = 0; i < dataset.samples.size(); ++i) {
    dataset.samples[i].label = labels.at(categories[i]);
  }
  return dataset;
}

}  // namespace

Result<Dataset> OpenPointDataset(const std::string& folder) {
  const fs::path csv = fs::path(folder) / kPointsFile;
  std::error_code error;
  if (fs::exists(csv, error)) return FromPointsFile(folder, csv.string());
  return FromNames(folder);
}

}  // namespace deixis
