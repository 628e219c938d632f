// The project that is open, and those that lie beside it.
#include <filesystem>

#include "studio/app.h"

namespace deixis::studio {
namespace {

// Beside the project that the studio was started with. kUsage for what is no name.
Result<std::string> FolderOf(const App& app, const std::string& id) {
  DEIXIS_RETURN_IF_ERROR(CheckName(id));
  return (std::filesystem::path(app.options.home_folder).parent_path() / id).string();
}

bool HoldsProject(const std::string& folder) {
  std::error_code ignored;
  return std::filesystem::is_regular_file(folder + "/project.json", ignored);
}

Reply List(App* app) {
  const std::string parent = std::filesystem::path(app->options.home_folder).parent_path().string();
  return Json{{"projects", ListProjects(parent, app->workspace()->project->folder())}};
}

Reply Create(App* app, const Request& request) {
  const std::string name = request.json["name"].get<std::string>();
  DEIXIS_ASSIGN(const std::string folder, FolderOf(*app, name));
  std::error_code ignored;
  if (std::filesystem::exists(folder, ignored)) {
    return Conflict("there is a folder \"" + name + "\" already",
                    HoldsProject(folder) ? "Open it, or use another name." : "Use another name.");
  }
  DEIXIS_RETURN_IF_ERROR(app->OpenProject(folder));
  return JsonResponse(app->workspace()->project->ToJson(), 201);
}

Reply OpenOther(App* app, const Request& request) {
  const std::string& id = request.parameter("project");
  DEIXIS_ASSIGN(const std::string folder, FolderOf(*app, id));
  if (!HoldsProject(folder)) return NotThere("there is no project \"" + id + "\"");
  DEIXIS_RETURN_IF_ERROR(app->OpenProject(folder));
  return app->workspace()->project->ToJson();
}

Reply RenameProject(App* app, const Request& request) {
  const auto workspace = app->workspace();
  if (workspace->project->id() != request.parameter("project")) {
    return NotThere("another project is open", "Open it first.");
  }
  DEIXIS_RETURN_IF_ERROR(workspace->project->Rename(request.json["name"].get<std::string>()));
  const Json json = workspace->project->ToJson();
  app->events.Publish("project", json);
  return json;
}

}  // namespace

void AddProjectRoutes(App* app, Router& router) {
  const std::string base = "/api/v1/projects";
  const std::vector<Field> name = {
      {.name = "name", .required = true, .minimum = 1, .maximum = 100}};
  router.Add({.method = "GET",
              .path = base,
              .summary = "the projects here, and which one is open",
              .handle = [app](const Request&) { return List(app); }});
  router.Add({.method = "POST",
              .path = base,
              .summary = "a new project, which is open from then on",
              .handle = [app](const Request& request) { return Create(app, request); },
              .body = BodyKind::kJson,
              .fields = name});
  router.Add({.method = "POST",
              .path = base + "/{project}/open",
              .summary = "go on with another project",
              .handle = [app](const Request& request) { return OpenOther(app, request); }});
  router.Add({.method = "PATCH",
              .path = base + "/{project}",
              .summary = "another name for the project that is open",
              .handle = [app](const Request& request) { return RenameProject(app, request); },
              .body = BodyKind::kJson,
              .fields = name});
}

}  // namespace deixis::studio
