// Live: the camera's frames looked at as they come, by the models that are active or chosen, with
// everything told that a page can draw; and spoken, if that is wanted.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/result.h"
#include "studio/camera_hub.h"
#include "studio/event_bus.h"
#include "studio/models.h"
#include "studio/project.h"

namespace deixis::studio {

struct LiveChoice {
  std::string pointer;  // empty: the whole picture is named
  std::string objects;  // empty: the dot alone
  std::string compare;  // a second model for the task of `objects`, else of `pointer`
  bool speak = false;
};

// Safe from any thread.
class Live {
 public:
  // All must outlive it.
  Live(CameraHub* camera, EventBus* events, Project* project, Models* models, int num_threads)
      : camera_(camera),
        events_(events),
        project_(project),
        models_(models),
        num_threads_(num_threads) {}
  ~Live() { Stop(); }

  // What `request` names; what it leaves out stays as it is, or is what is active.
  Status Change(const Json& request);
  void Stop();
  void Ask();
  Json StateJson() const;

 private:
  class Watcher;

  CameraHub* camera_;
  EventBus* events_;
  Project* project_;
  Models* models_;
  int num_threads_;
  std::mutex change_mutex_;
  mutable std::mutex mutex_;
  LiveChoice choice_;
  std::shared_ptr<Watcher> watcher_;
};

}  // namespace deixis::studio
