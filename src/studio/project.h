// A project: a folder with two datasets, models, and jobs.
//
//   project.json   its name, and which models are active
//   things/        pictures in categories, "nothing" among them (a plain dataset folder)
//   pointing/      pictures with the fingertip and the knuckle marked
//   models/        NAME.safetensors, with what is known of each in NAME.json
//   bin/           models that were deleted
//   jobs/          a folder per job
//   .studio/       the server's own, for its owner alone
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/file_lock.h"
#include "base/result.h"
#include "studio/event_bus.h"
#include "studio/http/message.h"
#include "vision/dataset_store.h"

namespace deixis::studio {

// Categories of the points of a picture that shows a finger. In order of their names: the first is
// what a model's first point is.
inline constexpr char kFingertip[] = "fingertip";
inline constexpr char kKnuckle[] = "knuckle";

// A name that can be a file's: not empty, not hidden, at most 100 bytes, nothing of a path in it.
Status CheckName(const std::string& name);

// Absolute, and without a slash at its end, so that its last part is its name.
std::string PlainPath(const std::string& folder);

// Holds the project in `folder`, which is made where it is missing, against other studios. kBusy
// names the process that has it.
Result<FileLock> LockProject(const std::string& folder);

// The projects that lie in `parent`, by name. Folders that hold none are passed over.
Json ListProjects(const std::string& parent, const std::string& open_folder);

// Safe from any thread.
class Project {
 public:
  // Made where it is missing. The folder's own name is its id.
  static Result<std::unique_ptr<Project>> Open(const std::string& folder, EventBus* events);

  const std::string& folder() const { return folder_; }
  std::string id() const;
  std::string ModelPath(const std::string& name) const {
    return folder_ + "/models/" + name + ".safetensors";
  }
  Json ToJson() const;
  std::string name() const;
  Status Rename(const std::string& name);

  // Which model `role` ("objects", "pointer") uses; empty for none.
  std::string Active(const std::string& role) const;
  Status SetActive(const std::string& role, const std::string& model);

  // Calls `work` with the dataset ("things", "pointing"), alone with it, after what other processes
  // did to it was taken in. Null when there is no dataset of that name or it cannot be opened, with
  // why in `status`.
  Reply WithDataset(const std::string& name, const std::function<Reply(DatasetStore&)>& work);
  Result<Json> DatasetJson(const std::string& name);
  // Tells the pages that a dataset has changed.
  void PublishDataset(const std::string& name);

 private:
  Project(std::string folder, EventBus* events) : folder_(std::move(folder)), events_(events) {}
  Status SaveLocked() const;
  Result<DatasetStore*> StoreLocked(const std::string& name);

  std::string folder_;
  EventBus* events_;
  mutable std::mutex mutex_;  // of what follows
  Json record_;
  mutable std::mutex store_mutex_;
  std::map<std::string, std::unique_ptr<DatasetStore>> stores_;
};

Json DatasetJsonOf(const std::string& name, DatasetStore& store);
Json SampleJson(const StoredSample& sample);

}  // namespace deixis::studio
