#include "vision/store/public_tables.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>

#include "base/file.h"
#include "vision/csv.h"
#include "vision/dataset.h"
#include "vision/sample_columns.h"
#include "vision/store/table_fields.h"

namespace deixis::internal {
namespace {

namespace fs = std::filesystem;

// The columns that are ours, and the names of those that are not.
class PublicColumns {
 public:
  explicit PublicColumns(const CsvTable& table)
      : file(table.Column({"file", "filename", "path"})),
        label(table.Column({"label"})),
        category(table.Column({"class", "category", "name"})),
        x(table.Column({"x_px"})),
        y(table.Column({"y_px"})),
        presence(table.Column({"presence"})),
        id(table.Column({"id"})),
        created(table.Column({"created"})),
        burst(table.Column({"burst"})),
        sides(SampleColumns::Of(table)) {
    const std::set<int> ours = {file,  label,         category,      x, y, presence, id, created,
                                burst, sides.session, sides.held_out};
    for (size_t i = 0; i < table.columns.size(); ++i) {
      if (!ours.contains(static_cast<int>(i))) others.emplace_back(i, table.columns[i]);
    }
  }

  static std::string Text(const CsvTable::Row& row, int column) {
    return column < 0 ? std::string() : row.fields[static_cast<size_t>(column)];
  }

  // What a row says of its picture, whatever the kind.
  Result<StoredSample> Read(const CsvTable::Row& row) const {
    StoredSample sample;
    sample.file = Text(row, file);
    if (!IsInside(sample.file)) {
      return InvalidData("expected a file in the dataset's folder, found \"" + sample.file + "\"");
    }
    sample.id = std::max<int64_t>(0, ParseInteger(Text(row, id)).value_or(0));
    sample.created = Text(row, created);
    sample.burst = Text(row, burst);
    Sample said;
    DEIXIS_RETURN_IF_ERROR(sides.Read(row, said));
    sample.session = std::move(said.session);
    sample.held_out = said.held_out;
    for (const auto& [column, name] : others) {
      if (!row.fields[column].empty()) sample.other[name] = row.fields[column];
    }
    return sample;
  }

  int file, label, category, x, y, presence, id, created, burst;
  SampleColumns sides;
  std::vector<std::pair<size_t, std::string>> others;
};

Error InLine(const std::string& path, const CsvTable::Row& row, const Error& error) {
  return Error{error.code, path + " line " + std::to_string(row.line) + ": " + error.message,
               error.remedy};
}

// A name for each label that no row names: that of the folder its pictures lie in, if it is one.
std::map<std::string, std::string> FoldersOfLabels(const CsvTable& table,
                                                   const PublicColumns& columns) {
  std::map<std::string, std::string> folders;
  std::map<std::string, std::string> labels;
  bool is_one_to_one = true;
  for (const CsvTable::Row& row : table.rows) {
    const std::string folder =
        fs::path(PublicColumns::Text(row, columns.file)).parent_path().filename().string();
    const std::string label = PublicColumns::Text(row, columns.label);
    is_one_to_one &= folders.try_emplace(label, folder).first->second == folder &&
                     labels.try_emplace(folder, label).first->second == label;
  }
  if (!is_one_to_one || labels.contains("")) folders.clear();
  return folders;
}

Result<PublicTable> FromLabels(const std::string& path, const CsvTable& table) {
  const PublicColumns columns(table);
  const auto folders =
      columns.category < 0 ? FoldersOfLabels(table, columns) : std::map<std::string, std::string>();
  PublicTable read{.kind = DatasetKind::kObjects, .samples = {}, .categories = {}};
  read.is_written = true;
  for (const CsvTable::Row& row : table.rows) {
    Result<StoredSample> sample = columns.Read(row);
    if (!sample.ok()) return InLine(path, row, sample.error());
    if (columns.category >= 0) {
      sample->category = PublicColumns::Text(row, columns.category);
    } else {
      const std::string label = PublicColumns::Text(row, columns.label);
      const auto found = folders.find(label);
      sample->category = found == folders.end() ? label : found->second;
    }
    if (sample->category.empty()) {
      return InLine(path, row, InvalidData("expected a category, found an empty field"));
    }
    read.categories.insert(sample->category);
    read.samples.push_back(*std::move(sample));
  }
  return read;
}

Result<PublicTable> FromPoints(const std::string& path, const CsvTable& table) {
  const PublicColumns columns(table);
  if (columns.file < 0 || columns.x < 0 || columns.y < 0) {
    return InvalidData(
        path + ": expected a header with the columns \"file\", \"x_px\" and \"y_px\"",
        "the first line may be: file,category,x_px,y_px,presence");
  }
  PublicTable read{.kind = DatasetKind::kPointing, .samples = {}, .categories = {}};
  read.is_written = true;
  std::map<std::string, size_t> places;  // by file: a picture has a row per mark
  for (const CsvTable::Row& row : table.rows) {
    Result<StoredSample> said = columns.Read(row);
    if (!said.ok()) return InLine(path, row, said.error());
    const auto [place, is_new] = places.try_emplace(said->file, read.samples.size());
    if (is_new) read.samples.push_back(*std::move(said));
    StoredSample& sample = read.samples[place->second];
    std::string category = PublicColumns::Text(row, columns.category);
    if (columns.category < 0) category = kTipCategory;
    if (!category.empty()) read.categories.insert(category);
    const std::string presence =
        columns.presence < 0 ? "1" : PublicColumns::Text(row, columns.presence);
    if (presence.empty() || category.empty()) continue;  // not marked yet
    if (presence == "0") {
      sample.marks[category] = std::nullopt;
      continue;
    }
    const std::string x_text = PublicColumns::Text(row, columns.x);
    const std::string y_text = PublicColumns::Text(row, columns.y);
    const auto x = ParseNumber(x_text);
    const auto y = ParseNumber(y_text);
    if (!x || !y) {
      return InLine(
          path, row,
          InvalidData("expected a mark in pixels, found \"" + x_text + "\", \"" + y_text + "\""));
    }
    sample.marks[category] = Point{*x, *y};
  }
  return read;
}

// A folder per category, whose pictures may all name a mark.
Result<PublicTable> FromFolders(const std::string& folder) {
  PublicTable read;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    std::error_code kind_error;
    const std::string name = it->path().filename().string();
    if (it->is_directory(kind_error) && !name.starts_with('.')) read.categories.insert(name);
  }
  const Result<Dataset> marked = OpenPointDataset(folder);
  const Result<Dataset> named = OpenCategoryFolders(folder);
  const Dataset* dataset = marked.ok() ? &*marked : named.ok() ? &*named : nullptr;
  if (dataset == nullptr) {
    // Categories without a picture are a dataset too, if nothing else is there.
    if (read.categories.empty()) return named.error();
    return read;
  }
  read.kind = marked.ok() ? DatasetKind::kPointing : DatasetKind::kObjects;
  read.categories = {dataset->class_names.begin(), dataset->class_names.end()};
  for (const Sample& said : dataset->samples) {
    StoredSample sample;
    sample.file = fs::path(said.path).lexically_relative(folder).generic_string();
    sample.session = said.session;
    sample.held_out = said.held_out;
    const std::string& category = dataset->class_names[static_cast<size_t>(said.label)];
    if (marked.ok()) {
      sample.marks[category] = said.point_px;
    } else {
      sample.category = category;
    }
    read.samples.push_back(std::move(sample));
  }
  return read;
}

constexpr int64_t kMaxTableBytes = int64_t{1} << 30;

// Columns after the first ones, in every table of samples; `other` names those that are not ours.
constexpr std::string_view kCommonColumns = "id,session,held_out,created,burst";

std::string CommonFields(const StoredSample& sample, const std::set<std::string>& others) {
  std::string text = std::to_string(sample.id) + "," + CsvField(sample.session) + "," +
                     SideText(sample.held_out) + "," + CsvField(sample.created) + "," +
                     CsvField(sample.burst);
  for (const std::string& name : others) {
    const auto found = sample.other.find(name);
    text += "," + (found == sample.other.end() ? std::string() : CsvField(found->second));
  }
  return text + "\n";
}

std::set<std::string> OtherColumns(const std::vector<const StoredSample*>& samples) {
  std::set<std::string> names;
  for (const StoredSample* sample : samples) {
    for (const auto& [name, value] : sample->other) names.insert(name);
  }
  return names;
}

std::string Header(std::string_view first, const std::set<std::string>& others) {
  std::string text = std::string(first) + "," + std::string(kCommonColumns);
  for (const std::string& name : others) text += "," + CsvField(name);
  return text + "\n";
}

}  // namespace

Result<std::optional<PublicTable>> ParseLabels(const std::string& path, const std::string& text) {
  Result<CsvTable> table = ParseCsv(text);
  if (!table.ok()) return table.error().WithContext(path);
  if (PublicColumns(*table).file < 0 || table->Column({"label"}) < 0) {
    return std::optional<PublicTable>();
  }
  DEIXIS_ASSIGN(PublicTable read, FromLabels(path, *table));
  return std::optional(std::move(read));
}

Result<PublicTable> ParsePoints(const std::string& path, const std::string& text) {
  const Result<CsvTable> table = ParseCsv(text);
  if (!table.ok()) return table.error().WithContext(path);
  return FromPoints(path, *table);
}

std::optional<Point> MarkOfName(const std::string& file_name) {
  const size_t first = file_name.find('_');
  if (first == std::string::npos) return std::nullopt;
  const size_t second = std::min(file_name.find('_', first + 1), file_name.find('.', first + 1));
  if (second == std::string::npos) return std::nullopt;
  const auto x = ParseInteger(file_name.substr(0, first));
  const auto y = ParseInteger(file_name.substr(first + 1, second - first - 1));
  if (!x || !y) return std::nullopt;
  return Point{static_cast<double>(*x), static_cast<double>(*y)};
}

Result<PublicTable> ReadPublicTable(const std::string& folder) {
  std::error_code error;
  const fs::path path(folder);
  if (!fs::exists(path, error)) return NotFound(folder + ": no such folder", "check the path");
  if (!fs::is_directory(path, error)) {
    return InvalidData(folder + ": expected a folder of pictures, found a file");
  }
  if (const fs::path points = path / kPointsFile; fs::exists(points, error)) {
    DEIXIS_ASSIGN(const std::string text, ReadTextFile(points.string(), kMaxTableBytes));
    return ParsePoints(points.string(), text);
  }
  if (const fs::path labels = path / kLabelsFile; fs::exists(labels, error)) {
    DEIXIS_ASSIGN(const std::string text, ReadTextFile(labels.string(), kMaxTableBytes));
    DEIXIS_ASSIGN(std::optional<PublicTable> table, ParseLabels(labels.string(), text));
    if (table) return *std::move(table);
  }
  return FromFolders(folder);
}

std::string LabelsText(const std::vector<const StoredSample*>& samples,
                       const std::vector<std::string>& categories) {
  const std::set<std::string> others = OtherColumns(samples);
  std::string text = Header("file,label,class", others);
  for (const StoredSample* sample : samples) {
    const auto label = std::ranges::lower_bound(categories, sample->category);
    text += CsvField(sample->file) + "," + std::to_string(label - categories.begin()) + "," +
            CsvField(sample->category) + "," + CommonFields(*sample, others);
  }
  return text;
}

std::string PointsText(const std::vector<const StoredSample*>& samples) {
  const std::set<std::string> others = OtherColumns(samples);
  std::string text = Header("file,category,x_px,y_px,presence", others);
  for (const StoredSample* sample : samples) {
    const std::string file = CsvField(sample->file);
    const std::string common = CommonFields(*sample, others);
    if (sample->marks.empty()) text += file + ",,,,," + common;
    for (const auto& [category, mark] : sample->marks) {
      text += file + "," + CsvField(category) + "," + MarkFields(mark) + "," +
              (mark ? "1," : "0,") + common;
    }
  }
  return text;
}

}  // namespace deixis::internal
