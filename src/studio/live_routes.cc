// Live.
#include "studio/app.h"

namespace deixis::studio {

void AddLiveRoutes(App* app, Router& router) {
  router.Add(
      {.method = "GET",
       .path = "/api/v1/live",
       .summary = "what looks at the camera",
       .handle = [app](const Request&) -> Reply { return app->workspace()->live->StateJson(); }});
  router.Add({.method = "PUT",
              .path = "/api/v1/live",
              .summary = "look at the camera, or with other models, or speak",
              .handle = [app](const Request& request) -> Reply {
                const Status changed = app->workspace()->live->Change(request.json);
                if (!changed.ok()) return changed.error();
                return app->workspace()->live->StateJson();
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
                app->workspace()->live->Stop();
                return app->workspace()->live->StateJson();
              }});
  router.Add({.method = "POST",
              .path = "/api/v1/live/ask",
              .summary = "say it now",
              .handle = [app](const Request&) -> Reply {
                app->workspace()->live->Ask();
                return Empty();
              }});
}

}  // namespace deixis::studio
