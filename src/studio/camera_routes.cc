// The camera: which there are, which one is looked at, and its frames.

#include "studio/app.h"
#include "vision/camera/v4l2_device.h"
#include "vision/camera/video_nodes.h"

namespace deixis::studio {
namespace {

constexpr int64_t kDefaultWaitMs = 5000;
constexpr int64_t kMaxWaitMs = 25'000;

Problem FrameGone(const std::string& id) {
  return {.status = 410,
          .type = "frame-gone",
          .title = "The frame is no longer kept",
          .detail = "frame " + id + " is none of the last " +
                    std::to_string(CameraHub::kKeptFrames) + " that were sent",
          .remedy = "Freeze the picture before marking it.",
          .code = ErrorCode::kNotFound};
}

Json CameraList() {
  Json cameras = Json::array();
  for (const camera::VideoNode& node : camera::ListVideoNodes()) {
    // A device that is in use still says what it can do; one that may not be opened is listed too,
    // and says why when it is chosen.
    auto device = camera::V4l2Device::Open(node.path);
    if (!device.ok() && device.error().code == ErrorCode::kInvalidData) continue;
    cameras.push_back({{"uri", "v4l2://" + (node.by_id.empty() ? node.path : node.by_id)},
                       {"name", node.name},
                       {"identity", node.identity.Text()},
                       {"device", node.path}});
  }
  cameras.push_back({{"uri", "scene://seed=1"},
                     {"name", "a made session"},
                     {"identity", ""},
                     {"device", nullptr}});
  return {{"cameras", cameras}};
}

Response FrameResponse(const SeenFrame& frame, int64_t now_ms) {
  Response response;
  response.headers = {
      {"Content-Type", "image/jpeg"},
      {"Deixis-Frame-Id", std::to_string(frame.id)},
      {"Deixis-Captured-Ms", std::to_string(frame.captured_ms)},
      {"Deixis-Age-Ms", std::to_string(std::max<int64_t>(0, now_ms - frame.captured_ms))},
      {"Deixis-Width-Px", std::to_string(frame.width_px)},
      {"Deixis-Height-Px", std::to_string(frame.height_px)}};
  response.body = frame.jpeg;
  return response;
}

void NextFrame(App* app, const Request& request, const Answer& answer) {
  uint64_t after = 0;
  int64_t wait_ms = kDefaultWaitMs;
  if (const std::string text = request.Query("after"); !text.empty()) {
    const auto number = IntegerIn(text);
    if (!number || *number < 0)
      return answer(BadRequest("after", "\"after\" must be the id of a frame"));
    after = static_cast<uint64_t>(*number);
  }
  if (const std::string text = request.Query("wait_ms"); !text.empty()) {
    const auto number = IntegerIn(text);
    if (!number || *number < 0)
      return answer(BadRequest("wait_ms", "\"wait_ms\" must be a whole number"));
    wait_ms = std::min<int64_t>(*number, kMaxWaitMs);
  }
  app->camera.WaitForFrame(after, wait_ms, [app, answer](std::shared_ptr<const SeenFrame> frame) {
    if (frame == nullptr) return answer(Empty());
    answer(FrameResponse(*frame, app->camera.NowMs()));
  });
}

// An id that is no number is 0, which no frame has.
uint64_t FrameId(const Request& request) {
  return static_cast<uint64_t>(IntegerIn(request.parameter("frame_id")).value_or(0));
}

Reply Frame(App* app, const Request& request) {
  const auto frame = app->camera.Find(FrameId(request));
  if (frame == nullptr) return FrameGone(request.parameter("frame_id"));
  return FrameResponse(*frame, app->camera.NowMs());
}

Reply Pin(App* app, const Request& request) {
  if (!app->camera.Pin(FrameId(request))) return FrameGone(request.parameter("frame_id"));
  return Empty();
}

Reply Unpin(App* app, const Request& request) {
  app->camera.Unpin(FrameId(request));
  return Empty();
}

Reply Choose(App* app, const Request& request) {
  const Status status = app->camera.Select(request.json["uri"].get<std::string>(), true);
  if (!status.ok()) return status.error();
  return app->camera.StatusJson();
}

}  // namespace

void AddCameraRoutes(App* app, Router& router) {
  router.Add({.method = "GET",
              .path = "/api/v1/cameras",
              .summary = "the cameras of this machine, and made ones",
              .handle = [](const Request&) -> Reply { return CameraList(); }});
  router.Add({.method = "GET",
              .path = "/api/v1/camera",
              .summary = "the camera that is looked at",
              .handle = [app](const Request&) -> Reply { return app->camera.StatusJson(); }});
  router.Add({.method = "PUT",
              .path = "/api/v1/camera",
              .summary = "look at another camera",
              .handle = [app](const Request& request) { return Choose(app, request); },
              .body = BodyKind::kJson,
              .fields = {{.name = "uri", .required = true, .minimum = 1, .maximum = 1024}}});
  router.Add({.method = "DELETE",
              .path = "/api/v1/camera",
              .summary = "let the camera go",
              .handle = [app](const Request&) -> Reply {
                const Status status = app->camera.Select("", true);
                if (!status.ok()) return status.error();
                return Empty();
              }});
  router.Add({.method = "GET",
              .path = "/api/v1/camera/frame",
              .summary = "the latest frame, as soon as it is newer than the one that was seen",
              .handle_late = [app](const Request& request,
                                   Answer answer) { NextFrame(app, request, answer); },
              .query = {{"after", "the id of the frame that was seen last"},
                        {"wait_ms", "how long to wait for a newer one, at most 25000"}},
              .answers = "image/jpeg"});
  router.Add({.method = "GET",
              .path = "/api/v1/camera/frames/{frame_id}",
              .summary = "a frame that was sent a moment ago, or is pinned",
              .handle = [app](const Request& request) { return Frame(app, request); },
              .answers = "image/jpeg"});
  router.Add({.method = "PUT",
              .path = "/api/v1/camera/frames/{frame_id}/pin",
              .summary = "keep a frame",
              .handle = [app](const Request& request) { return Pin(app, request); }});
  router.Add({.method = "DELETE",
              .path = "/api/v1/camera/frames/{frame_id}/pin",
              .summary = "a frame need not be kept any longer",
              .handle = [app](const Request& request) { return Unpin(app, request); }});
}

}  // namespace deixis::studio
