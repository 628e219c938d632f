#include "studio/models.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <set>

#include "base/file.h"
#include "network/model.h"
#include "network/model_size.h"
#include "pipeline/shipped_models.h"

namespace deixis::studio {
namespace {

namespace fs = std::filesystem;

constexpr char kEnding[] = ".safetensors";

// The models that come with the program.
std::vector<std::pair<std::string, std::string>> BuiltIn() {
  std::vector<std::pair<std::string, std::string>> found;
  const auto backbone = FindShippedModel(kShippedBackbone);
  if (!backbone.ok()) return found;
  std::error_code error;
  for (fs::directory_iterator entry(fs::path(*backbone).parent_path(), error), end;
       !error && entry != end; entry.increment(error)) {
    if (entry->path().extension() != kEnding) continue;
    found.emplace_back("built-in " + entry->path().stem().string(), entry->path().string());
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::string TimeOf(const std::string& path) {
  std::error_code error;
  const auto written = fs::last_write_time(path, error);
  if (error) return {};
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(
      std::chrono::file_clock::to_sys(written).time_since_epoch());
  const std::time_t time = seconds.count();
  std::tm parts = {};
  gmtime_r(&time, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

std::string StorageOf(const WeightStorage& weight) {
  const auto* palettized = std::get_if<PalettizedTensor>(&weight);
  if (palettized == nullptr) return "dense";
  return std::to_string(palettized->bits_per_index()) +
         "-bit, K=" + std::to_string(palettized->num_centroids);
}

int64_t BytesOf(const WeightStorage& weight) {
  const auto* dense = std::get_if<Tensor>(&weight);
  return dense != nullptr ? dense->num_bytes() : std::get<PalettizedTensor>(weight).num_bytes();
}

// Fails where something of that name is there already, whoever made it in between.
Status MoveWithoutReplacing(const std::string& from, const std::string& to) {
  if (renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return Ok();
  if (errno == EEXIST) {
    return UsageError("there is a model \"" + fs::path(to).stem().string() + "\" already",
                      "use another name");
  }
  if (errno == ENOENT) return NotFound(from + " is not there");
  return ResourceError(to + ": cannot be written", "make room on the disk");
}

Json LayersOf(const Model& model) {
  Json layers = Json::array();
  for (const Node& node : model.graph.nodes) {
    const auto found = model.layers.find(node.name);
    if (found == model.layers.end()) continue;
    const WeightStorage& weight = found->second.weight;
    const Shape& shape = WeightShape(weight);
    int64_t count = 1;
    for (const int64_t extent : shape) count *= extent;
    layers.push_back({{"name", node.name},
                      {"shape", shape},
                      {"nodes", shape.at(0)},
                      {"weights", count},
                      {"weights_per_node", count / std::max<int64_t>(1, shape.at(0))},
                      {"bytes", BytesOf(weight)},
                      {"storage", StorageOf(weight)}});
  }
  return layers;
}

// How most of the weights are stored.
std::string StorageText(const Model& model) {
  std::map<std::string, int64_t> bytes;
  for (const auto& [name, layer] : model.layers) {
    bytes[StorageOf(layer.weight)] += BytesOf(layer.weight);
  }
  std::string most = "dense";
  int64_t most_bytes = -1;
  for (const auto& [storage, size] : bytes) {
    if (size > most_bytes) most = storage, most_bytes = size;
  }
  return most;
}

// What a model's file alone tells.
Json BriefOf(const Model& model) {
  return {
      {"task", model.task == Task::kClassify ? "classify" : "locate"},
      {"architecture", model.architecture.name},
      {"categories", model.class_names},
      {"tells_presence", model.tells_presence},
      {"input",
       {{"height_px", model.preprocessing.height_px}, {"width_px", model.preprocessing.width_px}}},
      {"fp32_bytes", Fp32Bytes(model.graph)},
      {"storage", StorageText(model)},
      {"activations", model.activations.empty() ? Json(nullptr) : Json("int8")}};
}

}  // namespace

bool Models::is_built_in(const std::string& id) const {
  const auto built_in = BuiltIn();
  return std::any_of(built_in.begin(), built_in.end(),
                     [&](const auto& item) { return item.first == id; });
}

Result<std::string> Models::PathOf(const std::string& id) const {
  for (const auto& [name, path] : BuiltIn()) {
    if (name == id) return path;
  }
  DEIXIS_RETURN_IF_ERROR(CheckName(id));
  const std::string path = project_->ModelPath(id);
  std::error_code ignored;
  if (fs::is_regular_file(path, ignored)) return path;
  return NotFound("there is no model \"" + id + "\"", "GET /api/v1/models lists those there are");
}

Json Models::Known(const std::string& id) const {
  auto text = ReadTextFile(project_->folder() + "/models/" + id + ".json");
  Json known = text.ok() ? Json::parse(*text, nullptr, false) : Json::object();
  return known.is_object() ? known : Json::object();
}

Result<Json> Models::ReadBrief(const std::string& path) const {
  struct stat status = {};
  if (stat(path.c_str(), &status) != 0) return NotFound(path + " is not there");
  const Identity identity{status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec,
                          static_cast<int64_t>(status.st_ino)};
  {
    const std::lock_guard lock(cache_mutex_);
    const auto found = cache_.find(path);
    if (found != cache_.end() && found->second.first == identity) return found->second.second;
  }
  auto model = LoadModel(path);
  Result<Json> brief = model.ok() ? Result<Json>(BriefOf(*model)) : model.error();
  const std::lock_guard lock(cache_mutex_);
  cache_.insert_or_assign(path, std::pair(identity, brief));
  return brief;
}

Result<Json> Models::Describe(const std::string& id, bool whole) const {
  DEIXIS_ASSIGN(const std::string path, PathOf(id));
  DEIXIS_ASSIGN(const Json brief, ReadBrief(path));
  std::error_code ignored;
  const std::string role = brief["task"] == "classify" ? "objects" : "pointer";
  const Json known = Known(id);
  Json json{{"id", id},
            {"name", id},
            {"is_built_in", is_built_in(id)},
            {"active", project_->Active(role) == id ? Json::array({role}) : Json::array()},
            {"file_bytes", fs::file_size(path, ignored)},
            {"created", TimeOf(path)},
            {"made_from", known.value("made_from", Json(nullptr))},
            {"made_by", known.value("made_by", Json(nullptr))},
            {"score", known.value("score", Json(nullptr))},
            {"latency_ms", known.value("latency_ms", Json(nullptr))}};
  json.update(brief);
  if (whole) {
    DEIXIS_ASSIGN(const Model model, LoadModel(path));
    json["layers"] = LayersOf(model);
    Json provenance = Json::object();
    for (const auto& [name, value] : model.provenance) provenance[name] = value;
    json["provenance"] = provenance;
  }
  return json;
}

Json Models::List() const {
  std::set<std::string> ids;
  std::error_code error;
  for (fs::directory_iterator entry(project_->folder() + "/models", error), end;
       !error && entry != end; entry.increment(error)) {
    if (entry->path().extension() == kEnding) ids.insert(entry->path().stem().string());
  }
  Json list = Json::array();
  const auto add = [&](const std::string& id) {
    auto json = Describe(id, false);
    if (json.ok()) {
      list.push_back(std::move(*json));
    } else {
      // A file that somebody else put there: named, with what is wrong.
      list.push_back({{"id", id}, {"name", id}, {"error", json.error().message}});
    }
  };
  for (const std::string& id : ids) add(id);
  for (const auto& [id, path] : BuiltIn()) add(id);
  return list;
}

Json Models::Deleted() const {
  Json list = Json::array();
  std::error_code error;
  for (fs::directory_iterator entry(project_->folder() + "/bin", error), end;
       !error && entry != end; entry.increment(error)) {
    if (entry->path().extension() != kEnding) continue;
    list.push_back({{"id", entry->path().stem().string()}, {"deleted", TimeOf(entry->path())}});
  }
  return list;
}

void Models::Publish() const { events_->Publish("models", {{"models", List()}}); }

Status Models::Admit(const std::string& file, const std::string& name, const Json& known) {
  DEIXIS_RETURN_IF_ERROR(CheckName(name));
  {
    const std::lock_guard lock(mutex_);
    DEIXIS_RETURN_IF_ERROR(MoveWithoutReplacing(file, project_->ModelPath(name)));
    DEIXIS_RETURN_IF_ERROR(WriteFileAtomically(project_->folder() + "/models/" + name + ".json",
                                               known.dump(1) + "\n"));
  }
  Publish();
  return Ok();
}

Status Models::Note(const std::string& id, const Json& more) {
  if (is_built_in(id)) return Ok();
  {
    const std::lock_guard lock(mutex_);
    Json known = Known(id);
    known.update(more);
    DEIXIS_RETURN_IF_ERROR(
        WriteFileAtomically(project_->folder() + "/models/" + id + ".json", known.dump(1) + "\n"));
  }
  Publish();
  return Ok();
}

Status Models::Rename(const std::string& id, const std::string& name) {
  DEIXIS_RETURN_IF_ERROR(CheckName(name));
  DEIXIS_ASSIGN(const std::string path, PathOf(id));
  {
    const std::lock_guard lock(mutex_);
    DEIXIS_RETURN_IF_ERROR(MoveWithoutReplacing(path, project_->ModelPath(name)));
    (void)MoveWithoutReplacing(project_->folder() + "/models/" + id + ".json",
                               project_->folder() + "/models/" + name + ".json");
    for (const char* role : {"objects", "pointer"}) {
      if (project_->Active(role) == id) DEIXIS_RETURN_IF_ERROR(project_->SetActive(role, name));
    }
  }
  Publish();
  return Ok();
}

Status Models::Delete(const std::string& id) {
  DEIXIS_ASSIGN(const std::string path, PathOf(id));
  {
    const std::lock_guard lock(mutex_);
    const std::string bin = project_->folder() + "/bin/" + id;
    std::error_code ignored;
    // Of two that were deleted with one name the later stays.
    fs::rename(project_->folder() + "/models/" + id + ".json", bin + ".json", ignored);
    std::error_code error;
    fs::rename(path, bin + kEnding, error);
    if (error) return ResourceError(path + ": " + error.message(), "look at the folder's rights");
  }
  Publish();
  return Ok();
}

Status Models::Restore(const std::string& id) {
  DEIXIS_RETURN_IF_ERROR(CheckName(id));
  {
    const std::lock_guard lock(mutex_);
    const std::string bin = project_->folder() + "/bin/" + id;
    DEIXIS_RETURN_IF_ERROR(MoveWithoutReplacing(bin + kEnding, project_->ModelPath(id)));
    (void)MoveWithoutReplacing(bin + ".json", project_->folder() + "/models/" + id + ".json");
  }
  Publish();
  return Ok();
}

Status Models::Activate(const std::string& id) {
  DEIXIS_ASSIGN(const Json json, Describe(id, false));
  DEIXIS_RETURN_IF_ERROR(
      project_->SetActive(json["task"] == "classify" ? "objects" : "pointer", id));
  Publish();
  return Ok();
}

}  // namespace deixis::studio
