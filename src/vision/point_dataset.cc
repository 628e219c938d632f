// Marked pictures: points.csv, or the older layout with the mark in the file's name.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "base/file.h"
#include "vision/csv.h"
#include "vision/dataset.h"

namespace deixis {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPointsFile = "points.csv";

// All of `text` as a finite number.
std::optional<double> ParseNumber(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) {
    return std::nullopt;
  }
  return value;
}

// "105_88_0f95.jpg" -> (105, 88).
std::optional<Point> PointFromName(const std::string& name) {
  const size_t first = name.find('_');
  if (first == std::string::npos) return std::nullopt;
  const size_t second = std::min(name.find('_', first + 1), name.find('.', first + 1));
  if (second == std::string::npos) return std::nullopt;
  const auto x = ParseInteger(name.substr(0, first));
  const auto y = ParseInteger(name.substr(first + 1, second - first - 1));
  if (!x || !y) return std::nullopt;
  return Point{static_cast<double>(*x), static_cast<double>(*y)};
}

Result<Dataset> FromNames(const std::string& folder) {
  DEIXIS_ASSIGN(Dataset dataset, OpenCategoryFolders(folder));
  for (Sample& sample : dataset.samples) {
    sample.point_px = PointFromName(fs::path(sample.path).filename().string());
    if (sample.point_px) continue;
    return InvalidData(
        sample.path + ": expected a name that begins with the mark, as 105_88_name.jpg",
        "name the pictures so, or write points.csv (file,x_px,y_px) beside them");
  }
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
