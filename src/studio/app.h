// What the studio consists of. Each part is safe from any thread; the routes join them.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "studio/camera_hub.h"
#include "studio/event_bus.h"
#include "studio/http/access.h"
#include "studio/http/router.h"
#include "studio/uploads.h"
#include "studio/workspace.h"

namespace deixis::studio {

struct AppOptions {
  std::string version;
  std::string program = "/proc/self/exe";  // deixis
  // Of the project that the studio was started with, which it holds until it ends: its own files
  // lie there, and other projects beside it.
  std::string home_folder;
  int num_threads = 1;  // of everything that computes
};

class App {
 public:
  App(AccessOptions access_options, AppOptions app_options);

  const AppOptions options;
  std::vector<std::string> reachable_addresses;  // "http://192.168.1.7:8480/"
  EventBus events;
  Access access;
  CameraHub camera;
  Uploads uploads;

  // The project that is open. Who holds it may use it to the end, whatever is opened meanwhile.
  std::shared_ptr<Workspace> workspace() const;
  // Opens the project in `folder`, made where it is missing, in place of the one that is open,
  // which stays open when this fails. Waits for all others who hold that one; the caller must not.
  // kBusy while a job runs, or another studio has the project.
  Status OpenProject(const std::string& folder);

 private:
  Result<std::unique_ptr<Workspace>> OpenWorkspace(const std::string& folder);

  std::mutex opening_mutex_;  // one at a time
  mutable std::mutex mutex_;  // of what follows
  std::shared_ptr<Workspace> workspace_;
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
void AddProjectRoutes(App* app, Router& router);
// All of them, with the page and the OpenAPI document.
void AddAllRoutes(App* app, Router& router);

}  // namespace deixis::studio
