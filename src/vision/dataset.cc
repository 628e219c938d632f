#include "vision/dataset.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "base/file.h"
#include "vision/csv.h"
#include "vision/sample_columns.h"

namespace deixis {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMaxLabel = 99'999;
constexpr const char* kLabelsFile = "labels.csv";

bool IsHidden(const fs::path& path) { return path.filename().string().starts_with('.'); }

struct FolderListing {
  std::vector<fs::path> folders;   // sorted, without hidden ones
  std::vector<fs::path> pictures;  // sorted
  int num_other_files = 0;         // without hidden ones
};

// What cannot be read is passed over as if it were not there; the folder itself must be readable.
Result<FolderListing> List(const fs::path& folder) {
  std::error_code error;
  FolderListing listing;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (IsHidden(it->path())) continue;
    std::error_code kind_error;
    if (it->is_directory(kind_error)) {
      listing.folders.push_back(it->path());
    } else if (it->is_regular_file(kind_error) && HasPictureName(it->path().string())) {
      listing.pictures.push_back(it->path());
    } else {
      ++listing.num_other_files;
    }
  }
  if (error) return InvalidData(folder.string() + ": cannot list the folder: " + error.message());
  std::ranges::sort(listing.folders);
  std::ranges::sort(listing.pictures);
  return listing;
}

// ---- labels.csv ---------------------------------------------------------------------------------

Error InCsv(const std::string& path, int line, std::string message, std::string remedy = {}) {
  return InvalidData(path + " line " + std::to_string(line) + ": " + std::move(message),
                     std::move(remedy));
}

// The name of each label, from rows that name it; a label has one name.
class NameCollector {
 public:
  // The other name of that label when there is one already.
  std::optional<std::string> Add(int label, const std::string& name) {
    const auto [place, is_new] = names_.try_emplace(label, name);
    if (is_new || place->second == name) return std::nullopt;
    return place->second;
  }

  std::vector<std::string> Take(int num_classes) const {
    if (names_.empty()) return {};
    std::vector<std::string> names;
    for (int label = 0; label < num_classes; ++label) {
      const auto found = names_.find(label);
      names.push_back(found != names_.end() ? found->second : "label " + std::to_string(label));
    }
    return names;
  }

 private:
  std::map<int, std::string> names_;
};

// Categories that have no picture yet have no row; their folders tell that they are there, where
// labels are the places of the folders, in order of name.
void AddEmptyCategories(const fs::path& folder, Dataset& dataset) {
  const Result<FolderListing> listing = List(folder);
  if (!listing.ok() || dataset.class_names.empty()) return;
  std::vector<std::string> names;
  for (const fs::path& category : listing->folders) names.push_back(category.filename().string());
  if (names.size() < dataset.class_names.size()) return;
  for (const Sample& sample : dataset.samples) {
    const auto label = static_cast<size_t>(sample.label);
    if (dataset.class_names[label] != names[label]) return;
  }
  dataset.class_names = std::move(names);
  dataset.num_classes = static_cast<int>(dataset.class_names.size());
}

Result<Dataset> FromLabelsFile(const fs::path& folder, const std::string& csv_path) {
  DEIXIS_ASSIGN(const std::string text, ReadTextFile(csv_path));
  const Result<CsvTable> parsed = ParseCsv(text);
  if (!parsed.ok()) return parsed.error().WithContext(csv_path);
  const CsvTable& table = *parsed;
  const int file_column = table.Column({"file", "filename", "path"});
  const int label_column = table.Column({"label"});
  const int name_column = table.Column({"class", "name"});
  if (file_column < 0 || label_column < 0) {
    return InvalidData(csv_path + ": expected a header with the columns \"file\" and \"label\"",
                       "the first line may be: file,label,class");
  }
  const auto other_columns = internal::SampleColumns::Of(table);
  Dataset dataset;
  dataset.folder = folder.string();
  NameCollector names;
  for (const CsvTable::Row& row : table.rows) {
    const std::string& file = row.fields[static_cast<size_t>(file_column)];
    const std::string& label_text = row.fields[static_cast<size_t>(label_column)];
    const std::optional<int64_t> label = ParseInteger(label_text);
    if (!label || *label < 0 || *label > kMaxLabel) {
      return InCsv(csv_path, row.line,
                   "expected a label from 0 to " + std::to_string(kMaxLabel) + ", found \"" +
                       label_text + "\"");
    }
    if (file.empty())
      return InCsv(csv_path, row.line, "expected a file name, found an empty field");
    const fs::path path = folder / file;
    std::error_code error;
    if (!fs::is_regular_file(path, error)) {
      return NotFound(
          csv_path + " line " + std::to_string(row.line) + ": " + path.string() + ": no such file",
          "names in labels.csv are relative to the folder it lies in");
    }
    Sample& sample = dataset.samples.emplace_back(
        Sample{.path = path.string(), .label = static_cast<int>(*label)});
    if (const Status read = other_columns.Read(row, sample); !read.ok()) {
      return InCsv(csv_path, row.line, read.error().message);
    }
    dataset.num_classes = std::max(dataset.num_classes, static_cast<int>(*label) + 1);
    if (name_column < 0) continue;
    const std::string& name = row.fields[static_cast<size_t>(name_column)];
    if (const auto other = names.Add(static_cast<int>(*label), name)) {
      return InCsv(csv_path, row.line,
                   "label " + std::to_string(*label) + " is called \"" + name + "\" here and \"" +
                       *other + "\" above");
    }
  }
  if (dataset.samples.empty()) {
    return InvalidData(csv_path + ": expected a row per picture, found only the header");
  }
  dataset.class_names = names.Take(dataset.num_classes);
  AddEmptyCategories(folder, dataset);
  return dataset;
}

// ---- a folder per category ----------------------------------------------------------------------

// What there is instead of category folders, and what to do about it.
Error NoPictures(const fs::path& folder, const FolderListing& listing) {
  const std::string message = folder.string() + ": expected labels.csv, or a folder per category " +
                              "with pictures (.jpg, .png, .webp); found ";
  if (!listing.pictures.empty()) {
    return InvalidData(
        message + std::to_string(listing.pictures.size()) + " pictures that are in no category",
        "move each into a folder named after what it shows");
  }
  for (const fs::path& child : listing.folders) {
    const Result<FolderListing> grandchildren = List(child);
    if (!grandchildren.ok()) continue;
    for (const fs::path& grandchild : grandchildren->folders) {
      const Result<FolderListing> inner = List(grandchild);
      if (!inner.ok() || inner->pictures.empty()) continue;
      return InvalidData(message + "category folders one level deeper, as in " + child.string(),
                         "name that folder");
    }
  }
  if (listing.folders.empty() && listing.num_other_files == 0) {
    return InvalidData(message + "an empty folder");
  }
  return InvalidData(message + std::to_string(listing.folders.size()) + " folders and " +
                     std::to_string(listing.num_other_files) + " other files without a picture");
}

Result<Dataset> FromCategoryFolders(const fs::path& folder) {
  DEIXIS_ASSIGN(const FolderListing listing, List(folder));
  Dataset dataset;
  dataset.folder = folder.string();
  for (const fs::path& category : listing.folders) {
    DEIXIS_ASSIGN(const FolderListing contents, List(category));
    if (contents.pictures.empty() && (contents.num_other_files > 0 || !contents.folders.empty())) {
      continue;
    }
    for (const fs::path& picture : contents.pictures) {
      dataset.samples.push_back({.path = picture.string(), .label = dataset.num_classes});
    }
    dataset.class_names.push_back(category.filename().string());
    dataset.num_skipped += contents.num_other_files;
    ++dataset.num_classes;
  }
  if (dataset.samples.empty()) return NoPictures(folder, listing);
  return dataset;
}

Status CheckFolder(const std::string& folder) {
  std::error_code error;
  const fs::path path(folder);
  if (!fs::exists(path, error)) return NotFound(folder + ": no such folder", "check the path");
  if (fs::is_directory(path, error)) return Ok();
  return InvalidData(folder + ": expected a folder of pictures, found a file",
                     path.filename() == kLabelsFile ? "name the folder that it lies in" : "");
}

std::string Trimmed(std::string_view line) {
  constexpr std::string_view kSpaces = " \t\r";
  const size_t begin = line.find_first_not_of(kSpaces);
  if (begin == std::string_view::npos) return {};
  return std::string(line.substr(begin, line.find_last_not_of(kSpaces) - begin + 1));
}

Result<std::vector<std::string>> NamesFromCsv(const std::string& path, const std::string& text) {
  const Result<CsvTable> table = ParseCsv(text);
  if (!table.ok()) return table.error().WithContext(path);
  const int name_column = table->Column({"name", "class"});
  const int label_column = table->Column({"label"});
  if (name_column < 0) {
    return InvalidData(path + ": expected a column \"name\" or \"class\" in the header");
  }
  if (table->rows.empty()) {
    return InvalidData(path + ": expected a row per class, found no row but the header");
  }
  std::vector<std::string> names(table->rows.size());
  std::vector<bool> is_named(names.size());
  for (size_t i = 0; i < names.size(); ++i) {
    const CsvTable::Row& row = table->rows[i];
    int64_t label = static_cast<int64_t>(i);
    if (label_column >= 0) {
      const std::string& field = row.fields[static_cast<size_t>(label_column)];
      label = ParseInteger(field).value_or(-1);
      if (label < 0 || label >= static_cast<int64_t>(names.size()) || is_named[label]) {
        return InCsv(path, row.line,
                     "expected every label from 0 to " + std::to_string(names.size() - 1) +
                         " once, found \"" + field + "\"");
      }
    }
    is_named[label] = true;
    names[label] = row.fields[static_cast<size_t>(name_column)];
  }
  return names;
}

}  // namespace

bool HasPictureName(const std::string& file) {
  static constexpr std::string_view kExtensions[] = {".jpg",  ".jpeg", ".jpe",
                                                     ".jfif", ".png",  ".webp"};
  std::string extension = fs::path(file).extension().string();
  for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return std::ranges::find(kExtensions, extension) != std::end(kExtensions);
}

Result<Dataset> OpenCategoryFolders(const std::string& folder) {
  DEIXIS_RETURN_IF_ERROR(CheckFolder(folder));
  return FromCategoryFolders(folder);
}

Result<Dataset> OpenDataset(const std::string& folder) {
  DEIXIS_RETURN_IF_ERROR(CheckFolder(folder));
  const fs::path csv = fs::path(folder) / kLabelsFile;
  std::error_code error;
  if (fs::exists(csv, error)) return FromLabelsFile(folder, csv.string());
  return FromCategoryFolders(folder);
}

Result<std::vector<std::string>> ReadClassNames(const std::string& path) {
  DEIXIS_ASSIGN(const std::string text, ReadTextFile(path, /*max_bytes=*/16 << 20));
  if (fs::path(path).extension() == ".csv") return NamesFromCsv(path, text);
  std::vector<std::string> names;
  std::string_view rest = text;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    std::string name = Trimmed(rest.substr(0, end));
    if (!name.empty()) names.push_back(std::move(name));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  if (names.empty()) return InvalidData(path + ": expected one class name per line, found none");
  return names;
}

}  // namespace deixis
