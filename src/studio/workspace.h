// The project that is open and all that works on it, made together and gone together.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/file_lock.h"
#include "base/result.h"
#include "studio/camera_hub.h"
#include "studio/event_bus.h"
#include "studio/jobs.h"
#include "studio/live.h"
#include "studio/models.h"
#include "studio/project.h"
#include "studio/uploads.h"

namespace deixis::studio {

// What a workspace uses of the studio around it.
struct WorkspaceContext {
  EventBus* events = nullptr;
  CameraHub* camera = nullptr;
  Uploads* uploads = nullptr;
  int num_threads = 1;
  std::string program = "/proc/self/exe";  // deixis: what jobs run
};

struct Workspace {
  // Opens the project in `folder`, which is made where it is missing. What `context` names must
  // outlive it. Nobody else may have the project open (LockProject).
  static Result<std::unique_ptr<Workspace>> Open(const std::string& folder,
                                                 const WorkspaceContext& context);

  // Made in this order, and gone in the other.
  std::optional<FileLock> lock;  // none where the studio itself holds it
  std::unique_ptr<Project> project;
  std::unique_ptr<Models> models;
  std::unique_ptr<Jobs> jobs;
  std::unique_ptr<Live> live;
};

}  // namespace deixis::studio
