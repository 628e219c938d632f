// What each kind of job runs: requests of the page as command lines of this program.
#pragma once

#include <string>

#include "studio/jobs.h"
#include "studio/models.h"
#include "studio/project.h"
#include "studio/uploads.h"

namespace deixis::studio {

struct JobContext {
  Project* project = nullptr;
  Models* models = nullptr;
  Uploads* uploads = nullptr;
  EventBus* events = nullptr;
  int num_threads = 1;
  std::string program = "/proc/self/exe";  // deixis
};

// kUsage, kNotFound for what the request names.
Result<JobPlan> PlanJob(const JobContext& context, const Json& request, const std::string& folder);

}  // namespace deixis::studio
