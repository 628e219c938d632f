// The text that names a camera: SCHEME://PLACE?NAME=VALUE&NAME=VALUE. A path that begins with
// /dev/ needs no scheme, and what follows scene:// are parameters at once. In an address on the
// network a question mark is the server's, and parameters follow a #.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace deixis::camera {

struct CameraUri {
  std::string text;    // as it was given, for messages; WithoutSecrets()
  std::string scheme;  // "v4l2", "folder", "scene", "replay", "file", "csi", "http", ..., "rtsps"
  std::string place;   // the path; of a camera on the network the whole address, secrets included
  std::map<std::string, std::string, std::less<>> parameters;
};

// The same without what may be secret in an address on the network: name and password before the
// host, and what follows the question mark. Any other text comes back as it is.
std::string WithoutSecrets(std::string_view text);

bool IsOnNetwork(std::string_view scheme);

// kUsage for a scheme that there is not, a missing place, a parameter without a value or given
// twice.
Result<CameraUri> ParseCameraUri(const std::string& text);

// The shortest text of the number.
std::string InWords(double value);

// Parameters are read by name with their range checked; Finish() refuses those that nobody asked
// for. The first error is kept: values read after it are the defaults.
class ParameterReader {
 public:
  explicit ParameterReader(const CameraUri& uri) : uri_(uri) {}

  struct Size {
    int64_t width_px = 0;
    int64_t height_px = 0;
  };
  struct Range {
    double least = 0;
    double most = 0;
  };
  double Number(std::string_view name, double otherwise, Range range);
  uint64_t Seed(std::string_view name, uint64_t otherwise);
  // "640x480"; 16 to 8192 pixels a side.
  Size PictureSize(std::string_view name, Size otherwise);
  // One of `choices`, the first unless it is given.
  std::string Choice(std::string_view name, const std::vector<std::string>& choices);
  // "mug,key": none unless given.
  std::vector<std::string> Words(std::string_view name);

  Status Finish();

 private:
  const std::string* Find(std::string_view name);
  void Refuse(std::string_view name, const std::string& expected, const std::string& found);

  const CameraUri& uri_;
  std::vector<std::string> known_;
  std::optional<Error> error_;
};

}  // namespace deixis::camera
