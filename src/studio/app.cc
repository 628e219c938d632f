#include "studio/app.h"

#include <sys/sysinfo.h>

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

Json SnapshotJson(const App& app) {
  Json datasets = Json::object();
  for (const char* name : {"things", "pointing"}) {
    const auto dataset = app.project->DatasetJson(name);
    datasets[name] = dataset.ok() ? *dataset : Json(nullptr);
  }
  return {{"version", app.version},
          {"boot", app.events.boot()},
          {"secure", app.access.secure()},
          {"memory", MemoryJson()},
          {"can", {{"finetune", FindTrainer().ok()}}},
          {"project", app.project->ToJson()},
          {"datasets", datasets},
          {"camera", app.camera.StatusJson()},
          {"models", app.models->List()},
          {"jobs", app.jobs->List()},
          {"live", app.live->StateJson()}};
}

void AddAllRoutes(App* app, Router& router) {
  AddPageRoutes(&app->access, router);
  AddSessionRoutes(app, router);
  AddCameraRoutes(app, router);
  AddDatasetRoutes(app, router);
  AddModelRoutes(app, router);
  AddJobRoutes(app, router);
  AddLiveRoutes(app, router);
  router.Add(
      {.method = "GET",
       .path = "/api/v1/openapi.json",
       .summary = "this interface, in OpenAPI 3.1",
       .handle = [app, &router](const Request&) -> Reply { return router.OpenApi(app->version); }});
}

}  // namespace deixis::studio
