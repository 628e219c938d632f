// `deixis camera`: which cameras there are, and one picture from one.
#include <algorithm>
#include <cctype>
#include <cstdio>
#include <memory>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/interrupt.h"
#include "format/printable.h"
#include "vision/camera/camera.h"
#include "vision/camera/camera_uri.h"
#include "vision/camera/device_holders.h"
#include "vision/camera/v4l2_device.h"
#include "vision/camera/video_nodes.h"
#include "vision/image.h"
#include "vision/write_jpeg.h"

namespace deixis::cli {
namespace {

using camera::VideoMode;
using camera::VideoNode;

// "YUYV 640x480 30/s".
std::string ModeText(const VideoMode& mode) {
  std::string text = camera::PixelFormatName(mode.fourcc) + " " + std::to_string(mode.width_px) +
                     "x" + std::to_string(mode.height_px);
  if (mode.fps > 0) text += " " + FormatFixed(mode.fps, 0) + "/s";
  return text;
}

Json ModeJson(const VideoMode& mode) {
  Json json{{"pixel_format", camera::PixelFormatName(mode.fourcc)},
            {"width_px", mode.width_px},
            {"height_px", mode.height_px}};
  if (mode.fps > 0) json["fps"] = mode.fps;
  return json;
}

struct Listing {
  Json cameras = Json::array();
  std::string text;
};

// A node that streams no pictures (of metadata, say) is no camera and is left out.
void AddNode(const VideoNode& node, const Style& style, Listing& listing) {
  const auto device = camera::V4l2Device::Open(node.path);
  if (!device.ok() && device.error().code == ErrorCode::kInvalidData) return;
  const std::string uri = "v4l2://" + (node.by_id.empty() ? node.path : node.by_id);
  const std::vector<camera::DeviceHolder> holders = camera::HoldersOf(node.path);
  Json entry{
      {"uri", uri}, {"device", node.path}, {"name", node.name}, {"identity", node.identity.Text()}};
  Facts facts;
  facts.Add("camera", style.Bold(Printable(node.name)));
  facts.Add("open with", Printable(uri));
  facts.Add("device", node.path + "  " + Printable(node.identity.Text()));
  if (!device.ok()) {
    entry["error"] = device.error().message;
    facts.Add("but", Printable(device.error().message));
  } else {
    const std::vector<VideoMode> modes = device->Modes();
    entry["modes"] = Json::array();
    for (const VideoMode& mode : modes) entry["modes"].push_back(ModeJson(mode));
    const auto mode = camera::ChooseMode(modes, {});
    entry["default_mode"] = mode ? ModeJson(*mode) : Json(nullptr);
    facts.Add("gives", mode ? ModeText(*mode) + "  (" +
                                  Counted(static_cast<int64_t>(modes.size()), "mode") + ")"
                            : "no YUYV or MJPEG pictures");
  }
  entry["held_by"] = Json::array();
  for (const camera::DeviceHolder& holder : holders) {
    entry["held_by"].push_back(Json{{"process", holder.process_id}, {"program", holder.program}});
  }
  if (!holders.empty()) facts.Add("open in", Printable(camera::HoldersText(holders)));
  listing.text += (listing.text.empty() ? "" : "\n") + facts.Render(style);
  listing.cameras.push_back(std::move(entry));
}

Status List(const Arguments& arguments, Console& console) {
  for (const std::string_view flag : {"out", "skip", "wait"}) {
    if (arguments.Given(flag)) {
      return UsageError("camera list takes no --" + std::string(flag));
    }
  }
  Listing listing;
  for (const VideoNode& node : camera::ListVideoNodes()) AddNode(node, console.style(), listing);
  if (listing.text.empty()) {
    listing.text =
        "No camera. Plug one in, or use pictures: folder://DIR, or a made session: "
        "scene://seed=1\n";
  }
  console.Print(listing.text);
  console.SetResult("camera list", Json{{"cameras", std::move(listing.cameras)}});
  return Ok();
}

enum class PictureKind { kJpeg, kPng };

Result<PictureKind> KindOf(const std::string& path) {
  std::string lower = path;
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (lower.ends_with(".jpg") || lower.ends_with(".jpeg")) return PictureKind::kJpeg;
  if (lower.ends_with(".png")) return PictureKind::kPng;
  return UsageError("--out " + path + ": expected a name that ends in .jpg or .png");
}

// The frame after `skip` others; why there is none, when the time is over.
Result<std::shared_ptr<const Frame>> TakeFrame(Camera& source, int64_t skip, int64_t wait_ms) {
  uint64_t id = 0;
  for (int64_t i = 0;; ++i) {
    auto frame = source.WaitForFrame(id, wait_ms);
    if (frame == nullptr) {
      const CameraStatus status = source.StatusNow();
      const std::string why = status.reason.empty() ? "" : ": " + status.reason;
      return Error{ErrorCode::kDeviceUnavailable,
                   status.device + ": no picture within " +
                       FormatFixed(static_cast<double>(wait_ms) / 1000, 1) + " s (" +
                       std::string(CameraStateName(status.state)) + why + ")",
                   "look at the cable and at `deixis camera list`"};
    }
    if (i >= skip) return frame;
    id = frame->id;
  }
}

Json TruthJson(const SceneTruth& truth) {
  Json json{{"has_fingertip", truth.has_fingertip}, {"label", truth.label}};
  if (truth.has_fingertip) {
    json["fingertip_x_px"] = truth.fingertip_x_px;
    json["fingertip_y_px"] = truth.fingertip_y_px;
  }
  return json;
}

Status Snap(const Arguments& arguments, Console& console) {
  if (!arguments.Has("camera")) {
    return UsageError("camera snap needs --camera URI", "`deixis camera list` shows what there is");
  }
  if (!arguments.Has("out")) {
    return UsageError("camera snap needs --out FILE", "for instance --out picture.jpg");
  }
  const std::string& uri = arguments.Text("camera");
  const std::string& out = arguments.Text("out");
  DEIXIS_ASSIGN(const PictureKind kind, KindOf(out));
  // A device sets its exposure over its first frames.
  DEIXIS_ASSIGN(const camera::CameraUri parsed, camera::ParseCameraUri(uri));
  DEIXIS_ASSIGN(const auto source, OpenCamera(uri));
  const int64_t settling = parsed.scheme == "v4l2" ? 5 : 0;
  const int64_t skip = arguments.Has("skip") ? arguments.Integer("skip") : settling;
  const auto wait_ms = static_cast<int64_t>(1000 * arguments.Real("wait"));
  DEIXIS_ASSIGN(const std::shared_ptr<const Frame> frame, TakeFrame(*source, skip, wait_ms));
  const CameraStatus status = source->StatusNow();
  DeclareOutput(out);
  DEIXIS_RETURN_IF_ERROR(kind == PictureKind::kJpeg ? WriteJpeg(out, frame->image)
                                                    : WritePng(out, frame->image));
  Json result{{"camera", parsed.text},
              {"device", status.device},
              {"identity", status.identity},
              {"pixel_format", status.pixel_format},
              {"file", out},
              {"width_px", frame->image.width_px},
              {"height_px", frame->image.height_px},
              {"frame", frame->id},
              {"damaged_frames", status.damaged_frames}};
  if (frame->truth) result["truth"] = TruthJson(*frame->truth);
  console.SetResult("camera snap", std::move(result));
  console.Print(Printable(out) + "  " + std::to_string(frame->image.width_px) + "x" +
                std::to_string(frame->image.height_px) + " from " + Printable(status.device) +
                "\n");
  return Ok();
}

Status RunCamera(const Arguments& arguments, Console& console) {
  return arguments.words().front() == "list" ? List(arguments, console) : Snap(arguments, console);
}

constexpr Positional kPositionals[] = {
    {.name = "ACTION",
     .kind = ValueKind::kChoice,
     .help = "list the cameras of this machine, or snap one picture",
     .allowed = "list|snap"},
};
constexpr Flag kFlags[] = {
    {.name = "camera",
     .kind = ValueKind::kText,
     .value_name = "URI",
     .help =
         "A device, v4l2:///dev/video0, or http://..., rtsp://..., file://VIDEO, scene://seed=1",
     .environment = "DEIXIS_CAMERA",
     .example = "/dev/video0?size=1280x720"},
    {.name = "out",
     .letter = 'o',
     .kind = ValueKind::kFile,
     .value_name = "FILE",
     .help = "Where the picture goes: a .jpg or .png file",
     .example = "picture.jpg"},
    {.name = "skip",
     .kind = ValueKind::kInteger,
     .value_name = "N",
     .help = "Frames that pass before the picture is taken",
     .default_note = "5 with a device, which sets its exposure meanwhile; else 0",
     .example = "30",
     .minimum = 0,
     .maximum = 100000},
    {.name = "wait",
     .kind = ValueKind::kReal,
     .value_name = "SECONDS",
     .help = "How long to wait for a frame",
     .default_value = "5",
     .example = "1",
     .minimum = 0.1,
     .maximum = 3600},
};
constexpr Example kExamples[] = {
    {"camera list", "what is there, how to name it, who uses it"},
    {"camera snap --camera /dev/video0 -o picture.jpg", "one picture"},
    {"camera snap --camera 'scene://seed=1&clock=simulated' --skip 90 -o scene.png",
     "the made session after three seconds"},
};

}  // namespace

constinit const Command kCameraCommand = {
    .name = "camera",
    .summary = "list the cameras, or take one picture",
    .description =
        "A camera is named by a URI. /dev/v4l/by-id/... stays the same whatever is plugged in "
        "where; /dev/video0 is found again under another number once it is open. docs/cameras.md "
        "has the parameters that a URI takes.",
    .positionals = kPositionals,
    .flags = kFlags,
    .examples = kExamples,
    .run = RunCamera,
};

}  // namespace deixis::cli
