// Work that takes long: each job is a child process of this program (or deixis-train), so that what
// runs out of memory or is killed takes nothing else with it. What it says goes to files in the
// job's folder, and its record is written when it begins and when it ends: a page that is loaded
// again finds it, and so does a server that is started again.
#pragma once

#include <sys/types.h>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "studio/event_bus.h"
#include "studio/http/message.h"

namespace deixis::studio {

// What a job runs, and what is to be done with what it made.
struct JobPlan {
  std::vector<std::string> command;         // the program first
  std::vector<std::string> resume_command;  // empty: it cannot go on where it was
  std::string checkpoint_path;              // there is something to go on from when this is there
  bool is_heavy = true;
  // Called when the process has ended well, with what it wrote on its stdout as JSON (the last line
  // of several); gives the job's result, and may add to the job ("model").
  std::function<Result<Json>(const Json& output, Json& job)> finish;
};

// Safe from any thread.
class Jobs {
 public:
  using Planner = std::function<Result<JobPlan>(const Json& request, const std::string& folder)>;

  // Jobs that were running when the server ended are marked so. `events` must outlive it.
  Jobs(std::string folder, EventBus* events, Planner planner);
  ~Jobs();  // ends the job that runs
  Jobs(const Jobs&) = delete;
  Jobs& operator=(const Jobs&) = delete;

  Reply Start(const Json& request);
  Reply Resume(const std::string& id);
  Reply CancelOrForget(const std::string& id);
  Json List() const;                                      // without curves and results
  std::optional<Json> Find(const std::string& id) const;  // whole
  std::string FolderOf(const std::string& id) const { return folder_ + "/" + id; }
  // No job starts until Reopen. kBusy while one runs.
  Status Close();
  void Reopen();

 private:
  struct Running {
    std::string id;
    pid_t pid = -1;
    JobPlan plan;
    int64_t started_ms = 0;
    int64_t published_ms = 0;
    int64_t told_bytes = 0;  // of the progress file
    int64_t said_bytes = 0;  // of the output, for programs that tell their progress there
    std::string told_rest;
    std::string said_rest;
    bool is_cancelled = false;
  };
  Result<JobPlan> PlanLocked(const Json& job) const;
  Status SpawnLocked(const std::string& id, JobPlan plan, bool resumes);
  void Watch();
  bool ReadProgress(Running& running, Json& job);
  void TakeLine(const std::string& line, Json& job);
  void EndLocked(Running& running, int wait_status, int64_t peak_rss_bytes);
  void SaveLocked(const std::string& id);
  void Load();
  Json BriefLocked(const Json& job) const;

  std::string folder_;
  EventBus* events_;
  Planner planner_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Json> jobs_;  // by id, which sort by time
  std::vector<Running> running_;
  std::vector<std::pair<std::string, bool>> to_start_;  // id, whether it goes on
  bool is_closed_ = false;
  bool is_ending_ = false;
  std::thread watcher_;  // starts the processes too: a child ends with the thread that made it
};

}  // namespace deixis::studio
