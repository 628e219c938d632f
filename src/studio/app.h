// What the studio consists of. Each part is safe from any thread; the routes join them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "studio/camera_hub.h"
#include "studio/event_bus.h"
#include "studio/http/access.h"
#include "studio/http/router.h"
#include "studio/jobs.h"
#include "studio/live.h"
#include "studio/models.h"
#include "studio/project.h"
#include "studio/uploads.h"

namespace deixis::studio {

struct App {
  App(AccessOptions access_options, std::string program_version)
      : version(std::move(program_version)), access(std::move(access_options)), camera(&events) {}

  std::string version;
  std::string program;                           // deixis
  std::vector<std::string> reachable_addresses;  // "http://192.168.1.7:8480/"
  EventBus events;
  Access access;
  CameraHub camera;
  // Made in this order, and gone in the other.
  std::unique_ptr<Project> project;
  std::unique_ptr<Models> models;
  std::unique_ptr<Uploads> uploads;
  std::unique_ptr<Jobs> jobs;
  std::unique_ptr<Live> live;
};

// Everything, for who has just opened the page.
Json SnapshotJson(const App& app);

// `app` must outlive the router.
void AddSessionRoutes(App* app, Router& router);
void AddCameraRoutes(App* app, Router& router);
void AddDatasetRoutes(App* app, Router& router);
void AddModelRoutes(App* app, Router& router);
void AddJobRoutes(App* app, Router& router);
void AddLiveRoutes(App* app, Router& router);
// All of them, with the page and the OpenAPI document.
void AddAllRoutes(App* app, Router& router);

}  // namespace deixis::studio
