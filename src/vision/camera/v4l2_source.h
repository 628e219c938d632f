// A camera of this machine as a source of frames:
// v4l2:///dev/video0?size=640x480&fps=30&format=auto
#pragma once

#include <memory>

#include "base/result.h"
#include "vision/camera/camera_uri.h"
#include "vision/camera/frame_source.h"

namespace deixis::camera {

// kUsage for a parameter that does not fit; the device itself is looked at by Open(). A path below
// /dev/v4l/ is followed anew each time; any other is followed once, and from then on the same
// device is sought wherever it is.
Result<std::unique_ptr<FrameSource>> V4l2Source(const CameraUri& uri, ParameterReader& parameters);

}  // namespace deixis::camera
