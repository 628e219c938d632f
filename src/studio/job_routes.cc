// Jobs, and the files that are sent for them.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/file.h"
#include "studio/app.h"

namespace deixis::studio {
namespace {

Reply Log(App* app, const Request& request) {
  const auto workspace = app->workspace();
  const std::string& id = request.parameter("job");
  if (!workspace->jobs->Find(id)) return NotThere("there is no job \"" + id + "\"");
  std::string text;
  for (const char* part : {"/progress", "/output"}) {
    if (auto said = ReadTextFile(workspace->jobs->FolderOf(id) + part); said.ok()) text += *said;
  }
  return Response{.headers = {{"Content-Type", "text/plain; charset=utf-8"}}, .body = text};
}

// What a job made for taking away: the archive of an export, or the report of a study, which is a
// page of its own that may run its own script and reach nothing.
Reply File(App* app, const Request& request) {
  const auto workspace = app->workspace();
  const std::string& id = request.parameter("job");
  const auto job = workspace->jobs->Find(id);
  if (!job) return NotThere("there is no job \"" + id + "\"");
  const bool is_archive = (*job)["kind"] == "export";
  const std::string path =
      workspace->jobs->FolderOf(id) + (is_archive ? "/dataset.zip" : "/report/index.html");
  FileBody body{.file = Descriptor(open(path.c_str(), O_RDONLY | O_CLOEXEC)), .bytes = 0};
  struct stat status = {};
  if ((*job)["state"] != "done" || !body.file.is_open() || fstat(body.file.get(), &status) != 0) {
    return NotThere("this job made no file");
  }
  body.bytes = status.st_size;
  Response response;
  if (is_archive) {
    const std::string name = (*job)["request"].value("dataset", "dataset");
    response.headers = {{"Content-Type", "application/zip"},
                        {"Content-Disposition", "attachment; filename=\"" + name + ".zip\""}};
  } else {
    response.headers = {
        {"Content-Type", "text/html; charset=utf-8"},
        {"Content-Security-Policy",
         "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
         "img-src data:; sandbox allow-scripts; frame-ancestors 'none'"},
        {"Content-Disposition", "attachment; filename=\"study.html\""}};
  }
  response.body = std::move(body);
  return response;
}

Reply TakeUpload(App* app, const Request& request) {
  std::string name = request.Query("name");
  if (name.size() > 255) name.resize(255);
  const int64_t bytes = request.upload_bytes;
  if (bytes == 0) {
    unlink(request.upload_path.c_str());
    return BadRequest("", "the body is empty", "Send the file as the body.");
  }
  DEIXIS_ASSIGN(const std::string id, app->uploads.Take(request.upload_path, name));
  return JsonResponse({{"upload", id}, {"name", name}, {"bytes", bytes}}, 201);
}

const std::vector<Field>& JobFields() {
  static const std::vector<Field> kFields = {
      {.name = "kind",
       .required = true,
       .allowed = "teach|finetune|evaluate|compress|study|import|export"},
      {.name = "dataset", .nullable = true, .allowed = "things|pointing"},
      {.name = "model", .nullable = true, .maximum = 120},
      {.name = "backbone", .nullable = true, .maximum = 120},
      {.name = "name", .help = "of the model to be made", .nullable = true, .maximum = 100},
      {.name = "upload", .help = "what to import", .nullable = true, .maximum = 64},
      {.name = "category", .nullable = true, .maximum = 100},
      {.name = "layout", .nullable = true, .allowed = "tables|imagefolder|names"},
      {.name = "split", .nullable = true, .allowed = "held_out|train|all"},
      {.name = "epochs",
       .kind = FieldKind::kInteger,
       .nullable = true,
       .minimum = 1,
       .maximum = 1000},
      {.name = "batch",
       .kind = FieldKind::kInteger,
       .nullable = true,
       .minimum = 1,
       .maximum = 1024},
      {.name = "freeze", .nullable = true, .allowed = "none|stem|backbone"},
      {.name = "learning_rate",
       .kind = FieldKind::kNumber,
       .nullable = true,
       .minimum = 1e-8,
       .maximum = 10},
      {.name = "granularity", .nullable = true, .allowed = "group|row|tensor"},
      {.name = "prune", .kind = FieldKind::kBoolean, .nullable = true},
      {.name = "activations", .nullable = true, .allowed = "int8"},
      {.name = "layers", .nullable = true, .maximum = 1000},
      {.name = "layer", .nullable = true, .maximum = 200},
      {.name = "target_bytes", .kind = FieldKind::kInteger, .nullable = true, .minimum = 1},
      {.name = "max_drop",
       .kind = FieldKind::kNumber,
       .nullable = true,
       .minimum = 0,
       .maximum = 100},
  };
  return kFields;
}

// "centroids" is a number for compress, a list for study.
Reply Post(App* app, const Request& request) {
  const auto centroids = request.json.find("centroids");
  if (centroids != request.json.end() && !centroids->is_null()) {
    const bool is_study = request.json["kind"] == "study";
    const auto fits = [](const Json& k) {
      return k.is_number_integer() && k.get<int64_t>() >= 2 && k.get<int64_t>() <= 256;
    };
    const bool is_good = is_study ? centroids->is_array() && !centroids->empty() &&
                                        std::all_of(centroids->begin(), centroids->end(), fits)
                                  : fits(*centroids);
    if (!is_good) {
      return BadRequest("centroids", is_study ? "\"centroids\" must be a list of 2 to 256"
                                              : "\"centroids\" must be 2 to 256");
    }
  }
  return app->workspace()->jobs->Start(request.json);
}

}  // namespace

void AddJobRoutes(App* app, Router& router) {
  const std::string base = "/api/v1/jobs";
  router.Add({.method = "GET",
              .path = base,
              .summary = "jobs, the newest first",
              .handle = [app](const Request&) -> Reply {
                return Json{{"jobs", app->workspace()->jobs->List()}};
              }});
  router.Add({.method = "POST",
              .path = base,
              .summary = "start a job",
              .handle = [app](const Request& request) { return Post(app, request); },
              .body = BodyKind::kJson,
              .fields = JobFields()});
  router.Add({.method = "GET",
              .path = base + "/{job}",
              .summary = "a job with its curve and result",
              .handle = [app](const Request& request) -> Reply {
                const auto job = app->workspace()->jobs->Find(request.parameter("job"));
                if (!job) return NotThere("there is no such job");
                return *job;
              }});
  router.Add({.method = "DELETE",
              .path = base + "/{job}",
              .summary = "cancel it; forget it when it has ended",
              .handle = [app](const Request& request) {
                return app->workspace()->jobs->CancelOrForget(request.parameter("job"));
              }});
  router.Add({.method = "POST",
              .path = base + "/{job}/resume",
              .summary = "go on from its last checkpoint",
              .handle = [app](const Request& request) {
                return app->workspace()->jobs->Resume(request.parameter("job"));
              }});
  router.Add({.method = "GET",
              .path = base + "/{job}/log",
              .summary = "what its process said",
              .handle = [app](const Request& request) { return Log(app, request); },
              .answers = "text/plain"});
  router.Add({.method = "GET",
              .path = base + "/{job}/file",
              .summary = "the file that it made",
              .handle = [app](const Request& request) { return File(app, request); },
              .answers = "application/octet-stream"});
  router.Add({.method = "POST",
              .path = "/api/v1/uploads",
              .summary = "send a file, for a job or as a model",
              .handle = [app](const Request& request) { return TakeUpload(app, request); },
              .body = BodyKind::kFile,
              .query = {{"name", "what the file is called"}}});
  router.Add({.method = "DELETE",
              .path = "/api/v1/uploads/{upload}",
              .summary = "an upload is not wanted any more",
              .handle = [app](const Request& request) -> Reply {
                if (!app->uploads.Remove(request.parameter("upload"))) {
                  return NotThere("there is no such upload");
                }
                return Empty();
              }});
}

}  // namespace deixis::studio
