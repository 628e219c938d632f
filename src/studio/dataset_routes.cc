// Collecting: samples of frames that were seen, pictures that are sent, marks, and taking it all
// back.
#include <algorithm>

#include "base/file.h"
#include "studio/app.h"
#include "vision/codecs.h"
#include "vision/image.h"

namespace deixis::studio {
namespace {

constexpr size_t kMostSamples = 500;
constexpr int64_t kThumbnailPx = 160;

Problem NoSample(const std::string& id) {
  return NotThere("there is no sample \"" + id + "\"",
                  "It may have been deleted; undo brings it "
                  "back.");
}

const StoredSample* FindSample(DatasetStore& store, const std::string& id) {
  const auto number = IntegerIn(id);
  return number ? store.Find(*number) : nullptr;
}

struct PictureExtent {
  int64_t height_px = 0;
  int64_t width_px = 0;
};

// "present" and "points" of a request as marks; untouched when neither is there.
std::optional<Problem> ReadMarks(const Json& json, const PictureExtent& extent, Marks& marks,
                                 bool& is_given) {
  const bool says_absent =
      json.contains("present") && json["present"].is_boolean() && !json["present"].get<bool>();
  const bool has_points = json.contains("points") && json["points"].is_array();
  is_given = says_absent || has_points;
  if (says_absent) {
    marks = {{kFingertip, std::nullopt}};
    return std::nullopt;
  }
  if (!has_points) return std::nullopt;
  for (const Json& point : json["points"]) {
    const auto number = [&](const char* name) -> std::optional<double> {
      const auto found = point.find(name);
      if (found == point.end() || !found->is_number()) return std::nullopt;
      const double value = found->get<double>();
      return value >= 0 && value <= 1 ? std::optional(value) : std::nullopt;
    };
    const auto x = number("x");
    const auto y = number("y");
    const bool is_named = point.contains("category") && point["category"].is_string();
    if (!x || !y || !is_named) {
      return BadRequest("points", "a point has a \"category\", and \"x\" and \"y\" from 0 to 1");
    }
    const std::string category = point["category"].get<std::string>();
    if (category != kFingertip && category != kKnuckle) {
      return BadRequest("points", "a point is a fingertip or a knuckle, not \"" + category + "\"");
    }
    const auto place = [](double share, int64_t pixels) {
      return std::clamp(share * static_cast<double>(pixels) - 0.5, 0.0,
                        static_cast<double>(pixels - 1));
    };
    marks[category] = Point{place(*x, extent.width_px), place(*y, extent.height_px)};
  }
  return std::nullopt;
}

// One picture into the dataset; the answer is the sample.
Reply AddOne(App* app, const std::string& dataset, DatasetStore& store, const NewSample& sample,
             const std::string& burst) {
  DEIXIS_ASSIGN(const Added added, store.Add(sample, {.burst = burst, .progress = {}}));
  if (added.refused) return *added.refused;
  const int64_t id = added.id ? *added.id : added.duplicate_of.value_or(-1);
  const StoredSample* stored = store.Find(id);
  if (stored == nullptr) {
    // The same picture lies in the bin, where it was thrown.
    return Conflict("the same picture was deleted from this dataset before",
                    "Undo brings it back.");
  }
  Json json = SampleJson(*stored);
  json["is_duplicate"] = added.duplicate_of.has_value();
  app->events.Publish("dataset", DatasetJsonOf(dataset, store));
  return JsonResponse(json, added.id ? 201 : 200);
}

Reply SaveFrame(App* app, const Request& request) {
  const std::string& dataset = request.parameter("dataset");
  const auto frame =
      app->camera.Find(static_cast<uint64_t>(request.json["frame_id"].get<int64_t>()));
  if (frame == nullptr) {
    return Problem{.status = 410,
                   .type = "frame-gone",
                   .title = "The frame is no longer kept",
                   .detail = "the frame is none of the last that were sent",
                   .remedy = "Freeze the picture before marking it.",
                   .code = ErrorCode::kNotFound};
  }
  return app->workspace()->project->WithDataset(dataset, [&](DatasetStore& store) -> Reply {
    NewSample sample;
    sample.picture = *frame->jpeg;
    sample.name = "frame " + std::to_string(frame->id);
    if (store.kind() == DatasetKind::kObjects) {
      sample.category = TextOf(request.json, "category");
      if (sample.category.empty()) return BadRequest("category", "\"category\" is missing");
    } else {
      bool is_given = false;
      if (auto problem = ReadMarks(request.json, {frame->height_px, frame->width_px}, sample.marks,
                                   is_given)) {
        return *problem;
      }
    }
    return AddOne(app, dataset, store, sample, TextOf(request.json, "burst"));
  });
}

Reply SavePicture(App* app, const Request& request) {
  const std::string& dataset = request.parameter("dataset");
  return app->workspace()->project->WithDataset(dataset, [&](DatasetStore& store) -> Reply {
    NewSample sample;
    sample.picture = std::as_bytes(std::span(request.body));
    sample.name = "the picture";
    if (store.kind() == DatasetKind::kObjects) {
      sample.category = request.Query("category");
      if (sample.category.empty()) return BadRequest("category", "\"category\" is missing");
    }
    return AddOne(app, dataset, store, sample, request.Query("burst").substr(0, 64));
  });
}

Reply List(App* app, const Request& request) {
  const auto offset = IntegerIn(request.Query("offset")).value_or(0);
  const auto limit = IntegerIn(request.Query("limit")).value_or(100);
  const std::string category = request.Query("category");
  const bool unmarked = request.Query("unmarked") == "true";
  if (offset < 0 || limit < 0) return BadRequest("offset", "\"offset\" and \"limit\" count from 0");
  return app->workspace()->project->WithDataset(
      request.parameter("dataset"), [&](DatasetStore& store) -> Reply {
        Json samples = Json::array();
        int64_t total = 0;
        const auto& all = store.samples();
        for (auto sample = all.rbegin(); sample != all.rend(); ++sample) {
          if (!category.empty() && sample->category != category &&
              !sample->marks.contains(category)) {
            continue;
          }
          if (unmarked && !sample->marks.empty()) continue;
          const bool is_shown = total >= offset && total < offset + limit;
          if (is_shown && samples.size() < kMostSamples) samples.push_back(SampleJson(*sample));
          ++total;
        }
        return Json{{"total", total}, {"samples", samples}};
      });
}

Reply Change(App* app, const Request& request) {
  const std::string& dataset = request.parameter("dataset");
  return app->workspace()->project->WithDataset(dataset, [&](DatasetStore& store) -> Reply {
    const StoredSample* sample = FindSample(store, request.parameter("sample"));
    if (sample == nullptr) return NoSample(request.parameter("sample"));
    const int64_t id = sample->id;
    if (store.kind() == DatasetKind::kObjects) {
      const std::string category = TextOf(request.json, "category");
      if (category.empty()) return BadRequest("category", "\"category\" is missing");
      DEIXIS_RETURN_IF_ERROR(store.Relabel(std::span(&id, 1), category));
    } else {
      Marks marks;
      bool is_given = false;
      if (auto problem =
              ReadMarks(request.json, {sample->height_px, sample->width_px}, marks, is_given)) {
        return *problem;
      }
      // "present": null takes the marks away.
      DEIXIS_RETURN_IF_ERROR(store.SetMarks(id, marks));
    }
    const Json json = SampleJson(*store.Find(id));
    app->events.Publish("dataset", DatasetJsonOf(dataset, store));
    return json;
  });
}

Reply Delete(App* app, const Request& request, const std::vector<std::string>& texts) {
  const std::string& dataset = request.parameter("dataset");
  return app->workspace()->project->WithDataset(dataset, [&](DatasetStore& store) -> Reply {
    std::vector<int64_t> ids;
    for (const std::string& text : texts) {
      const StoredSample* sample = FindSample(store, text);
      if (sample == nullptr) return NoSample(text);
      ids.push_back(sample->id);
    }
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    if (!ids.empty()) DEIXIS_RETURN_IF_ERROR(store.Delete(ids));
    app->events.Publish("dataset", DatasetJsonOf(dataset, store));
    return Json{{"deleted", ids.size()}};
  });
}

Reply StepBack(App* app, const Request& request, bool forward) {
  const std::string& dataset = request.parameter("dataset");
  return app->workspace()->project->WithDataset(dataset, [&](DatasetStore& store) -> Reply {
    DEIXIS_ASSIGN(const std::optional<Undone> undone, forward ? store.Redo() : store.Undo());
    if (!undone) return Conflict(forward ? "there is nothing to redo" : "there is nothing to undo");
    const Json json = DatasetJsonOf(dataset, store);
    app->events.Publish("dataset", json);
    return Json{{"undone", undone->what},
                {"pictures", undone->ids.size()},
                {"category", undone->category},
                {"dataset", json}};
  });
}

// The file and, if it is one, its type.
Reply Picture(App* app, const Request& request, bool small) {
  std::string path;
  Reply found = app->workspace()->project->WithDataset(
      request.parameter("dataset"), [&](DatasetStore& store) -> Reply {
        const StoredSample* sample = FindSample(store, request.parameter("sample"));
        if (sample == nullptr) return NoSample(request.parameter("sample"));
        path = store.PathOf(*sample);
        return Empty();
      });
  if (path.empty()) return found;
  DEIXIS_ASSIGN(const auto file, MappedFile::Open(path));
  // A picture never changes under its number.
  Response response{.headers = {{"Cache-Control", "private, max-age=3600"}}};
  if (small) {
    DEIXIS_ASSIGN(const Image image, DecodeImage(file->bytes(), path));
    const double scale = static_cast<double>(kThumbnailPx) /
                         static_cast<double>(std::max(image.height_px, image.width_px));
    const auto side = [&](int64_t pixels) {
      return std::max<int64_t>(1, static_cast<int64_t>(static_cast<double>(pixels) * scale + 0.5));
    };
    DEIXIS_ASSIGN(
        Bytes jpeg,
        internal::EncodeJpeg(
            scale < 1 ? Resize(image, side(image.height_px), side(image.width_px)) : image, 80));
    response.headers.emplace_back("Content-Type", "image/jpeg");
    response.body = std::make_shared<const Bytes>(std::move(jpeg));
    return response;
  }
  const auto bytes = file->bytes();
  const auto begins = [&](std::string_view magic) {
    return bytes.size() >= magic.size() &&
           std::equal(magic.begin(), magic.end(), reinterpret_cast<const char*>(bytes.data()));
  };
  response.headers.emplace_back("Content-Type", begins("\x89PNG")    ? "image/png"
                                                : begins("RIFF")     ? "image/webp"
                                                : begins("\xff\xd8") ? "image/jpeg"
                                                                     : "application/octet-stream");
  response.body = std::make_shared<const Bytes>(bytes.begin(), bytes.end());
  return response;
}

Reply EditCategory(App* app, const Request& request,
                   const std::function<Status(DatasetStore&)>& edit, int status) {
  const std::string& dataset = request.parameter("dataset");
  return app->workspace()->project->WithDataset(dataset, [&](DatasetStore& store) -> Reply {
    const Status edited = edit(store);
    if (!edited.ok()) {
      // A name that is taken is the one mistake here that is nobody's fault.
      const auto names = store.categories();
      const std::string name = TextOf(request.json, "name");
      if (std::find(names.begin(), names.end(), name) != names.end()) {
        return Conflict("there is a category \"" + name + "\" already", "Use another name.");
      }
      return edited.error();
    }
    const Json json = DatasetJsonOf(dataset, store);
    app->events.Publish("dataset", json);
    return JsonResponse(json, status);
  });
}

void AddSampleRoutes(App* app, Router& router) {
  static const std::vector<Field> kMarkFields = {
      {.name = "present", .kind = FieldKind::kBoolean, .help = "of a finger", .nullable = true},
      {.name = "points", .kind = FieldKind::kObjects, .help = "category, x, y", .nullable = true}};
  std::vector<Field> save = {
      {.name = "frame_id", .kind = FieldKind::kInteger, .required = true, .minimum = 1},
      {.name = "category", .nullable = true, .maximum = 100},
      {.name = "burst", .help = "undone together", .nullable = true, .maximum = 64}};
  save.insert(save.end(), kMarkFields.begin(), kMarkFields.end());
  std::vector<Field> change = {{.name = "category", .nullable = true, .maximum = 100}};
  change.insert(change.end(), kMarkFields.begin(), kMarkFields.end());
  const std::string base = "/api/v1/datasets/{dataset}/samples";
  router.Add({.method = "GET",
              .path = base,
              .summary = "samples, the newest first",
              .handle = [app](const Request& request) { return List(app, request); },
              .query = {{"category", "only of this one"},
                        {"unmarked", "true: only those that nobody has marked"},
                        {"offset", "how many to pass over"},
                        {"limit", "how many at most, up to 500"}}});
  router.Add({.method = "POST",
              .path = base,
              .summary = "save exactly the frame that was seen",
              .handle = [app](const Request& request) { return SaveFrame(app, request); },
              .body = BodyKind::kJson,
              .fields = save});
  router.Add({.method = "POST",
              .path = base + "/delete",
              .summary = "delete several at once",
              .handle =
                  [app](const Request& request) {
                    return Delete(app, request,
                                  request.json["samples"].get<std::vector<std::string>>());
                  },
              .body = BodyKind::kJson,
              .fields = {{.name = "samples", .kind = FieldKind::kTexts, .required = true}}});
  router.Add({.method = "GET",
              .path = base + "/{sample}",
              .summary = "a sample",
              .handle = [app](const Request& request) {
                return app->workspace()->project->WithDataset(
                    request.parameter("dataset"), [&](DatasetStore& store) -> Reply {
                      const auto* sample = FindSample(store, request.parameter("sample"));
                      if (sample == nullptr) return NoSample(request.parameter("sample"));
                      return SampleJson(*sample);
                    });
              }});
  router.Add({.method = "PATCH",
              .path = base + "/{sample}",
              .summary = "give it another category, or other marks",
              .handle = [app](const Request& request) { return Change(app, request); },
              .body = BodyKind::kJson,
              .fields = change});
  router.Add({.method = "DELETE",
              .path = base + "/{sample}",
              .summary = "delete it; undo brings it back",
              .handle = [app](const Request& request) -> Reply {
                Reply reply = Delete(app, request, {request.parameter("sample")});
                if (reply.response().status == 200) return Empty();
                return reply;
              }});
  router.Add({.method = "GET",
              .path = base + "/{sample}/image",
              .summary = "the file as it is saved",
              .handle = [app](const Request& request) { return Picture(app, request, false); },
              .answers = "image/jpeg"});
  router.Add({.method = "GET",
              .path = base + "/{sample}/thumbnail",
              .summary = "small",
              .handle = [app](const Request& request) { return Picture(app, request, true); },
              .answers = "image/jpeg"});
}

}  // namespace

void AddDatasetRoutes(App* app, Router& router) {
  const std::string base = "/api/v1/datasets/{dataset}";
  const std::vector<Field> name = {
      {.name = "name", .required = true, .minimum = 1, .maximum = 100}};
  router.Add({.method = "GET",
              .path = base,
              .summary = "categories, counts and advice",
              .handle = [app](const Request& request) -> Reply {
                DEIXIS_ASSIGN(const Json json,
                              app->workspace()->project->DatasetJson(request.parameter("dataset")));
                return json;
              }});
  router.Add({.method = "POST",
              .path = base + "/categories",
              .summary = "a new category",
              .handle =
                  [app](const Request& request) {
                    return EditCategory(
                        app, request,
                        [&](DatasetStore& store) {
                          return store.AddCategory(TextOf(request.json, "name"));
                        },
                        201);
                  },
              .body = BodyKind::kJson,
              .fields = name});
  router.Add({.method = "PATCH",
              .path = base + "/categories/{category}",
              .summary = "another name for a category",
              .handle =
                  [app](const Request& request) {
                    return EditCategory(
                        app, request,
                        [&](DatasetStore& store) {
                          return store.RenameCategory(request.parameter("category"),
                                                      TextOf(request.json, "name"));
                        },
                        200);
                  },
              .body = BodyKind::kJson,
              .fields = name});
  router.Add({.method = "DELETE",
              .path = base + "/categories/{category}",
              .summary = "delete a category with its pictures; undo brings them back",
              .handle = [app](const Request& request) {
                return EditCategory(
                    app, request,
                    [&](DatasetStore& store) {
                      return store.RemoveCategory(request.parameter("category"));
                    },
                    200);
              }});
  router.Add({.method = "POST",
              .path = base + "/pictures",
              .summary = "save a picture that is sent",
              .handle = [app](const Request& request) { return SavePicture(app, request); },
              .body = BodyKind::kPicture,
              .query = {{"category", "of things"}, {"burst", "undone together"}}});
  router.Add({.method = "POST",
              .path = base + "/undo",
              .summary = "take the last step back",
              .handle = [app](const Request& request) { return StepBack(app, request, false); }});
  router.Add({.method = "POST",
              .path = base + "/redo",
              .summary = "take a step that was undone again",
              .handle = [app](const Request& request) { return StepBack(app, request, true); }});
  AddSampleRoutes(app, router);
}

}  // namespace deixis::studio
