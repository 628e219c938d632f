// A recorded session as a camera: replay://FOLDER.
#pragma once

#include <memory>

#include "base/result.h"
#include "vision/camera/camera.h"
#include "vision/camera/camera_uri.h"

namespace deixis::camera {

// Each WaitForFrame() is one step of the recording: the same frame, or the same lack of one, and
// the camera's clock at what it was then, so that whoever asks for every frame sees what was seen.
// With clock=steady a step also takes as long as it took; without, nothing waits. Errors of
// ReadRecording().
Result<std::unique_ptr<Camera>> ReplayCamera(const CameraUri& uri, ParameterReader& parameters);

}  // namespace deixis::camera
