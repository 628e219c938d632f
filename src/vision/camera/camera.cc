#include "vision/camera/camera.h"

#include <utility>

#include "vision/camera/camera_uri.h"
#include "vision/camera/folder_player.h"
#include "vision/camera/frame_source.h"
#include "vision/camera/http_source.h"
#include "vision/camera/replay_camera.h"
#include "vision/camera/scene_player.h"
#include "vision/camera/v4l2_source.h"
#include "vision/camera/video_program.h"

namespace deixis {

std::string_view CameraStateName(CameraState state) {
  switch (state) {
    case CameraState::kStarting:
      return "starting";
    case CameraState::kRunning:
      return "running";
    case CameraState::kNoSignal:
      return "no signal";
    case CameraState::kEnded:
      break;
  }
  return "ended";
}

namespace {

using SourceResult = Result<std::unique_ptr<camera::FrameSource>>;

SourceResult OpenStream(const camera::CameraUri& uri, camera::ParameterReader& parameters) {
  DEIXIS_ASSIGN(auto program, camera::StreamProgram(uri, parameters));
  return camera::VideoSource(std::move(program));
}

// A stream of JPEGs is read here, and starts at once; anything else is ffmpeg's.
SourceResult OpenHttp(const camera::CameraUri& uri, camera::ParameterReader& parameters) {
  if (uri.parameters.contains("with")) return OpenStream(uri, parameters);
  DEIXIS_RETURN_IF_ERROR(parameters.Finish());
  return camera::HttpSource(uri);
}

SourceResult OpenCsi(const camera::CameraUri& uri, camera::ParameterReader& parameters) {
  DEIXIS_ASSIGN(auto program, camera::CsiProgram(uri, parameters));
  return camera::VideoSource(std::move(program));
}

// For what may fail at any time; null for what plays by itself.
SourceResult (*DeviceOpener(std::string_view scheme))(const camera::CameraUri&,
                                                      camera::ParameterReader&) {
  if (scheme == "v4l2") return camera::V4l2Source;
  if (scheme == "http") return OpenHttp;
  if (scheme == "csi") return OpenCsi;
  if (camera::IsOnNetwork(scheme)) return OpenStream;
  return nullptr;
}

}  // namespace

Result<std::unique_ptr<Camera>> OpenCamera(const std::string& text, const CameraOptions& options) {
  DEIXIS_ASSIGN(const camera::CameraUri uri, camera::ParseCameraUri(text));
  camera::ParameterReader parameters(uri);
  if (const auto open = DeviceOpener(uri.scheme)) {
    DEIXIS_ASSIGN(auto device, open(uri, parameters));
    return camera::StartCamera(std::move(device), options);
  }
  if (uri.scheme == "replay") return camera::ReplayCamera(uri, parameters);
  const bool is_simulated = parameters.Choice("clock", {"steady", "simulated"}) == "simulated";
  DEIXIS_ASSIGN(std::unique_ptr<camera::Player> player,
                uri.scheme == "folder" ? camera::FolderPlayer(uri, parameters)
                : uri.scheme == "file" ? camera::VideoFilePlayer(uri, parameters)
                                       : camera::ScenePlayer(uri, parameters));
  DEIXIS_RETURN_IF_ERROR(parameters.Finish());
  if (is_simulated) return camera::SteppedCamera(std::move(player));
  return camera::StartCamera(camera::PacedSource(std::move(player)), options);
}

}  // namespace deixis
