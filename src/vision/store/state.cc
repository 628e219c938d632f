#include "vision/store/state.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <system_error>
#include <utility>

#include "base/file.h"
#include "base/file_lock.h"
#include "base/thread_pool.h"
#include "vision/store/journal.h"
#include "vision/store/picture_file.h"

namespace deixis::internal {
namespace {

namespace fs = std::filesystem;

constexpr int kLockWaitMs = 2000;
constexpr size_t kMaxActions = 100;
constexpr size_t kMaxChanges = 5000;  // of all actions together, but for the last

struct FileTimes {
  int64_t file_bytes = -1;
  int64_t modified_ns = 0;
};

FileTimes TimesOf(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return {};
  return {.file_bytes = status.st_size,
          .modified_ns = int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec};
}

// The hidden files that are there, by name.
Result<std::map<std::string, std::string>> ReadHiddenTexts(const fs::path& folder) {
  std::map<std::string, std::string> texts;
  std::error_code error;
  for (const std::string_view name : kHiddenFiles) {
    const fs::path path = folder / kHiddenFolder / name;
    if (!fs::exists(path, error)) continue;
    DEIXIS_ASSIGN(texts[std::string(name)], ReadTextFile(path.string(), int64_t{1} << 30));
  }
  return texts;
}

std::string IdentityOf(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return "-;";
  return std::to_string(status.st_ino) + " " + std::to_string(status.st_size) + " " +
         std::to_string(status.st_mtim.tv_sec) + "." + std::to_string(status.st_mtim.tv_nsec) + ";";
}

}  // namespace

std::string PhysicalPath(const Record& record) {
  if (record.place == Place::kHere) return record.sample.file;
  return Hidden(record.place == Place::kBin ? "bin/" : "undone/") +
         std::to_string(record.sample.id) + fs::path(record.sample.file).extension().string();
}

FreeNames::FreeNames(std::string dataset_folder, const Contents& contents)
    : dataset_folder_(std::move(dataset_folder)) {
  for (const auto& [id, record] : contents.records) {
    if (record.place == Place::kHere) taken_.insert(record.sample.file);
  }
}

std::string FreeNames::Take(const std::string& folder, const std::string& name) {
  const fs::path path(name);
  for (int number = 1;; ++number) {
    const std::string suffix = number == 1 ? "" : "-" + std::to_string(number);
    const std::string file =
        (fs::path(folder) / (path.stem().string() + suffix + path.extension().string()))
            .generic_string();
    std::error_code error;
    if (taken_.contains(file) || fs::exists(fs::path(dataset_folder_) / file, error)) continue;
    taken_.insert(file);
    return file;
  }
}

void FillIn(const Contents& contents, StoredSample& sample) {
  const auto found = contents.facts.find(sample.id);
  if (found == contents.facts.end()) return;
  sample.height_px = found->second.height_px;
  sample.width_px = found->second.width_px;
  sample.hash = found->second.hash;
  sample.digest = found->second.digest;
}

Draft::Draft(Contents& contents, std::string what, std::string category) : contents_(contents) {
  action_.what = std::move(what);
  action_.category = std::move(category);
  action_.categories_before = contents.categories;
}

void Draft::Change(Record after) {
  const auto [place, is_new] = contents_.records.try_emplace(after.sample.id, after);
  if (is_new) place->second.place = Place::kUndone;
  action_.changes.push_back({.before = place->second, .after = after});
  place->second = std::move(after);
}

bool Draft::is_empty() const {
  return action_.changes.empty() && action_.categories_before == contents_.categories;
}

void Draft::Finish(const std::string& burst) {
  if (is_empty()) return;
  std::vector<Action>& history = contents_.history;
  history.resize(contents_.history_position);
  // What was added and taken back is out of reach now.
  std::set<int64_t> changed;
  for (const RecordChange& change : action_.changes) changed.insert(change.after.sample.id);
  std::erase_if(contents_.records, [&](const auto& entry) {
    return entry.second.place == Place::kUndone && !changed.contains(entry.first);
  });
  action_.burst = burst;
  action_.categories_after = contents_.categories;
  const bool continues = !burst.empty() && !history.empty() && history.back().burst == burst &&
                         history.back().what == action_.what;
  if (continues) {
    Action& last = history.back();
    std::ranges::move(action_.changes, std::back_inserter(last.changes));
    last.categories_after = std::move(action_.categories_after);
    if (last.category != action_.category) last.category.clear();
  } else {
    history.push_back(std::move(action_));
  }
  size_t num_changes = 0;
  for (const Action& action : history) num_changes += action.changes.size();
  size_t forgotten = 0;
  while (forgotten + 1 < history.size() &&
         (history.size() - forgotten > kMaxActions || num_changes > kMaxChanges)) {
    num_changes -= history[forgotten++].changes.size();
  }
  history.erase(history.begin(), history.begin() + static_cast<ptrdiff_t>(forgotten));
  contents_.history_position = history.size();
}

std::string StoreState::PublicFile(DatasetKind kind) {
  return std::string(kind == DatasetKind::kObjects ? kLabelsFile : kPointsFile);
}

std::string StoreState::Identity() const {
  const fs::path folder(folder_);
  return IdentityOf(folder / kLabelsFile) + IdentityOf(folder / kPointsFile) +
         IdentityOf(folder / Hidden("state.csv")) + IdentityOf(folder / Hidden("away.csv")) +
         IdentityOf(folder / Hidden("history.csv"));
}

// Whoever only reads holds no lock, and reads again what was replaced meanwhile.
Status StoreState::Load() {
  for (int attempt = 0;; ++attempt) {
    identity_ = Identity();
    Status status = LoadOnce();
    if (attempt == 20 || (status.ok() && identity_ == Identity())) return status;
    if (!status.ok() && identity_ == Identity()) return status;
  }
}

Status StoreState::LoadOnce() {
  DEIXIS_ASSIGN(const auto hidden_texts, ReadHiddenTexts(folder_));
  texts_.clear();
  for (const auto& [name, text] : hidden_texts) texts_[Hidden(name)] = text;
  const bool is_managed = hidden_texts.contains("state.csv");
  Result<HiddenTables> hidden = ParseHiddenTexts(hidden_texts);
  if (!hidden.ok()) return hidden.error().WithContext(folder_ + "/" + std::string(kHiddenFolder));
  Result<PublicTable> table = ReadPublicTable(folder_);
  std::error_code error;
  const bool has_table = fs::exists(fs::path(folder_) / kLabelsFile, error) ||
                         fs::exists(fs::path(folder_) / kPointsFile, error);
  if (!table.ok()) {
    if ((!is_managed && !expects_nothing_) || has_table) return table.error();
    table = PublicTable{.kind = hidden->kind, .samples = {}, .categories = {}};
  }
  Contents next;
  next.kind = is_managed && table->samples.empty() ? hidden->kind : table->kind;
  next.categories = std::move(table->categories);
  next.categories.insert(hidden->categories.begin(), hidden->categories.end());
  next.history = std::move(hidden->history);
  next.history_position = hidden->history_position;
  next.next_id = hidden->next_id;
  for (const StoredSample& sample : table->samples) {
    next.next_id = std::max(next.next_id, sample.id + 1);
  }
  for (Record& record : hidden->away) {
    next.next_id = std::max(next.next_id, record.sample.id + 1);
  }
  std::set<std::string> files;
  for (StoredSample& sample : table->samples) {
    if (!files.insert(sample.file).second) continue;
    if (sample.id == 0 || next.records.contains(sample.id)) sample.id = next.next_id++;
    const int64_t id = sample.id;
    next.records[id] = {.place = Place::kHere, .sample = std::move(sample)};
  }
  for (Record& record : hidden->away) {
    const int64_t id = record.sample.id;
    next.records.try_emplace(id, std::move(record));
  }
  for (auto& [id, record] : next.records) {
    const auto fact = hidden->facts.find(id);
    if (fact == hidden->facts.end()) continue;
    const FileTimes times = TimesOf(fs::path(folder_) / PhysicalPath(record));
    if (times.file_bytes != fact->second.file_bytes ||
        times.modified_ns != fact->second.modified_ns) {
      continue;
    }
    next.facts[id] = fact->second;
    FillIn(next, record.sample);
  }
  contents_ = std::move(next);
  Derive();
  return Ok();
}

Status StoreState::Refresh() {
  if (Identity() == identity_) return Ok();
  // What was found out about pictures that are still the same is kept.
  const std::map<int64_t, PictureFacts> known = std::move(contents_.facts);
  DEIXIS_RETURN_IF_ERROR(Load());
  for (auto& [id, record] : contents_.records) {
    const auto fact = known.find(id);
    if (fact == known.end() || contents_.facts.contains(id)) continue;
    const FileTimes times = TimesOf(fs::path(folder_) / PhysicalPath(record));
    if (times.file_bytes != fact->second.file_bytes ||
        times.modified_ns != fact->second.modified_ns) {
      continue;
    }
    contents_.facts[id] = fact->second;
    FillIn(contents_, record.sample);
  }
  Derive();
  return Ok();
}

Status StoreState::LookAtPictures(const StoreProgress& progress) {
  std::vector<Record*> unknown;
  for (auto& [id, record] : contents_.records) {
    if (record.place != Place::kUndone && !contents_.facts.contains(id)) unknown.push_back(&record);
  }
  std::vector<std::optional<PictureFacts>> found(unknown.size());
  ThreadPool pool(num_threads_);
  const auto total = static_cast<int64_t>(unknown.size());
  const int64_t batch = 16 * num_threads_;
  for (int64_t begin = 0; begin < total; begin += batch) {
    pool.ParallelFor(std::min(batch, total - begin), [&](int64_t chunk, int /*thread*/) {
      const auto i = static_cast<size_t>(begin + chunk);
      const std::string path = (fs::path(folder_) / PhysicalPath(*unknown[i])).string();
      const FileTimes times = TimesOf(path);
      const auto file = MappedFile::Open(path);
      if (!file.ok()) return;
      const Result<PictureFile> picture = LookAtPicture((*file)->bytes(), path);
      if (!picture.ok()) return;
      found[i] = {.file_bytes = times.file_bytes,
                  .modified_ns = times.modified_ns,
                  .height_px = picture->height_px,
                  .width_px = picture->width_px,
                  .hash = picture->hash,
                  .digest = DigestOf((*file)->bytes())};
    });
    if (progress && !progress(std::min(begin + batch, total), total)) {
      return Error{ErrorCode::kInterrupted, "interrupted", ""};
    }
  }
  for (size_t i = 0; i < unknown.size(); ++i) {
    if (!found[i]) continue;
    contents_.facts[unknown[i]->sample.id] = *found[i];
    FillIn(contents_, unknown[i]->sample);
  }
  Derive();
  return Ok();
}

void StoreState::Derive() {
  samples_.clear();
  bin_.clear();
  for (const auto& [id, record] : contents_.records) {
    if (record.place == Place::kHere) samples_.push_back(record.sample);
    if (record.place == Place::kBin) bin_.push_back(record.sample);
  }
}

std::map<std::string, std::string> StoreState::TextsOf(const Contents& contents) const {
  HiddenTables hidden{.kind = contents.kind,
                      .next_id = contents.next_id,
                      .categories = contents.categories,
                      .away = {},
                      .history = contents.history,
                      .history_position = contents.history_position,
                      .facts = contents.facts};
  std::vector<const StoredSample*> here;
  for (const auto& [id, record] : contents.records) {
    if (record.place == Place::kHere) {
      here.push_back(&record.sample);
    } else {
      hidden.away.push_back(record);
    }
  }
  std::map<std::string, std::string> texts;
  for (auto& [name, text] : HiddenTexts(hidden)) texts[Hidden(name)] = std::move(text);
  const std::vector<std::string> categories(contents.categories.begin(), contents.categories.end());
  texts[PublicFile(contents.kind)] =
      contents.kind == DatasetKind::kObjects ? LabelsText(here, categories) : PointsText(here);
  return texts;
}

Status StoreState::Recover() {
  std::error_code error;
  if (!fs::exists(fs::path(folder_) / Hidden("next/plan.csv"), error)) return Ok();
  return Edit([](Contents&, Journal&, StagedFiles&) { return Ok(); });
}

Status StoreState::Edit(const std::function<Status(Contents&, Journal&, StagedFiles&)>& plan) {
  if (read_only_) return UsageError(folder_ + ": the dataset is open for reading only");
  DEIXIS_ASSIGN(Journal journal, Journal::Open(folder_));
  const Result<FileLock> lock =
      FileLock::Acquire((fs::path(folder_) / Hidden("lock")).string(), kLockWaitMs);
  if (!lock.ok()) {
    if (lock.error().code != ErrorCode::kBusy) return lock.error();
    return Error{ErrorCode::kBusy,
                 folder_ + ": the dataset is being edited: " + lock.error().message,
                 lock.error().remedy};
  }
  DEIXIS_RETURN_IF_ERROR(journal.Recover());
  DEIXIS_RETURN_IF_ERROR(Refresh());
  Contents next = contents_;
  StagedFiles staged;
  Status planned = plan(next, journal, staged);
  if (planned.ok()) planned = Commit(std::move(next), journal, staged);
  if (!planned.ok()) DEIXIS_RETURN_IF_ERROR(journal.Recover());
  return planned;
}

Status StoreState::Commit(Contents next, Journal& journal, const StagedFiles& staged) {
  const fs::path folder(folder_);
  FileChanges changes;
  std::set<std::string> new_folders;
  for (auto& [id, record] : next.records) {
    const std::string to = PhysicalPath(record);
    const auto old = contents_.records.find(id);
    const auto file = staged.find(id);
    if (file != staged.end()) {
      const FileTimes times = TimesOf(folder / file->second);
      next.facts[id].file_bytes = times.file_bytes;
      next.facts[id].modified_ns = times.modified_ns;
      changes.moves.emplace_back(file->second, to);
    } else if (old != contents_.records.end() && PhysicalPath(old->second) != to) {
      changes.moves.emplace_back(PhysicalPath(old->second), to);
    }
    const std::string parent = fs::path(to).parent_path().generic_string();
    if (record.place == Place::kHere && !parent.empty()) new_folders.insert(parent);
  }
  for (const auto& [id, record] : contents_.records) {
    if (next.records.contains(id)) continue;
    changes.removed_files.push_back(PhysicalPath(record));
    next.facts.erase(id);
  }
  if (next.kind == DatasetKind::kObjects) {
    std::ranges::set_difference(next.categories, contents_.categories,
                                std::inserter(new_folders, new_folders.end()));
    for (const std::string& category : contents_.categories) {
      if (!next.categories.contains(category)) changes.removed_folders.push_back(category);
    }
  }
  std::error_code error;
  for (const std::string& name : new_folders) {
    if (!fs::exists(folder / name, error)) changes.new_folders.push_back(name);
  }
  std::map<std::string, std::string> texts = TextsOf(next);
  for (const auto& [path, text] : texts) {
    const auto old = texts_.find(path);
    if (old == texts_.end() || old->second != text) changes.texts.emplace_back(path, text);
  }
  if (changes.texts.empty() && changes.moves.empty() && changes.new_folders.empty() &&
      changes.removed_folders.empty()) {
    return Ok();
  }
  DEIXIS_RETURN_IF_ERROR(journal.Commit(changes));
  texts_ = std::move(texts);
  contents_ = std::move(next);
  for (auto& [id, record] : contents_.records) FillIn(contents_, record.sample);
  Derive();
  identity_ = Identity();
  return Ok();
}

}  // namespace deixis::internal
