// A camera on the network that sends JPEG after JPEG: http://HOST/stream.mjpg
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "vision/camera/camera_uri.h"
#include "vision/camera/frame_source.h"

namespace deixis::camera {

struct HttpSourceOptions {
  int64_t connect_timeout_ms = 5000;  // to be connected and to have the head of the response
};

// The server is looked at by Open(). kUsage for an address that names no host.
Result<std::unique_ptr<FrameSource>> HttpSource(const CameraUri& uri,
                                                const HttpSourceOptions& options = {});

// The parts of http://USER:PASSWORD@HOST:PORT/PATH; user and password with their percent signs
// decoded, the host without brackets.
struct HttpAddress {
  std::string user_and_password = {};
  std::string host = {};
  std::string port = "80";
  std::string path = "/";  // with the query
};
Result<HttpAddress> ParseHttpAddress(const CameraUri& uri);

}  // namespace deixis::camera
