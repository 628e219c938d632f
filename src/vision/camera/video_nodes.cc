#include "vision/camera/video_nodes.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

namespace deixis::camera {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kNodePrefix = "video";

// The first line of a file of sysfs; empty when it is not there.
std::string Line(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

int NumberOf(std::string_view node) {
  node.remove_prefix(kNodePrefix.size());
  int number = -1;
  const auto [end, error] = std::from_chars(node.data(), node.data() + node.size(), number);
  return error == std::errc() && end == node.data() + node.size() ? number : -1;
}

VideoIdentity IdentityOf(const fs::path& entry, const fs::path& sysfs) {
  VideoIdentity identity;
  identity.index = Line(entry / "index");
  std::error_code failure;
  const fs::path device = fs::canonical(entry / "device", failure);
  if (failure) return identity;
  identity.device_path = fs::relative(device, sysfs / "devices", failure).generic_string();
  // The interface of a USB device, whose parent is the device itself.
  const fs::path usb = device.parent_path();
  const std::string vendor = Line(usb / "idVendor");
  if (vendor.empty()) return identity;
  identity.vendor = vendor;
  identity.product = Line(usb / "idProduct");
  identity.serial = Line(usb / "serial");
  identity.port = usb.filename();
  identity.interface_number = Line(device / "bInterfaceNumber");
  return identity;
}

// Links of /dev/v4l/by-id by the node they point at.
std::string ByIdOf(const std::string& node, const fs::path& root) {
  std::error_code failure;
  std::string best;
  for (fs::directory_iterator entry(root / "dev/v4l/by-id", failure), end; !failure && entry != end;
       entry.increment(failure)) {
    std::error_code ignored;
    if (fs::read_symlink(entry->path(), ignored).filename() != node) continue;
    const std::string link = "/dev/v4l/by-id/" + entry->path().filename().string();
    if (best.empty() || link < best) best = link;
  }
  return best;
}

}  // namespace

std::string VideoIdentity::Text() const {
  if (is_usb()) {
    return "usb " + vendor + ":" + product +
           (serial.empty() ? " port " + port : " serial " + serial);
  }
  return device_path.empty() ? std::string() : device_path + " index " + index;
}

std::vector<VideoNode> ListVideoNodes(const std::string& root) {
  const fs::path sysfs = fs::path(root) / "sys";
  std::vector<std::pair<int, VideoNode>> found;
  std::error_code failure;
  for (fs::directory_iterator entry(sysfs / "class/video4linux", failure), end;
       !failure && entry != end; entry.increment(failure)) {
    const std::string node = entry->path().filename();
    if (!node.starts_with(kNodePrefix)) continue;
    const int number = NumberOf(node);
    if (number < 0) continue;
    found.emplace_back(number, VideoNode{.path = "/dev/" + node,
                                         .name = Line(entry->path() / "name"),
                                         .identity = IdentityOf(entry->path(), sysfs),
                                         .by_id = ByIdOf(node, root)});
  }
  std::ranges::sort(found, {}, [](const auto& pair) { return pair.first; });
  std::vector<VideoNode> nodes;
  for (auto& [number, node] : found) nodes.push_back(std::move(node));
  return nodes;
}

std::optional<VideoNode> FindVideoNode(const std::string& path, const std::string& root) {
  std::error_code failure;
  const fs::path link = fs::path(root) / fs::path(path).relative_path();
  const fs::path target = fs::canonical(link, failure);
  if (failure) return std::nullopt;
  for (VideoNode& node : ListVideoNodes(root)) {
    if (fs::path(node.path).filename() == target.filename()) return std::move(node);
  }
  return std::nullopt;
}

std::optional<VideoNode> FindVideoNode(const VideoIdentity& identity, const std::string& root) {
  std::optional<VideoNode> elsewhere;
  for (VideoNode& node : ListVideoNodes(root)) {
    const VideoIdentity& own = node.identity;
    if (own.index != identity.index || own.is_usb() != identity.is_usb()) continue;
    if (!identity.is_usb()) {
      if (own.device_path == identity.device_path) return std::move(node);
      continue;
    }
    if (own.vendor != identity.vendor || own.product != identity.product ||
        own.serial != identity.serial || own.interface_number != identity.interface_number) {
      continue;
    }
    if (own.port == identity.port) return std::move(node);
    if (!elsewhere) elsewhere = std::move(node);
  }
  return elsewhere;
}

}  // namespace deixis::camera
