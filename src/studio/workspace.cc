#include "studio/workspace.h"

#include "studio/job_plans.h"

namespace deixis::studio {

Result<std::unique_ptr<Workspace>> Workspace::Open(const std::string& folder,
                                                   const WorkspaceContext& context) {
  auto workspace = std::make_unique<Workspace>();
  DEIXIS_ASSIGN(workspace->project, Project::Open(folder, context.events));
  Project* const project = workspace->project.get();
  workspace->models = std::make_unique<Models>(project, context.events);
  const JobContext jobs{.project = project,
                        .models = workspace->models.get(),
                        .uploads = context.uploads,
                        .events = context.events,
                        .num_threads = context.num_threads,
                        .program = context.program};
  workspace->jobs =
      std::make_unique<Jobs>(project->folder() + "/jobs", context.events,
                             [jobs](const Json& request, const std::string& job_folder) {
                               return PlanJob(jobs, request, job_folder);
                             });
  workspace->live = std::make_unique<Live>(context.camera, context.events, project,
                                           workspace->models.get(), context.num_threads);
  return workspace;
}

}  // namespace deixis::studio
