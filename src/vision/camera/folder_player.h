// The pictures of a folder as a camera.
#pragma once

#include <memory>

#include "base/result.h"
#include "vision/camera/camera_uri.h"
#include "vision/camera/frame_source.h"

namespace deixis::camera {

// folder://DIR?fps=2&loop=yes: the JPEG, PNG and WebP files of DIR in the order of their names
// (bytes), none of its subfolders'. A file that cannot be read counts as a damaged frame. kNotFound
// without the folder or any picture in it.
Result<std::unique_ptr<Player>> FolderPlayer(const CameraUri& uri, ParameterReader& parameters);

}  // namespace deixis::camera
