// Live, and the project as a whole.
#include "studio/app.h"

namespace deixis::studio {

void AddLiveRoutes(App* app, Router& router) {
  router.Add({.method = "GET",
              .path = "/api/v1/live",
              .summary = "what looks at the camera",
              .handle = [app](const Request&) -> Reply { return app->live->StateJson(); }});
  router.Add({.method = "PUT",
              .path = "/api/v1/live",
              .summary = "look at the camera, or with other models, or speak",
              .handle = [app](const Request& request) -> Reply {
                const Status changed = app->live->Change(request.json);
                if (!changed.ok()) return changed.error();
                return app->live->StateJson();
              },
              .body = BodyKind::kJson,
              .fields = {{.name = "running", .kind = FieldKind::kBoolean},
                         {.name = "pointer", .nullable = true, .maximum = 120},
                         {.name = "objects", .nullable = true, .maximum = 120},
                         {.name = "compare", .nullable = true, .maximum = 120},
                         {.name = "speak", .kind = FieldKind::kBoolean}}});
  router.Add({.method = "DELETE",
              .path = "/api/v1/live",
              .summary = "look no longer",
              .handle = [app](const Request&) -> Reply {
                app->live->Stop();
                return app->live->StateJson();
              }});
  router.Add({.method = "POST",
              .path = "/api/v1/live/ask",
              .summary = "say it now",
              .handle = [app](const Request&) -> Reply {
                app->live->Ask();
                return Empty();
              }});
  router.Add({.method = "GET",
              .path = "/api/v1/projects",
              .summary = "the project that is open",
              .handle = [app](const Request&) -> Reply {
                return Json{{"projects", Json::array({app->project->ToJson()})}};
              }});
  router.Add({.method = "PATCH",
              .path = "/api/v1/projects/{project}",
              .summary = "another name for the project",
              .handle = [app](const Request& request) -> Reply {
                if (app->project->ToJson()["id"] != request.parameter("project")) {
                  return NotThere("another project is open");
                }
                DEIXIS_RETURN_IF_ERROR(
                    app->project->Rename(request.json["name"].get<std::string>()));
                app->events.Publish("project", app->project->ToJson());
                return app->project->ToJson();
              },
              .body = BodyKind::kJson,
              .fields = {{.name = "name", .required = true, .minimum = 1, .maximum = 100}}});
}

}  // namespace deixis::studio
