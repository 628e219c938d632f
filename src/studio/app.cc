#include "studio/app.h"

#include <sys/sysinfo.h>

#include <chrono>
#include <thread>

#include "pipeline/trainer_program.h"
#include "studio/page.h"

namespace deixis::studio {
namespace {

Json MemoryJson() {
  struct sysinfo info = {};
  if (sysinfo(&info) != 0) return nullptr;
  const auto unit = static_cast<int64_t>(info.mem_unit);
  return {{"total_bytes", static_cast<int64_t>(info.totalram) * unit},
          {"available_bytes", static_cast<int64_t>(info.freeram + info.bufferram) * unit}};
}

}  // namespace

App::App(AccessOptions access_options, AppOptions app_options)
    : options(std::move(app_options)),
      access(std::move(access_options)),
      camera(&events),
      uploads(options.home_folder + "/.studio") {}

std::shared_ptr<Workspace> App::workspace() const {
  const std::lock_guard lock(mutex_);
  return workspace_;
}

Result<std::unique_ptr<Workspace>> App::OpenWorkspace(const std::string& folder) {
  std::optional<FileLock> lock;
  if (folder != options.home_folder) {
    DEIXIS_ASSIGN(lock, LockProject(folder));
  }
  DEIXIS_ASSIGN(auto workspace, Workspace::Open(folder, {.events = &events,
                                                         .camera = &camera,
                                                         .uploads = &uploads,
                                                         .num_threads = options.num_threads,
                                                         .program = options.program}));
  workspace->lock = std::move(lock);
  return workspace;
}

Status App::OpenProject(const std::string& folder) {
  const std::lock_guard opening(opening_mutex_);
  auto before = workspace();
  if (before != nullptr) {
    if (before->project->folder() == folder) return Ok();
    DEIXIS_RETURN_IF_ERROR(before->jobs->Close());
  }
  auto opened = OpenWorkspace(folder);
  if (!opened.ok()) {
    if (before != nullptr) before->jobs->Reopen();
    return std::move(opened).error();
  }
  const std::shared_ptr<Workspace> next = std::move(*opened);
  if (before != nullptr) before->live->Stop();
  {
    const std::lock_guard lock(mutex_);
    workspace_ = next;
  }
  if (before == nullptr) return Ok();
  // Nobody gets at it any more: those who do go first, so that it can be opened again at once.
  while (before.use_count() > 1) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  before.reset();
  events.Publish("project", next->project->ToJson());
  return Ok();
}

Json SnapshotJson(const App& app) {
  const auto workspace = app.workspace();
  Json datasets = Json::object();
  for (const char* name : {"things", "pointing"}) {
    const auto dataset = workspace->project->DatasetJson(name);
    datasets[name] = dataset.ok() ? *dataset : Json(nullptr);
  }
  return {{"version", app.options.version},
          {"boot", app.events.boot()},
          {"secure", app.access.secure()},
          {"memory", MemoryJson()},
          {"can", {{"finetune", FindTrainer().ok()}}},
          {"project", workspace->project->ToJson()},
          {"datasets", datasets},
          {"camera", app.camera.StatusJson()},
          {"models", workspace->models->List()},
          {"jobs", workspace->jobs->List()},
          {"live", workspace->live->StateJson()}};
}

void AddAllRoutes(App* app, Router& router) {
  AddPageRoutes(&app->access, router);
  AddSessionRoutes(app, router);
  AddCameraRoutes(app, router);
  AddDatasetRoutes(app, router);
  AddModelRoutes(app, router);
  AddJobRoutes(app, router);
  AddLiveRoutes(app, router);
  AddProjectRoutes(app, router);
  router.Add({.method = "GET",
              .path = "/api/v1/openapi.json",
              .summary = "this interface, in OpenAPI 3.1",
              .handle = [app, &router](const Request&) -> Reply {
                return router.OpenApi(app->options.version);
              }});
}

}  // namespace deixis::studio
