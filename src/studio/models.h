// The models of a project, and those that the program brings along: what each is, how good it was
// found to be, and the bin for those that are deleted. A model's id is its name; nothing is ever
// replaced by another of the same name.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "studio/event_bus.h"
#include "studio/http/message.h"
#include "studio/project.h"

namespace deixis::studio {

// Safe from any thread.
class Models {
 public:
  // Both must outlive it.
  Models(Project* project, EventBus* events) : project_(project), events_(events) {}

  Json List() const;
  // With layers and provenance when `whole`.
  Result<Json> Describe(const std::string& id, bool whole) const;
  // kNotFound.
  Result<std::string> PathOf(const std::string& id) const;
  bool is_built_in(const std::string& id) const;

  // Moves a finished model file in, with what is known of it. kUsage when the name is taken.
  Status Admit(const std::string& file, const std::string& name, const Json& known);
  // Adds to what is known of a model.
  Status Note(const std::string& id, const Json& more);
  Status Rename(const std::string& id, const std::string& name);
  Status Delete(const std::string& id);
  Status Restore(const std::string& id);
  Json Deleted() const;
  // For its own task.
  Status Activate(const std::string& id);
  void Publish() const;

 private:
  // Size, time in seconds and nanoseconds, inode: a file in which none of these changed is the
  // same.
  using Identity = std::array<int64_t, 4>;

  Json Known(const std::string& id) const;
  // What the file itself tells; opened once for as long as it stays the same.
  Result<Json> ReadBrief(const std::string& path) const;

  Project* project_;
  EventBus* events_;
  mutable std::mutex mutex_;  // one change at a time
  mutable std::mutex cache_mutex_;
  mutable std::map<std::string, std::pair<Identity, Result<Json>>> cache_;  // by path
};

}  // namespace deixis::studio
