#include "vision/camera/video_program.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

namespace deixis::camera {
namespace {

constexpr std::string_view kFfmpegRemedy = "install it with: apt-get install ffmpeg";
constexpr std::string_view kGStreamerRemedy =
    "install it with: apt-get install gstreamer1.0-tools gstreamer1.0-plugins-base, and the "
    "plug-in of the camera (gstreamer1.0-libcamera, or what came with the board)";

std::vector<std::string> Ffmpeg() {
  return {"ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "error"};
}

void Append(std::vector<std::string>& arguments, std::initializer_list<std::string> more) {
  arguments.insert(arguments.end(), more);
}

// The filters, if any, and pictures to the pipe.
void AppendOutput(std::vector<std::string>& arguments, const std::string& filters) {
  Append(arguments, {"-map", "0:v:0", "-an", "-sn", "-dn"});
  if (!filters.empty()) Append(arguments, {"-vf", filters});
  Append(arguments, {"-f", "image2pipe", "-c:v", "ppm", "pipe:1"});
}

// What stands before the host is secret, and so may be all that follows a question mark.
std::vector<std::pair<std::string, std::string>> SecretsOf(const CameraUri& uri) {
  std::vector<std::pair<std::string, std::string>> secrets;
  const auto add = [&](const std::string& secret, const std::string& instead) {
    if (!secret.empty()) secrets.emplace_back(secret, instead);
  };
  add(uri.place, uri.text);
  const size_t begin = uri.place.find("://") + 3;
  const size_t end = std::min(uri.place.find_first_of("/?", begin), uri.place.size());
  const std::string authority = uri.place.substr(begin, end - begin);
  const size_t at = authority.rfind('@');
  if (at != std::string::npos) {
    add(authority.substr(0, at), "***");
    const size_t colon = authority.find(':');
    // A password of a letter or two would be found in every word.
    if (colon < at && at - colon > 3) add(authority.substr(colon + 1, at - colon - 1), "***");
  }
  const size_t question = uri.place.find('?');
  if (question != std::string::npos) add(uri.place.substr(question), "?***");
  return secrets;
}

bool HasElement(const std::string& name) {
  const auto found = RunChild({"gst-inspect-1.0", "--exists", name}, "", {.timeout_ms = 10'000});
  return found.ok() && found->exit_status == 0;
}

// What gives the pictures, as gst-launch takes it.
Result<std::vector<std::string>> CsiElement(const CameraUri& uri, const std::string& wanted,
                                            const std::string& size_and_rate) {
  const bool is_auto = wanted == "auto";
  if (wanted == "test") return std::vector<std::string>{"videotestsrc", "is-live=true"};
  if (wanted == "argus" || (is_auto && HasElement("nvarguscamerasrc"))) {
    return std::vector<std::string>{"nvarguscamerasrc",
                                    "sensor-id=" + uri.place,
                                    "!",
                                    "video/x-raw(memory:NVMM)," + size_and_rate,
                                    "!",
                                    "nvvidconv",
                                    "!",
                                    "video/x-raw,format=BGRx"};
  }
  if (wanted == "libcamera" || HasElement("libcamerasrc")) {
    std::vector<std::string> element = {"libcamerasrc"};
    if (uri.place != "0") element.push_back("camera-name=" + uri.place);
    Append(element, {"!", "video/x-raw," + size_and_rate});
    return element;
  }
  return Error{ErrorCode::kDeviceUnavailable,
               uri.text + ": GStreamer has neither nvarguscamerasrc nor libcamerasrc",
               std::string(kGStreamerRemedy)};
}

}  // namespace

Result<VideoProgram> StreamProgram(const CameraUri& uri, ParameterReader& parameters) {
  const double fps = parameters.Number("fps", 0, {.least = 0.1, .most = 240});
  const double height_px = parameters.Number("height", 0, {.least = 16, .most = 4320});
  std::vector<std::string> arguments = Ffmpeg();
  if (uri.scheme.starts_with("rtsp")) {
    const std::string transport = parameters.Choice("transport", {"tcp", "udp"});
    Append(arguments, {"-rtsp_transport", transport, "-timeout", "5000000", "-protocol_whitelist",
                       "rtsp,rtsps,rtp,srtp,tls,tcp,udp,crypto"});
  } else {
    parameters.Choice("with", {"ffmpeg"});
    Append(arguments, {"-rw_timeout", "5000000", "-protocol_whitelist",
                       "http,https,tls,tcp,crypto,httpproxy"});
  }
  DEIXIS_RETURN_IF_ERROR(parameters.Finish());
  Append(arguments, {"-fflags", "nobuffer", "-flags", "low_delay", "-analyzeduration", "1000000",
                     "-i", uri.place, "-fps_mode", "passthrough"});
  std::string filters;
  if (fps > 0) filters = "fps=" + InWords(fps);
  if (height_px > 0) {
    filters += (filters.empty() ? "" : ",") + std::string("scale=-2:") +
               InWords(2 * std::round(height_px / 2));
  }
  AppendOutput(arguments, filters);
  return VideoProgram{.arguments = std::move(arguments),
                      .name = uri.text,
                      .pixel_format = "FFmpeg",
                      .missing_remedy = std::string(kFfmpegRemedy),
                      .secrets = SecretsOf(uri)};
}

VideoProgram FileProgram(const CameraUri& uri, double fps, bool loops) {
  std::vector<std::string> arguments = Ffmpeg();
  // A playlist that calls itself a video must not lead elsewhere. With its protocol before it a
  // name is never an option.
  Append(arguments, {"-protocol_whitelist", "file"});
  if (loops) Append(arguments, {"-stream_loop", "-1"});
  Append(arguments, {"-i", "file:" + uri.place});
  AppendOutput(arguments, "fps=" + InWords(fps));
  return VideoProgram{.arguments = std::move(arguments),
                      .name = "video " + uri.place,
                      .pixel_format = "FFmpeg",
                      .missing_remedy = std::string(kFfmpegRemedy),
                      .secrets = {}};
}

Result<VideoProgram> CsiProgram(const CameraUri& uri, ParameterReader& parameters) {
  const auto size = parameters.PictureSize("size", {.width_px = 640, .height_px = 480});
  const auto fps = static_cast<int64_t>(parameters.Number("fps", 30, {.least = 1, .most = 240}));
  const std::string element = parameters.Choice("source", {"auto", "argus", "libcamera", "test"});
  DEIXIS_RETURN_IF_ERROR(parameters.Finish());
  // gst-launch reads a language: a name must be nothing in it.
  const bool is_name = std::ranges::all_of(uri.place, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("/_.:@-").find(c) != std::string_view::npos;
  });
  if (!is_name) {
    return UsageError("camera \"" + uri.text + "\": expected a number or the name of a camera");
  }
  if (size.width_px % 4 != 0) {
    return UsageError("camera \"" + uri.text +
                      "\": size: expected a width that is a multiple of 4");
  }
  const std::string extents =
      "width=" + std::to_string(size.width_px) + ",height=" + std::to_string(size.height_px);
  const std::string rate = ",framerate=" + std::to_string(fps) + "/1";
  std::vector<std::string> arguments = {"gst-launch-1.0", "-q"};
  DEIXIS_ASSIGN(const auto source, CsiElement(uri, element, extents + rate));
  arguments.insert(arguments.end(), source.begin(), source.end());
  // One frame waits at most, and the older one goes: the latest wins.
  Append(arguments,
         {"!", "queue", "max-size-buffers=1", "leaky=downstream", "!", "videoconvert", "!",
          "videoscale", "!", "video/x-raw,format=RGB," + extents, "!", "fdsink", "fd=1"});
  return VideoProgram{
      .arguments = std::move(arguments),
      .name = uri.text,
      .pixel_format = "GStreamer",
      .missing_remedy = std::string(kGStreamerRemedy),
      .extents = PictureExtents{.height_px = size.height_px, .width_px = size.width_px},
      .secrets = {}};
}

}  // namespace deixis::camera
