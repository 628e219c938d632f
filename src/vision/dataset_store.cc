#include "vision/dataset_store.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "vision/store/adding.h"
#include "vision/store/state.h"

namespace deixis {

namespace fs = std::filesystem;
using internal::Action;
using internal::Contents;
using internal::Draft;
using internal::FreeNames;
using internal::Journal;
using internal::Place;
using internal::Record;
using internal::StoreState;

struct DatasetStore::State : StoreState {
  using StoreState::StoreState;

  // An edit of records that exist.
  Status Change(const std::function<Status(Contents&)>& plan) {
    return Edit([&plan](Contents& contents, Journal&, StagedFiles&) { return plan(contents); });
  }
};

namespace {

Status CheckCategoryName(const std::string& name) {
  constexpr size_t kMaxBytes = 100;
  const bool is_a_name =
      !name.empty() && name.size() <= kMaxBytes && !name.starts_with('.') &&
      std::ranges::none_of(name, [](char c) {
        return c == '/' || c == '\\' || static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
      });
  if (is_a_name) return Ok();
  return UsageError("category \"" + name + "\": expected 1 to 100 bytes without slashes and " +
                    "control characters, and no dot in front");
}

Error NoSuchSample(const std::string& folder, int64_t id) {
  return NotFound(folder + ": no picture has the number " + std::to_string(id),
                  "deixis data ls lists the numbers");
}

Error WrongKind(const std::string& folder, DatasetKind is) {
  return is == DatasetKind::kObjects
             ? UsageError(folder + ": its pictures have categories, not marks")
             : UsageError(folder + ": its pictures have marks, not categories");
}

Result<Record> Take(const Contents& contents, const std::string& folder, int64_t id, Place place) {
  const auto found = contents.records.find(id);
  if (found == contents.records.end() || found->second.place != place) {
    return NoSuchSample(folder, id);
  }
  return found->second;
}

// The file's name when its picture belongs to another category: pictures move with it that lie in
// the category's folder.
void Rename(Record& record, const std::string& category, FreeNames& names) {
  const fs::path file(record.sample.file);
  if (file.parent_path() == record.sample.category) {
    record.sample.file = names.Take(category, file.filename().string());
  }
  record.sample.category = category;
}

// Pictures that only changed sides are named where that was the point.
Undone Describe(const Action& action) {
  Undone undone{.what = action.what, .category = action.category, .ids = {}};
  for (const auto& [before, after] : action.changes) {
    const bool is_of_side = before.place == after.place &&
                            before.sample.file == after.sample.file &&
                            before.sample.held_out != after.sample.held_out;
    if (is_of_side && action.what != "split") continue;
    undone.ids.push_back(after.sample.id);
  }
  return undone;
}

// Puts every record of an action to one of its two sides.
void Turn(Contents& contents, const Action& action, bool forwards, FreeNames& names) {
  const auto turn = [&](const internal::RecordChange& change) {
    Record target = forwards ? change.after : change.before;
    const auto found = contents.records.find(target.sample.id);
    if (found == contents.records.end()) return;  // its row was taken out by hand
    const Record& now = found->second;
    const bool stays = now.place == Place::kHere && now.sample.file == target.sample.file;
    if (target.place == Place::kHere && !stays) {
      const fs::path file(target.sample.file);
      target.sample.file =
          names.Take(file.parent_path().generic_string(), file.filename().string());
    }
    found->second = std::move(target);
  };
  if (forwards) {
    std::ranges::for_each(action.changes, turn);
  } else {
    std::for_each(action.changes.rbegin(), action.changes.rend(), turn);
  }
  const auto& from = forwards ? action.categories_before : action.categories_after;
  const auto& to = forwards ? action.categories_after : action.categories_before;
  for (const std::string& name : from) {
    if (!to.contains(name)) contents.categories.erase(name);
  }
  for (const std::string& name : to) {
    if (!from.contains(name)) contents.categories.insert(name);
  }
  // Whatever has pictures is a category, also when it was made by a later action in between.
  for (const auto& [id, record] : contents.records) {
    if (record.place != Place::kHere) continue;
    if (contents.kind == DatasetKind::kObjects) contents.categories.insert(record.sample.category);
    for (const auto& [category, mark] : record.sample.marks) contents.categories.insert(category);
  }
}

}  // namespace

// ---- opening ------------------------------------------------------------------------------------

DatasetStore::DatasetStore(std::unique_ptr<State> state) : state_(std::move(state)) {}
DatasetStore::DatasetStore(DatasetStore&&) noexcept = default;
DatasetStore& DatasetStore::operator=(DatasetStore&&) noexcept = default;
DatasetStore::~DatasetStore() = default;

Result<DatasetStore> DatasetStore::Create(const std::string& folder, DatasetKind kind,
                                          const std::set<std::string>& categories,
                                          int num_threads) {
  std::set<std::string> names = categories;
  if (kind == DatasetKind::kObjects) names.emplace(kNothingCategory);
  if (names.empty()) names.emplace(kTipCategory);
  for (const std::string& name : names) DEIXIS_RETURN_IF_ERROR(CheckCategoryName(name));
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    return ResourceError(folder + ": cannot make the folder: " + error.message(),
                         "choose a path that you may write to");
  }
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (!name.starts_with('.') || name == internal::kHiddenFolder) {
      return UsageError(folder + ": expected an empty folder, found " + name,
                        "name another folder, or edit what is there");
    }
  }
  auto state = std::make_unique<State>(folder, /*read_only=*/false, num_threads);
  state->ExpectNothing();
  DEIXIS_RETURN_IF_ERROR(state->Change([&](Contents& contents) {
    contents.kind = kind;
    contents.categories = names;
    return Ok();
  }));
  return DatasetStore(std::move(state));
}

Result<DatasetStore> DatasetStore::Open(const std::string& folder, int num_threads,
                                        const StoreProgress& progress) {
  auto state = std::make_unique<State>(folder, /*read_only=*/false, num_threads);
  DEIXIS_RETURN_IF_ERROR(state->Recover());
  DEIXIS_RETURN_IF_ERROR(state->Load());
  DEIXIS_RETURN_IF_ERROR(state->LookAtPictures(progress));
  return DatasetStore(std::move(state));
}

Result<DatasetStore> DatasetStore::OpenToRead(const std::string& folder) {
  auto state = std::make_unique<State>(folder, /*read_only=*/true, 1);
  DEIXIS_RETURN_IF_ERROR(state->Load());
  return DatasetStore(std::move(state));
}

Status DatasetStore::Refresh() { return state_->Refresh(); }

Status DatasetStore::LookAtPictures(const StoreProgress& progress) {
  return state_->LookAtPictures(progress);
}

// ---- looking ------------------------------------------------------------------------------------

const std::string& DatasetStore::folder() const { return state_->folder(); }
DatasetKind DatasetStore::kind() const { return state_->contents().kind; }
const std::vector<StoredSample>& DatasetStore::samples() const { return state_->samples(); }
const std::vector<StoredSample>& DatasetStore::bin() const { return state_->bin(); }

const StoredSample* DatasetStore::Find(int64_t id) const {
  const auto& samples = state_->samples();
  const auto found = std::ranges::lower_bound(samples, id, {}, &StoredSample::id);
  return found == samples.end() || found->id != id ? nullptr : &*found;
}

std::string DatasetStore::PathOf(const StoredSample& sample) const {
  const auto found = state_->contents().records.find(sample.id);
  const std::string file = found == state_->contents().records.end()
                               ? sample.file
                               : internal::PhysicalPath(found->second);
  return (fs::path(folder()) / file).string();
}

std::vector<std::string> DatasetStore::categories() const {
  const auto& categories = state_->contents().categories;
  return {categories.begin(), categories.end()};
}

std::vector<CategoryCount> DatasetStore::CountByCategory() const {
  std::map<std::string, CategoryCount> counts;
  for (const std::string& name : categories()) counts[name].name = name;
  const auto count = [&](const StoredSample& sample, const std::string& category, bool is_absent) {
    CategoryCount& of = counts[category];
    of.name = category;
    ++of.pictures;
    of.absent += is_absent ? 1 : 0;
    of.held_out += sample.held_out.value_or(false) ? 1 : 0;
  };
  for (const StoredSample& sample : samples()) {
    if (kind() == DatasetKind::kObjects) count(sample, sample.category, false);
    for (const auto& [category, mark] : sample.marks) count(sample, category, !mark.has_value());
  }
  std::vector<CategoryCount> ordered;
  for (auto& [name, of] : counts) ordered.push_back(std::move(of));
  return ordered;
}

// ---- categories ---------------------------------------------------------------------------------

Status DatasetStore::AddCategory(const std::string& name) {
  DEIXIS_RETURN_IF_ERROR(CheckCategoryName(name));
  return state_->Change([&](Contents& contents) -> Status {
    if (contents.categories.contains(name)) {
      return UsageError(folder() + ": there is a category \"" + name + "\" already");
    }
    Draft draft(contents, "add category", name);
    draft.AddCategory(name);
    draft.Finish();
    return Ok();
  });
}

Status DatasetStore::RenameCategory(const std::string& name, const std::string& new_name) {
  DEIXIS_RETURN_IF_ERROR(CheckCategoryName(new_name));
  return state_->Change([&](Contents& contents) -> Status {
    if (!contents.categories.contains(name)) {
      return NotFound(folder() + ": there is no category \"" + name + "\"");
    }
    if (contents.categories.contains(new_name)) {
      return UsageError(folder() + ": there is a category \"" + new_name + "\" already",
                        "relabel the pictures to join the two");
    }
    Draft draft(contents, "rename category", new_name);
    FreeNames names(folder(), contents);
    for (const auto& [id, old] : std::map(contents.records)) {
      Record record = old;
      if (record.place == Place::kUndone) continue;
      if (record.sample.category == name && record.place == Place::kBin) {
        const fs::path file(record.sample.file);
        if (file.parent_path() == name)
          record.sample.file = (fs::path(new_name) / file.filename()).string();
        record.sample.category = new_name;
      } else if (record.sample.category == name) {
        Rename(record, new_name, names);
      } else if (const auto mark = record.sample.marks.find(name);
                 mark != record.sample.marks.end()) {
        record.sample.marks[new_name] = mark->second;
        record.sample.marks.erase(name);
      } else {
        continue;
      }
      draft.Change(std::move(record));
    }
    draft.RemoveCategory(name);
    draft.AddCategory(new_name);
    draft.Finish();
    return Ok();
  });
}

Status DatasetStore::RemoveCategory(const std::string& name) {
  return state_->Change([&](Contents& contents) -> Status {
    if (!contents.categories.contains(name)) {
      return NotFound(folder() + ": there is no category \"" + name + "\"");
    }
    Draft draft(contents, "remove category", name);
    for (const auto& [id, old] : std::map(contents.records)) {
      Record record = old;
      if (record.place != Place::kHere) continue;
      if (contents.kind == DatasetKind::kObjects) {
        if (record.sample.category != name) continue;
        record.place = Place::kBin;
      } else if (record.sample.marks.erase(name) == 0) {
        continue;
      }
      draft.Change(std::move(record));
    }
    draft.RemoveCategory(name);
    draft.Finish();
    return Ok();
  });
}

// ---- pictures -----------------------------------------------------------------------------------

Result<std::vector<Added>> DatasetStore::Add(std::span<const NewSample> samples,
                                             const AddOptions& options) {
  for (const NewSample& sample : samples) {
    const bool has_marks = !sample.marks.empty();
    if (kind() == DatasetKind::kObjects ? has_marks : !sample.category.empty()) {
      return WrongKind(folder(), kind());
    }
    if (kind() == DatasetKind::kObjects) {
      DEIXIS_RETURN_IF_ERROR(CheckCategoryName(sample.category));
    }
    for (const auto& [category, mark] : sample.marks) {
      DEIXIS_RETURN_IF_ERROR(CheckCategoryName(category));
    }
  }
  std::vector<Added> added;
  DEIXIS_RETURN_IF_ERROR(state_->Edit(
      [&](Contents& contents, Journal& journal, StoreState::StagedFiles& staged) -> Status {
        return internal::AddPictures(
            {.folder = folder(), .num_threads = state_->num_threads(), .options = options}, samples,
            contents, journal, staged, added);
      }));
  return added;
}

Result<Added> DatasetStore::Add(const NewSample& sample, const AddOptions& options) {
  DEIXIS_ASSIGN(const std::vector<Added> added, Add(std::span(&sample, 1), options));
  return added.front();
}

Status DatasetStore::Relabel(std::span<const int64_t> ids, const std::string& category) {
  if (kind() != DatasetKind::kObjects) return WrongKind(folder(), kind());
  DEIXIS_RETURN_IF_ERROR(CheckCategoryName(category));
  return state_->Change([&](Contents& contents) -> Status {
    Draft draft(contents, "relabel", category);
    FreeNames names(folder(), contents);
    draft.AddCategory(category);
    for (const int64_t id : ids) {
      DEIXIS_ASSIGN(Record record, Take(contents, folder(), id, Place::kHere));
      if (record.sample.category == category) continue;
      Rename(record, category, names);
      draft.Change(std::move(record));
    }
    internal::KeepTraining(draft);
    draft.Finish();
    return Ok();
  });
}

Status DatasetStore::SetMarks(int64_t id, const Marks& marks) {
  if (kind() != DatasetKind::kPointing) return WrongKind(folder(), kind());
  return state_->Change([&](Contents& contents) -> Status {
    DEIXIS_ASSIGN(Record record, Take(contents, folder(), id, Place::kHere));
    Draft draft(contents, "mark");
    for (const auto& [category, mark] : marks) {
      DEIXIS_RETURN_IF_ERROR(CheckCategoryName(category));
      const Status inside =
          internal::CheckMark(category, mark, record.sample.height_px, record.sample.width_px);
      if (!inside.ok()) return UsageError(record.sample.file + ": " + inside.error().message);
      draft.AddCategory(category);
    }
    record.sample.marks = marks;
    draft.Change(std::move(record));
    draft.Finish();
    return Ok();
  });
}

Status DatasetStore::SetSession(std::span<const int64_t> ids, const std::string& session) {
  return state_->Change([&](Contents& contents) -> Status {
    Draft draft(contents, "session");
    for (const int64_t id : ids) {
      DEIXIS_ASSIGN(Record record, Take(contents, folder(), id, Place::kHere));
      record.sample.session = session;
      draft.Change(std::move(record));
    }
    draft.Finish();
    return Ok();
  });
}

Status DatasetStore::Delete(std::span<const int64_t> ids) {
  return state_->Change([&](Contents& contents) -> Status {
    Draft draft(contents, "delete");
    for (const int64_t id : ids) {
      DEIXIS_ASSIGN(Record record, Take(contents, folder(), id, Place::kHere));
      record.place = Place::kBin;
      draft.Change(std::move(record));
    }
    internal::KeepTraining(draft);
    draft.Finish();
    return Ok();
  });
}

Status DatasetStore::Restore(std::span<const int64_t> ids) {
  return state_->Change([&](Contents& contents) -> Status {
    Draft draft(contents, "restore");
    FreeNames names(folder(), contents);
    for (const int64_t id : ids) {
      DEIXIS_ASSIGN(Record record, Take(contents, folder(), id, Place::kBin));
      record.place = Place::kHere;
      const fs::path file(record.sample.file);
      record.sample.file =
          names.Take(file.parent_path().generic_string(), file.filename().string());
      if (contents.kind == DatasetKind::kObjects) draft.AddCategory(record.sample.category);
      for (const auto& [category, mark] : record.sample.marks) draft.AddCategory(category);
      draft.Change(std::move(record));
    }
    internal::KeepTraining(draft);
    draft.Finish();
    return Ok();
  });
}

Result<int64_t> DatasetStore::EmptyBin() {
  int64_t removed = 0;
  DEIXIS_RETURN_IF_ERROR(state_->Change([&](Contents& contents) -> Status {
    removed = std::erase_if(contents.records,
                            [](const auto& entry) { return entry.second.place == Place::kBin; });
    size_t position = 0;
    std::vector<Action> kept;
    for (size_t i = 0; i < contents.history.size(); ++i) {
      Action& action = contents.history[i];
      const size_t changes = action.changes.size();
      std::erase_if(action.changes, [&](const internal::RecordChange& change) {
        return !contents.records.contains(change.after.sample.id);
      });
      if (action.changes.empty() && changes > 0) continue;
      kept.push_back(std::move(action));
      if (i < contents.history_position) position = kept.size();
    }
    contents.history = std::move(kept);
    contents.history_position = position;
    return Ok();
  }));
  return removed;
}

Status DatasetStore::Resplit(const SplitOptions& options) {
  DEIXIS_RETURN_IF_ERROR(options.Validate());
  return state_->Change([&](Contents& contents) -> Status {
    Draft draft(contents, "split");
    for (const auto& [id, held_out] : internal::PlanSides(contents, options, /*anew=*/true)) {
      Record record = contents.records.at(id);
      if (record.sample.held_out == held_out) continue;
      record.sample.held_out = held_out;
      draft.Change(std::move(record));
    }
    draft.Finish();
    return Ok();
  });
}

// ---- undo ---------------------------------------------------------------------------------------

std::optional<Undone> DatasetStore::NextUndo() const {
  const Contents& contents = state_->contents();
  if (contents.history_position == 0) return std::nullopt;
  return Describe(contents.history[contents.history_position - 1]);
}

std::optional<Undone> DatasetStore::NextRedo() const {
  const Contents& contents = state_->contents();
  if (contents.history_position == contents.history.size()) return std::nullopt;
  return Describe(contents.history[contents.history_position]);
}

Result<std::optional<Undone>> DatasetStore::Undo() {
  std::optional<Undone> undone;
  DEIXIS_RETURN_IF_ERROR(state_->Change([&](Contents& contents) -> Status {
    if (contents.history_position == 0) return Ok();
    const Action& action = contents.history[--contents.history_position];
    FreeNames names(folder(), contents);
    Turn(contents, action, /*forwards=*/false, names);
    undone = Describe(action);
    return Ok();
  }));
  return undone;
}

Result<std::optional<Undone>> DatasetStore::Redo() {
  std::optional<Undone> redone;
  DEIXIS_RETURN_IF_ERROR(state_->Change([&](Contents& contents) -> Status {
    if (contents.history_position == contents.history.size()) return Ok();
    const Action& action = contents.history[contents.history_position++];
    FreeNames names(folder(), contents);
    Turn(contents, action, /*forwards=*/true, names);
    redone = Describe(action);
    return Ok();
  }));
  return redone;
}

}  // namespace deixis
