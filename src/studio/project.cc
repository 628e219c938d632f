#include "studio/project.h"

#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <filesystem>

#include "base/file.h"

namespace deixis::studio {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMostRecordBytes = 1 << 20;
constexpr int64_t kFewPictures = 20;  // per category, below which more are advised

std::string TimeNow() {
  const std::time_t now = std::time(nullptr);
  std::tm parts = {};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

Status MakeFolder(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (!error) return Ok();
  return ResourceError(path + ": the folder cannot be made: " + error.message(),
                       "use a folder that you may write to");
}

// What project.json holds; null where there is none that can be read.
Json ReadRecord(const std::string& folder) {
  const auto text = ReadTextFile(folder + "/project.json", kMostRecordBytes);
  if (!text.ok()) return nullptr;
  Json record = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
  return record.is_object() ? record : Json(nullptr);
}

Json JsonOf(const std::string& folder, const Json& record, bool is_open) {
  const std::string id = fs::path(folder).filename().string();
  const auto text = [&](const char* key, const std::string& otherwise) {
    const auto found = record.find(key);
    return found != record.end() && found->is_string() ? found->get<std::string>() : otherwise;
  };
  return {{"id", id},
          {"name", text("name", id)},
          {"folder", folder},
          {"is_open", is_open},
          {"created", text("created", "")}};
}

std::optional<DatasetKind> KindOf(const std::string& dataset) {
  if (dataset == "things") return DatasetKind::kObjects;
  if (dataset == "pointing") return DatasetKind::kPointing;
  return std::nullopt;
}

// "6 pictures added to mug"
Json UndoText(const std::optional<Undone>& step) {
  if (!step) return nullptr;
  const std::string count =
      std::to_string(step->ids.size()) + (step->ids.size() == 1 ? " picture" : " pictures");
  Json json{{"what", step->what}, {"pictures", step->ids.size()}, {"category", step->category}};
  json["text"] = step->what + ": " + count + (step->category.empty() ? "" : ", " + step->category);
  return json;
}

void Advise(const std::string& kind, const std::string& category, int64_t have, int64_t want,
            Json& advice) {
  advice.push_back({{"kind", kind}, {"category", category}, {"have", have}, {"want", want}});
}

Json AdviceFor(DatasetKind kind, const Json& categories, int64_t absent) {
  Json advice = Json::array();
  int64_t most = 0;
  for (const Json& category : categories) {
    most = std::max(most, category["samples"].get<int64_t>());
  }
  for (const Json& category : categories) {
    const auto have = category["samples"].get<int64_t>();
    const auto name = category["name"].get<std::string>();
    // A finger that is bent hides its knuckle: that point may be missing everywhere.
    if (kind == DatasetKind::kPointing && name != kFingertip) continue;
    if (have < kFewPictures) {
      Advise(category["is_nothing"] ? "no-nothing" : "few-pictures", name, have, kFewPictures,
             advice);
    } else if (have * 3 < most) {
      Advise("uneven", name, have, most / 3, advice);
    }
  }
  if (kind == DatasetKind::kPointing && absent < kFewPictures) {
    Advise("few-finger-free", kFingertip, absent, kFewPictures, advice);
  }
  return advice;
}

}  // namespace

Status CheckName(const std::string& name) {
  const bool has_odd_character = std::any_of(name.begin(), name.end(), [](char c) {
    return c == '/' || c == '\\' || static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
  if (name.empty() || name.size() > 100 || name.front() == '.' || name.front() == ' ' ||
      name.back() == ' ' || has_odd_character || !IsUtf8(name)) {
    return UsageError("\"" + name.substr(0, 100) + "\" cannot be a name",
                      "a name has 1 to 100 bytes, no slash, and begins with no dot or space");
  }
  return Ok();
}

Json SampleJson(const StoredSample& sample) {
  Json json{{"id", std::to_string(sample.id)},
            {"file", sample.file},
            {"category", sample.category.empty() ? Json(nullptr) : Json(sample.category)},
            {"split", sample.held_out.value_or(false) ? "held_out" : "train"},
            {"burst", sample.burst},
            {"width_px", sample.width_px},
            {"height_px", sample.height_px},
            {"created", sample.created}};
  Json points = Json::array();
  Json present = nullptr;
  for (const auto& [category, mark] : sample.marks) {
    if (category == kFingertip) present = mark.has_value();
    if (!mark || sample.width_px <= 0 || sample.height_px <= 0) continue;
    // Marks count from the centre of the first pixel, places in a picture from its corner.
    points.push_back({{"category", category},
                      {"x", (mark->x + 0.5) / static_cast<double>(sample.width_px)},
                      {"y", (mark->y + 0.5) / static_cast<double>(sample.height_px)}});
  }
  json["present"] = present;
  json["points"] = points;
  return json;
}

Json DatasetJsonOf(const std::string& name, DatasetStore& store) {
  Json categories = Json::array();
  int64_t absent = 0;
  for (const CategoryCount& count : store.CountByCategory()) {
    if (count.name == kFingertip) absent = count.absent;
    categories.push_back({{"name", count.name},
                          {"samples", count.pictures},
                          {"training", count.pictures - count.held_out},
                          {"held_out", count.held_out},
                          {"absent", count.absent},
                          {"is_nothing", count.name == kNothingCategory}});
  }
  const auto& samples = store.samples();
  const bool is_pointing = store.kind() == DatasetKind::kPointing;
  const int64_t unmarked =
      is_pointing ? std::count_if(samples.begin(), samples.end(),
                                  [](const StoredSample& sample) { return sample.marks.empty(); })
                  : 0;
  return {{"name", name},
          {"task", is_pointing ? "locate" : "classify"},
          {"folder", store.folder()},
          {"categories", categories},
          {"samples", samples.size()},
          {"unmarked", unmarked},
          {"in_bin", store.bin().size()},
          {"advice", AdviceFor(store.kind(), categories, absent)},
          {"undo", UndoText(store.NextUndo())},
          {"redo", UndoText(store.NextRedo())}};
}

Result<std::unique_ptr<Project>> Project::Open(const std::string& folder, EventBus* events) {
  std::unique_ptr<Project> project(new Project(PlainPath(folder), events));
  for (const char* part : {"", "/models", "/bin", "/jobs"}) {
    DEIXIS_RETURN_IF_ERROR(MakeFolder(project->folder_ + part));
  }
  const std::string path = project->folder_ + "/project.json";
  std::error_code ignored;
  if (fs::exists(path, ignored)) {
    project->record_ = ReadRecord(project->folder_);
    if (project->record_.is_null()) {
      return InvalidData(path + ": this is no JSON object", "rename the file; a new one is made");
    }
  } else {
    project->record_ = {
        {"schema", 1}, {"name", project->id()}, {"created", TimeNow()}, {"active", Json::object()}};
    DEIXIS_RETURN_IF_ERROR(project->SaveLocked());
  }
  for (const char* dataset : {"things", "pointing"}) {
    const std::lock_guard lock(project->store_mutex_);
    auto store = project->StoreLocked(dataset);
    if (!store.ok()) return std::move(store).error();
  }
  return project;
}

std::string PlainPath(const std::string& folder) {
  const fs::path path = fs::absolute(folder).lexically_normal();
  return (path.has_filename() ? path : path.parent_path()).string();
}

Result<FileLock> LockProject(const std::string& folder) {
  const std::string own_folder = PlainPath(folder) + "/.studio";
  DEIXIS_RETURN_IF_ERROR(MakeFolder(own_folder));
  (void)chmod(own_folder.c_str(), 0700);
  auto lock = FileLock::Acquire(own_folder + "/lock", 0);
  if (lock.ok()) return lock;
  Error error = std::move(lock).error();
  if (error.code == ErrorCode::kBusy) error.remedy = "end that studio, or use another project";
  return error;
}

Json ListProjects(const std::string& parent, const std::string& open_folder) {
  std::vector<Json> projects;
  std::error_code error;
  for (fs::directory_iterator entry(parent, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code ignored;
    const std::string folder = entry->path().string();
    if (!CheckName(entry->path().filename().string()).ok() || !entry->is_directory(ignored))
      continue;
    const Json record = ReadRecord(folder);
    if (!record.is_null()) projects.push_back(JsonOf(folder, record, folder == open_folder));
  }
  std::sort(projects.begin(), projects.end(), [](const Json& one, const Json& other) {
    return std::pair(one["name"], one["id"]) < std::pair(other["name"], other["id"]);
  });
  return projects;
}

std::string Project::id() const { return fs::path(folder_).filename().string(); }

Status Project::SaveLocked() const {
  return WriteFileAtomically(folder_ + "/project.json", record_.dump(2) + "\n");
}

std::string Project::name() const {
  const std::lock_guard lock(mutex_);
  return JsonOf(folder_, record_, true)["name"];
}

Status Project::Rename(const std::string& name) {
  DEIXIS_RETURN_IF_ERROR(CheckName(name));
  const std::lock_guard lock(mutex_);
  record_["name"] = name;
  return SaveLocked();
}

std::string Project::Active(const std::string& role) const {
  const std::lock_guard lock(mutex_);
  const auto active = record_.find("active");
  if (active == record_.end() || !active->is_object()) return {};
  const auto found = active->find(role);
  return found != active->end() && found->is_string() ? found->get<std::string>() : std::string();
}

Status Project::SetActive(const std::string& role, const std::string& model) {
  const std::lock_guard lock(mutex_);
  record_["active"][role] = model;
  return SaveLocked();
}

Json Project::ToJson() const {
  const std::lock_guard lock(mutex_);
  return JsonOf(folder_, record_, true);
}

Result<DatasetStore*> Project::StoreLocked(const std::string& name) {
  const auto kind = KindOf(name);
  if (!kind) {
    return NotFound("there is no dataset \"" + name + "\"", "the datasets are things and pointing");
  }
  auto& store = stores_[name];
  if (store != nullptr) {
    DEIXIS_RETURN_IF_ERROR(store->Refresh());
    return store.get();
  }
  const std::string folder = folder_ + "/" + name;
  std::error_code ignored;
  const bool is_new = !fs::exists(folder, ignored) || fs::is_empty(folder, ignored);
  std::set<std::string> categories;
  if (*kind == DatasetKind::kPointing) categories = {kFingertip, kKnuckle};
  auto opened =
      is_new ? DatasetStore::Create(folder, *kind, categories) : DatasetStore::Open(folder);
  if (!opened.ok()) return std::move(opened).error();
  store = std::make_unique<DatasetStore>(std::move(*opened));
  return store.get();
}

Reply Project::WithDataset(const std::string& name,
                           const std::function<Reply(DatasetStore&)>& work) {
  const std::lock_guard lock(store_mutex_);
  auto store = StoreLocked(name);
  if (!store.ok()) return store.error();
  return work(**store);
}

Result<Json> Project::DatasetJson(const std::string& name) {
  const std::lock_guard lock(store_mutex_);
  DEIXIS_ASSIGN(DatasetStore* const store, StoreLocked(name));
  return DatasetJsonOf(name, *store);
}

void Project::PublishDataset(const std::string& name) {
  if (const auto json = DatasetJson(name); json.ok()) events_->Publish("dataset", *json);
}

}  // namespace deixis::studio
