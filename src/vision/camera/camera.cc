#include "vision/camera/camera.h"

#include <utility>

#include "vision/camera/camera_uri.h"
#include "vision/camera/folder_player.h"
#include "vision/camera/frame_source.h"
#include "vision/camera/scene_player.h"
#include "vision/camera/v4l2_source.h"

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

Result<std::unique_ptr<Camera>> OpenCamera(const std::string& text, const CameraOptions& options) {
  DEIXIS_ASSIGN(const camera::CameraUri uri, camera::ParseCameraUri(text));
  camera::ParameterReader parameters(uri);
  if (uri.scheme == "v4l2") {
    DEIXIS_ASSIGN(auto device, camera::V4l2Source(uri, parameters));
    return camera::StartCamera(std::move(device), options);
  }
  const bool is_simulated = parameters.Choice("clock", {"steady", "simulated"}) == "simulated";
  DEIXIS_ASSIGN(std::unique_ptr<camera::Player> player, uri.scheme == "folder"
                                                            ? camera::FolderPlayer(uri, parameters)
                                                            : camera::ScenePlayer(uri, parameters));
  DEIXIS_RETURN_IF_ERROR(parameters.Finish());
  if (is_simulated) return camera::SteppedCamera(std::move(player));
  return camera::StartCamera(camera::PacedSource(std::move(player)), options);
}

}  // namespace deixis
