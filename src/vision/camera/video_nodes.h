// The video devices of this machine by what they are, not by their number: /dev/video0 may be
// another camera after a cable was pulled.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace deixis::camera {

// What stays the same when a device is unplugged and plugged in again.
struct VideoIdentity {
  // Of a USB device: "046d", "0825", maybe empty, "1-2" (bus and port), "00" (interface).
  std::string vendor = {};
  std::string product = {};
  std::string serial = {};
  std::string port = {};
  std::string interface_number = {};
  // Of any other: where it is in sysfs.
  std::string device_path = {};
  std::string index = {};  // of the node among those of its device

  bool is_usb() const { return !vendor.empty(); }
  // "usb 046d:0825 serial 1A2B", "usb 046d:0825 port 1-2", "platform/vivid.0 index 0".
  std::string Text() const;
};

struct VideoNode {
  std::string path;  // "/dev/video0"
  std::string name;  // "HD Webcam C525", as its driver says
  VideoIdentity identity;
  std::string by_id = {};  // "/dev/v4l/by-id/...", if there is such a link
};

// `root` is "/" but in tests. In the order of their numbers; also nodes that capture nothing.
std::vector<VideoNode> ListVideoNodes(const std::string& root = "/");

// The node that `path`, which may be a link, names.
std::optional<VideoNode> FindVideoNode(const std::string& path, const std::string& root = "/");

// Where the same device is now. A USB device without a serial number is sought at its port first,
// then anywhere.
std::optional<VideoNode> FindVideoNode(const VideoIdentity& identity,
                                       const std::string& root = "/");

}  // namespace deixis::camera
