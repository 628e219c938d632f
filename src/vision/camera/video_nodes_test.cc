#include "vision/camera/video_nodes.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace deixis::camera {
namespace {

namespace fs = std::filesystem;

// A machine made of files, as sysfs would show it.
class VideoNodes : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::path(::testing::TempDir()) /
            ::testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(root_);
    fs::create_directories(root_ / "sys/class/video4linux");
    fs::create_directories(root_ / "dev/v4l/by-id");
  }
  void TearDown() override { fs::remove_all(root_); }

  static void Write(const fs::path& path, const std::string& text) {
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text << "\n";
  }

  struct Usb {
    std::string port = "1-2";
    std::string vendor = "046d";
    std::string product = "0825";
    std::string serial = "";
    std::string index = "0";
  };
  void Plug(const std::string& node, const Usb& usb) const {
    const fs::path device = root_ / "sys/devices/pci0/usb1" / usb.port;
    Write(device / "idVendor", usb.vendor);
    Write(device / "idProduct", usb.product);
    if (!usb.serial.empty()) Write(device / "serial", usb.serial);
    const fs::path interface = device / (usb.port + ":1.0");
    Write(interface / "bInterfaceNumber", "00");
    Show(node, interface, "Webcam " + usb.product, usb.index);
  }
  void PlugVirtual(const std::string& node, const std::string& name) const {
    const fs::path device = root_ / "sys/devices/platform" / name;
    fs::create_directories(device);
    Show(node, device, name, "0");
  }
  void Unplug(const std::string& node) const {
    fs::remove_all(root_ / "sys/class/video4linux" / node);
    fs::remove(root_ / "dev" / node);
  }
  std::optional<std::string> PathOf(const VideoIdentity& identity) const {
    const auto node = FindVideoNode(identity, root_);
    return node ? std::optional(node->path) : std::nullopt;
  }
  VideoIdentity IdentityOf(const std::string& path) const {
    return FindVideoNode(path, root_).value().identity;
  }

  fs::path root_;

 private:
  void Show(const std::string& node, const fs::path& device, const std::string& name,
            const std::string& index) const {
    const fs::path entry = root_ / "sys/class/video4linux" / node;
    Write(entry / "name", name);
    Write(entry / "index", index);
    fs::create_directory_symlink(device, entry / "device");
    Write(root_ / "dev" / node, "");
  }
};

TEST_F(VideoNodes, AreListedByNumber) {
  Plug("video10", {.port = "1-3", .product = "0001"});
  Plug("video2", {.port = "1-2", .product = "0002", .serial = "1A2B"});
  PlugVirtual("video0", "vivid.0");
  fs::create_directories(root_ / "sys/class/video4linux/vbi0");
  fs::create_symlink("../../video2", root_ / "dev/v4l/by-id/usb-0002-video-index0");
  const auto nodes = ListVideoNodes(root_);
  ASSERT_EQ(nodes.size(), 3u);
  EXPECT_EQ(nodes[0].path, "/dev/video0");
  EXPECT_EQ(nodes[0].identity.Text(), "platform/vivid.0 index 0");
  EXPECT_EQ(nodes[1].path, "/dev/video2");
  EXPECT_EQ(nodes[1].name, "Webcam 0002");
  EXPECT_EQ(nodes[1].identity.Text(), "usb 046d:0002 serial 1A2B");
  EXPECT_EQ(nodes[1].by_id, "/dev/v4l/by-id/usb-0002-video-index0");
  EXPECT_EQ(nodes[2].path, "/dev/video10");
  EXPECT_EQ(nodes[2].identity.Text(), "usb 046d:0001 port 1-3");
  EXPECT_EQ(nodes[2].by_id, "");
}

TEST_F(VideoNodes, AreFoundThroughALink) {
  Plug("video4", {});
  fs::create_symlink("../../video4", root_ / "dev/v4l/by-id/usb-cam");
  EXPECT_EQ(FindVideoNode("/dev/v4l/by-id/usb-cam", root_).value().path, "/dev/video4");
  EXPECT_FALSE(FindVideoNode("/dev/v4l/by-id/usb-other", root_).has_value());
  EXPECT_FALSE(FindVideoNode("/dev/video0", root_).has_value());
}

TEST_F(VideoNodes, ADeviceIsFoundUnderAnotherNumber) {
  Plug("video0", {.serial = "A"});
  const VideoIdentity identity = IdentityOf("/dev/video0");
  Unplug("video0");
  EXPECT_EQ(PathOf(identity), std::nullopt);
  // Another camera takes its number; it comes back at another port.
  Plug("video0", {.port = "1-2", .serial = "B"});
  EXPECT_EQ(PathOf(identity), std::nullopt);
  Plug("video1", {.port = "1-4", .serial = "A"});
  EXPECT_EQ(PathOf(identity), "/dev/video1");
}

TEST_F(VideoNodes, WithoutASerialNumberThePortDecides) {
  Plug("video0", {.port = "1-1"});
  Plug("video1", {.port = "1-2"});
  const VideoIdentity second = IdentityOf("/dev/video1");
  EXPECT_EQ(PathOf(second), "/dev/video1");
  Unplug("video0");
  Unplug("video1");
  Plug("video5", {.port = "1-9"});
  EXPECT_EQ(PathOf(second), "/dev/video5");  // the only one of its kind
  Plug("video6", {.port = "1-2"});
  EXPECT_EQ(PathOf(second), "/dev/video6");
}

TEST_F(VideoNodes, TheSecondNodeOfADeviceIsNotTheFirst) {
  Plug("video0", {.index = "0"});
  const VideoIdentity identity = IdentityOf("/dev/video0");
  Unplug("video0");
  fs::remove_all(root_ / "sys/devices");
  Plug("video1", {.index = "1"});
  EXPECT_EQ(PathOf(identity), std::nullopt);
}

TEST_F(VideoNodes, OtherDevicesAreKnownByTheirPlace) {
  PlugVirtual("video0", "vivid.0");
  PlugVirtual("video1", "vivid.1");
  const VideoIdentity second = IdentityOf("/dev/video1");
  Unplug("video0");
  Unplug("video1");
  PlugVirtual("video3", "vivid.1");
  EXPECT_EQ(PathOf(second), "/dev/video3");
}

TEST_F(VideoNodes, AMachineWithoutVideoHasNone) {
  fs::remove_all(root_);
  EXPECT_TRUE(ListVideoNodes(root_).empty());
}

}  // namespace
}  // namespace deixis::camera
