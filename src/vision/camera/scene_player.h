// The scene generator as a camera: scene://seed=1&size=640x480&fps=30&...
#pragma once

#include <memory>

#include "base/result.h"
#include "vision/camera/camera_uri.h"
#include "vision/camera/frame_source.h"

namespace deixis::camera {

// Each parameter is a member of SceneSessionOptions; docs/cameras.md lists them. Every frame
// carries its truth.
Result<std::unique_ptr<Player>> ScenePlayer(const CameraUri& uri, ParameterReader& parameters);

}  // namespace deixis::camera
