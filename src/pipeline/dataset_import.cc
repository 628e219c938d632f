#include "pipeline/dataset_import.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

#include "format/printable.h"
#include "vision/csv.h"
#include "vision/store/public_tables.h"

namespace deixis {
namespace {

namespace fs = std::filesystem;
using internal::PublicTable;

constexpr const char* kLabels = "labels.csv";
constexpr const char* kPoints = "points.csv";

bool Has(const DatasetSource& source, const std::string& file) {
  return std::ranges::binary_search(source.files(), file);
}

Result<std::string> ReadText(const DatasetSource& source, const std::string& file) {
  DEIXIS_ASSIGN(const std::vector<std::byte> bytes, source.Read(file));
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

std::string FolderOf(const std::string& file) {
  const size_t slash = file.find_last_of('/');
  return slash == std::string::npos ? std::string() : file.substr(0, slash);
}

// What a table lists. Files that are not there are told; those that no row names are counted.
void TakeTable(const DatasetSource& source, PublicTable table, ImportPlan& plan) {
  plan.kind = table.kind;
  std::set<std::string> listed;
  for (StoredSample& sample : table.samples) {
    if (!Has(source, sample.file)) {
      plan.missing.push_back(sample.file);
      continue;
    }
    listed.insert(sample.file);
    plan.pictures.push_back({.file = sample.file,
                             .category = std::move(sample.category),
                             .marks = std::move(sample.marks),
                             .session = std::move(sample.session),
                             .held_out = sample.held_out,
                             .other = std::move(sample.other)});
  }
  plan.num_other_files = static_cast<int64_t>(source.files().size() - listed.size()) - 1;
}

// Sessions from a labels.csv that has no labels: "file" and one of the columns that tell them.
Result<std::map<std::string, std::string>> ReadSessions(const DatasetSource& source) {
  std::map<std::string, std::string> sessions;
  if (!Has(source, kLabels)) return sessions;
  DEIXIS_ASSIGN(const std::string text, ReadText(source, kLabels));
  const Result<CsvTable> table = ParseCsv(text);
  if (!table.ok()) return table.error().WithContext(source.path() + "/" + kLabels);
  const int file = table->Column({"file", "filename", "path"});
  const int session =
      table->Column({"session", "group", "student_block", "person", "scene", "video"});
  if (file < 0 || session < 0) return sessions;
  for (const CsvTable::Row& row : table->rows) sessions[row.fields[file]] = row.fields[session];
  return sessions;
}

// train/mug/1.jpg: the side that a folder above the category stands for.
std::optional<bool> SideOf(const std::string& folder) {
  static constexpr std::string_view kTraining[] = {"train", "training"};
  static constexpr std::string_view kHeldOut[] = {"val",  "valid",   "validation",
                                                  "test", "testing", "held_out"};
  if (std::ranges::find(kTraining, folder) != std::end(kTraining)) return false;
  if (std::ranges::find(kHeldOut, folder) != std::end(kHeldOut)) return true;
  return std::nullopt;
}

Error NoOrder(const DatasetSource& source, const std::string& finding) {
  return InvalidData(source.path() +
                         ": expected labels.csv, points.csv, or a folder per category " +
                         "with pictures; found " + finding,
                     "name the category of all of them: --category mug");
}

// A folder per category. Pictures without a folder need a category from the options.
Status TakeFolders(const DatasetSource& source, const ImportOptions& options, ImportPlan& plan) {
  std::vector<std::string> pictures;
  std::set<std::string> top_folders;
  for (const std::string& file : source.files()) {
    if (!HasPictureName(file)) continue;
    pictures.push_back(file);
    top_folders.insert(file.substr(0, std::min(file.find('/'), file.size())));
  }
  plan.num_other_files = static_cast<int64_t>(source.files().size() - pictures.size());
  if (pictures.empty()) {
    return NoOrder(source, std::to_string(source.files().size()) + " files and no picture");
  }
  const bool has_sides =
      top_folders.size() > 1 && std::ranges::all_of(top_folders, [](const std::string& folder) {
        return SideOf(folder).has_value();
      });
  DEIXIS_ASSIGN(const auto sessions, ReadSessions(source));
  const bool all_marked = std::ranges::all_of(pictures, [](const std::string& file) {
    return internal::MarkOfName(fs::path(file).filename().string()).has_value();
  });
  const bool is_pointing = options.kind ? *options.kind == DatasetKind::kPointing : all_marked;
  plan.kind = is_pointing ? DatasetKind::kPointing : DatasetKind::kObjects;
  plan.layout = is_pointing                ? "marks in names"
                : options.category.empty() ? "folders"
                                           : "one category";
  for (const std::string& file : pictures) {
    ImportPlan::Picture picture;
    picture.file = file;
    std::string folder = FolderOf(file);
    if (has_sides) {
      picture.held_out = SideOf(folder.substr(0, std::min(folder.find('/'), folder.size())));
      folder.erase(0, std::min(folder.find('/'), folder.size() - 1) + 1);
    }
    const std::string category = fs::path(folder).filename().string();
    if (const auto found = sessions.find(file); found != sessions.end()) {
      picture.session = found->second;
    }
    if (is_pointing) {
      // A name without a mark: a picture that is yet to be marked.
      if (const auto mark = internal::MarkOfName(fs::path(file).filename().string())) {
        picture.marks[category.empty() ? std::string(kTipCategory) : category] = *mark;
      }
    } else {
      picture.category = options.category.empty() ? category : options.category;
      if (picture.category.empty()) {
        return NoOrder(source, "pictures that are in no category, as " + Quoted(file));
      }
    }
    plan.pictures.push_back(std::move(picture));
  }
  return Ok();
}

// One name for the one mark that the pictures have, or one category for all.
Status RenameCategory(const DatasetSource& source, const std::string& name, ImportPlan& plan) {
  std::set<std::string> marks;
  for (const ImportPlan::Picture& picture : plan.pictures) {
    for (const auto& [category, mark] : picture.marks) marks.insert(category);
  }
  if (marks.size() > 1) {
    return UsageError(source.path() + ": expected pictures with one mark to rename, found " +
                      std::to_string(marks.size()) + " kinds of marks");
  }
  for (ImportPlan::Picture& picture : plan.pictures) {
    if (plan.kind == DatasetKind::kObjects) {
      picture.category = name;
    } else if (!picture.marks.empty()) {
      const Mark mark = picture.marks.begin()->second;
      picture.marks = {{name, mark}};
    }
  }
  return Ok();
}

bool IsDataset(const std::string& folder) {
  std::error_code error;
  if (!fs::is_directory(folder, error)) return false;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (!name.starts_with('.') || name == ".deixis") return true;
  }
  return false;
}

// What Create made, in a folder that was not there or empty before.
void RemoveNew(const std::string& folder, bool existed) {
  std::error_code ignored;
  if (!existed) {
    fs::remove_all(folder, ignored);
    return;
  }
  for (const char* name : {".deixis", kLabels, kPoints, "nothing"}) {
    fs::remove_all(fs::path(folder) / name, ignored);
  }
}

Result<ImportResult> AddAll(DatasetStore& store, const DatasetSource& source,
                            const ImportOptions& options, ImportPlan plan) {
  std::vector<NewSample> samples;
  samples.reserve(plan.pictures.size());
  for (ImportPlan::Picture& picture : plan.pictures) {
    NewSample& sample = samples.emplace_back();
    sample.load = [&source, file = picture.file] { return source.Read(file); };
    sample.category = std::move(picture.category);
    sample.marks = std::move(picture.marks);
    sample.session = picture.session.empty() ? options.session : std::move(picture.session);
    sample.held_out = picture.held_out;
    sample.name = picture.file;
    sample.other = std::move(picture.other);
    sample.other.try_emplace("source", picture.file);
  }
  DEIXIS_ASSIGN(const std::vector<Added> added,
                store.Add(samples, {.burst = {}, .progress = options.progress}));
  ImportResult result{.kind = plan.kind,
                      .layout = std::move(plan.layout),
                      .added = 0,
                      .skipped = {},
                      .num_other_files = plan.num_other_files,
                      .num_links = source.num_links()};
  for (const std::string& file : plan.missing) {
    result.skipped.push_back({.file = file, .reason = "no such file", .duplicate_of = {}});
  }
  bool knows_any = false;
  for (size_t i = 0; i < added.size(); ++i) {
    const std::string& file = plan.pictures[i].file;
    knows_any |= !added[i].refused.has_value();
    if (added[i].id) {
      ++result.added;
    } else if (added[i].refused) {
      result.skipped.push_back({file, added[i].refused->message, {}});
    } else {
      result.skipped.push_back(
          {file, "the same picture as number " + std::to_string(added[i].duplicate_of.value_or(0)),
           added[i].duplicate_of});
    }
  }
  if (!knows_any) {
    return InvalidData(source.path() + ": expected pictures, found none that can be read among " +
                       std::to_string(result.skipped.size()) + "; " +
                       (result.skipped.empty() ? "" : result.skipped.front().reason));
  }
  return result;
}

}  // namespace

Result<ImportPlan> PlanImport(const DatasetSource& source, const ImportOptions& options) {
  ImportPlan plan;
  bool has_table = false;
  if (Has(source, kPoints)) {
    DEIXIS_ASSIGN(const std::string text, ReadText(source, kPoints));
    DEIXIS_ASSIGN(PublicTable table, internal::ParsePoints(source.path() + "/" + kPoints, text));
    TakeTable(source, std::move(table), plan);
    plan.layout = kPoints;
    has_table = true;
  } else if (Has(source, kLabels)) {
    DEIXIS_ASSIGN(const std::string text, ReadText(source, kLabels));
    DEIXIS_ASSIGN(auto table, internal::ParseLabels(source.path() + "/" + kLabels, text));
    has_table = table.has_value();
    if (table) TakeTable(source, *std::move(table), plan);
    if (table) plan.layout = kLabels;
  }
  if (!has_table) DEIXIS_RETURN_IF_ERROR(TakeFolders(source, options, plan));
  if (options.kind && *options.kind != plan.kind) {
    return UsageError(source.path() + ": " + plan.layout + " is of " +
                      (plan.kind == DatasetKind::kObjects ? "pictures in categories, not with marks"
                                                          : "pictures with marks"));
  }
  if (!options.category.empty()) {
    DEIXIS_RETURN_IF_ERROR(RenameCategory(source, options.category, plan));
  }
  if (plan.pictures.empty()) {
    return InvalidData(source.path() + ": expected pictures, found none" +
                       (plan.missing.empty() ? "" : "; no such file: " + plan.missing.front()));
  }
  return plan;
}

Result<ImportResult> ImportDataset(const std::string& folder, const std::string& from,
                                   const ImportOptions& options) {
  DEIXIS_ASSIGN(const DatasetSource source, DatasetSource::Open(from, options.limits));
  ImportOptions asked = options;
  std::optional<DatasetStore> store;
  if (IsDataset(folder)) {
    DEIXIS_ASSIGN(store, DatasetStore::Open(folder, options.num_threads));
    if (!asked.kind) asked.kind = store->kind();
    if (*asked.kind != store->kind()) {
      return UsageError(folder + ": its pictures have " +
                        (store->kind() == DatasetKind::kObjects ? "categories" : "marks") +
                        ": a dataset is of one kind");
    }
  }
  DEIXIS_ASSIGN(ImportPlan plan, PlanImport(source, asked));
  if (store) return AddAll(*store, source, asked, std::move(plan));

  std::error_code error;
  const bool existed = fs::exists(folder, error);
  std::set<std::string> categories;
  for (const ImportPlan::Picture& picture : plan.pictures) {
    for (const auto& [category, mark] : picture.marks) categories.insert(category);
  }
  Result<DatasetStore> made =
      DatasetStore::Create(folder, plan.kind, categories, options.num_threads);
  Result<ImportResult> result = made.ok() ? AddAll(*made, source, asked, std::move(plan))
                                          : Result<ImportResult>(made.error());
  if (!result.ok()) RemoveNew(folder, existed);
  return result;
}

}  // namespace deixis
