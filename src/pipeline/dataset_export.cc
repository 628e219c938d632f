#include "pipeline/dataset_export.h"

#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include "base/file.h"
#include "format/zip.h"
#include "vision/store/public_tables.h"

namespace deixis {
namespace {

namespace fs = std::filesystem;

struct Item {
  std::string name;  // where it goes
  const StoredSample* sample = nullptr;
};

struct ExportPlan {
  std::vector<Item> items;
  std::vector<std::pair<std::string, std::string>> texts;  // name, text
  int64_t left_out = 0;
};

// "/" is the only byte that a file of one folder cannot have in its name.
std::string Flat(std::string file) {
  for (char& c : file) {
    if (c == '/') c = '_';
  }
  return file;
}

ExportPlan AsItLies(const DatasetStore& store) {
  ExportPlan plan;
  std::vector<const StoredSample*> samples;
  for (const StoredSample& sample : store.samples()) {
    plan.items.push_back({sample.file, &sample});
    samples.push_back(&sample);
  }
  if (store.kind() == DatasetKind::kObjects) {
    plan.texts.emplace_back(internal::kLabelsFile,
                            internal::LabelsText(samples, store.categories()));
  } else {
    plan.texts.emplace_back(internal::kPointsFile, internal::PointsText(samples));
  }
  return plan;
}

ExportPlan AsImageFolder(const DatasetStore& store) {
  ExportPlan plan;
  for (const StoredSample& sample : store.samples()) {
    const char* side = sample.held_out.value_or(false) ? "val/" : "train/";
    const fs::path file(sample.file);
    const std::string name =
        file.parent_path() == sample.category ? file.filename().string() : Flat(sample.file);
    plan.items.push_back({side + sample.category + "/" + name, &sample});
  }
  return plan;
}

ExportPlan AsMarkNames(const DatasetStore& store) {
  ExportPlan plan;
  for (const StoredSample& sample : store.samples()) {
    bool is_placed = false;
    for (const auto& [category, mark] : sample.marks) {
      if (!mark) continue;
      char place[96];
      std::snprintf(
          place, sizeof place, "%lld_%lld_%06lld", static_cast<long long>(std::lround(mark->x)),
          static_cast<long long>(std::lround(mark->y)), static_cast<long long>(sample.id));
      plan.items.push_back(
          {category + "/" + place + fs::path(sample.file).extension().string(), &sample});
      is_placed = true;
    }
    plan.left_out += is_placed ? 0 : 1;
  }
  return plan;
}

// Where files go: both sinks have them all in Finish, and nothing under the name before.
class FolderSink {
 public:
  explicit FolderSink(const std::string& out)
      : out_(out), staged_(out + ".tmp-" + std::to_string(::getpid())) {}
  ~FolderSink() {
    std::error_code ignored;
    if (!is_finished_) fs::remove_all(staged_, ignored);
  }
  FolderSink(const FolderSink&) = delete;
  FolderSink& operator=(const FolderSink&) = delete;

  Status Write(const std::string& name, std::span<const std::byte> bytes) {
    const fs::path path = staged_ / name;
    std::error_code error;
    fs::create_directories(path.parent_path(), error);
    if (error) {
      return ResourceError(path.parent_path().string() +
                           ": cannot make the folder: " + error.message());
    }
    return WriteFileAtomically(path.string(), bytes);
  }
  Status Finish() {
    std::error_code error;
    fs::remove(out_, error);  // an empty folder of that name
    fs::rename(staged_, out_, error);
    if (error) return ResourceError(out_.string() + ": cannot be made: " + error.message());
    is_finished_ = true;
    return Ok();
  }

 private:
  fs::path out_;
  fs::path staged_;
  bool is_finished_ = false;
};

class ZipSink {
 public:
  explicit ZipSink(ZipWriter writer) : writer_(std::move(writer)) {}
  Status Write(const std::string& name, std::span<const std::byte> bytes) {
    Status added = writer_.Add(name, bytes);
    if (added.ok()) return added;
    return Error{added.error().code, added.error().message, "export to a folder instead"};
  }
  Status Finish() { return writer_.Finish(); }

 private:
  ZipWriter writer_;
};

template <typename Sink>
Result<ExportResult> WriteAll(const DatasetStore& store, const ExportPlan& plan, Sink& sink,
                              const StoreProgress& progress) {
  ExportResult result{.pictures = 0, .files = 0, .bytes = 0, .left_out = plan.left_out};
  std::set<int64_t> pictures;
  const auto total = static_cast<int64_t>(plan.items.size());
  for (const Item& item : plan.items) {
    DEIXIS_ASSIGN(const auto file, MappedFile::Open(store.PathOf(*item.sample)));
    DEIXIS_RETURN_IF_ERROR(sink.Write(item.name, file->bytes()));
    pictures.insert(item.sample->id);
    ++result.files;
    result.bytes += static_cast<int64_t>(file->bytes().size());
    if (progress && !progress(result.files, total)) {
      return Error{ErrorCode::kInterrupted, "interrupted", ""};
    }
  }
  for (const auto& [name, text] : plan.texts) {
    DEIXIS_RETURN_IF_ERROR(sink.Write(name, std::as_bytes(std::span(text.data(), text.size()))));
    ++result.files;
  }
  DEIXIS_RETURN_IF_ERROR(sink.Finish());
  result.pictures = static_cast<int64_t>(pictures.size());
  return result;
}

}  // namespace

Result<ExportResult> ExportDataset(const DatasetStore& store, const std::string& out,
                                   ExportLayout layout, const StoreProgress& progress) {
  const bool is_object = store.kind() == DatasetKind::kObjects;
  if (layout == ExportLayout::kImageFolder && !is_object) {
    return UsageError(store.folder() +
                      ": its pictures have marks, which ImageFolder has no place for");
  }
  if (layout == ExportLayout::kMarkNames && is_object) {
    return UsageError(store.folder() + ": its pictures have no marks to be named after");
  }
  const ExportPlan plan = layout == ExportLayout::kTables        ? AsItLies(store)
                          : layout == ExportLayout::kImageFolder ? AsImageFolder(store)
                                                                 : AsMarkNames(store);
  if (plan.items.empty()) {
    return InvalidData(store.folder() + ": expected pictures to export, found none");
  }
  if (fs::path(out).extension() == ".zip") {
    DEIXIS_ASSIGN(ZipWriter writer, ZipWriter::Create(out));
    ZipSink sink(std::move(writer));
    return WriteAll(store, plan, sink, progress);
  }
  std::error_code error;
  if (fs::exists(out, error) && (!fs::is_directory(out, error) || !fs::is_empty(out, error))) {
    return UsageError(out + ": it is there already", "choose another name");
  }
  FolderSink sink(out);
  return WriteAll(store, plan, sink, progress);
}

}  // namespace deixis
