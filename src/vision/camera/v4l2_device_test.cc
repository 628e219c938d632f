#include "vision/camera/v4l2_device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/videodev2.h>

#include "vision/camera/camera.h"

namespace deixis::camera {
namespace {

using ::testing::HasSubstr;

constexpr uint32_t kYuyv = V4L2_PIX_FMT_YUYV;
constexpr uint32_t kMjpeg = V4L2_PIX_FMT_MJPEG;

std::string Chosen(const std::vector<VideoMode>& modes, const WantedMode& wanted = {}) {
  const auto mode = ChooseMode(modes, wanted);
  if (!mode) return "none";
  return PixelFormatName(mode->fourcc) + " " + std::to_string(mode->width_px) + "x" +
         std::to_string(mode->height_px);
}

TEST(ChooseMode, PrefersWhatNeedsNoDecodingIfItIsFastEnough) {
  EXPECT_EQ(Chosen({{kMjpeg, 480, 640, 30}, {kYuyv, 480, 640, 30}}), "YUYV 640x480");
  EXPECT_EQ(Chosen({{kMjpeg, 480, 640, 30}, {kYuyv, 480, 640, 29.97}}), "YUYV 640x480");
  EXPECT_EQ(Chosen({{kYuyv, 480, 640, 15}, {kMjpeg, 480, 640, 30}}), "MJPEG 640x480");
  // Where no rate is told, each may be fast enough.
  EXPECT_EQ(Chosen({{kMjpeg, 480, 640, 0}, {kYuyv, 480, 640, 0}}), "YUYV 640x480");
}

TEST(ChooseMode, TheSizeComesFirst) {
  const std::vector<VideoMode> modes = {
      {kYuyv, 480, 640, 30}, {kYuyv, 720, 1280, 10}, {kMjpeg, 720, 1280, 30}};
  EXPECT_EQ(Chosen(modes), "YUYV 640x480");
  EXPECT_EQ(Chosen(modes, {.height_px = 720, .width_px = 1280}), "MJPEG 1280x720");
  EXPECT_EQ(Chosen(modes, {.height_px = 720, .width_px = 1280, .fps = 10}), "YUYV 1280x720");
  EXPECT_EQ(Chosen(modes, {.height_px = 600, .width_px = 800}), "YUYV 640x480");
}

TEST(ChooseMode, KeepsToTheFormatAskedFor) {
  const std::vector<VideoMode> modes = {{kYuyv, 480, 640, 30}, {kMjpeg, 480, 640, 30}};
  EXPECT_EQ(Chosen(modes, {.pixel_format = "mjpeg"}), "MJPEG 640x480");
  EXPECT_EQ(Chosen({{kYuyv, 480, 640, 30}}, {.pixel_format = "mjpeg"}), "none");
  EXPECT_EQ(Chosen({{V4L2_PIX_FMT_NV12, 480, 640, 30}}), "none");
  EXPECT_EQ(Chosen({}), "none");
}

TEST(PixelFormatName, IsWhatPeopleSay) {
  EXPECT_EQ(PixelFormatName(kYuyv), "YUYV");
  EXPECT_EQ(PixelFormatName(kMjpeg), "MJPEG");
  EXPECT_EQ(PixelFormatName(V4L2_PIX_FMT_JPEG), "MJPEG");
  EXPECT_EQ(PixelFormatName(V4L2_PIX_FMT_Y16), "Y16");
}

TEST(PlausibleCaptureMs, DistrustsTheFutureAndTheFarPast) {
  EXPECT_EQ(PlausibleCaptureMs(99'980, 100'000), 99'980);
  EXPECT_EQ(PlausibleCaptureMs(100'000, 100'000), 100'000);
  EXPECT_EQ(PlausibleCaptureMs(100'001, 100'000), 100'000);
  EXPECT_EQ(PlausibleCaptureMs(95'001, 100'000), 95'001);
  EXPECT_EQ(PlausibleCaptureMs(95'000, 100'000), 100'000);
  EXPECT_EQ(PlausibleCaptureMs(0, 100'000), 100'000);
}

TEST(V4l2Device, WhatIsNotACameraIsSaidSo) {
  const auto missing = V4l2Device::Open("/dev/no-such-camera");
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, ErrorCode::kDeviceUnavailable);
  EXPECT_THAT(missing.error().message, HasSubstr("there is no such device"));
  const auto other = V4l2Device::Open("/dev/null");
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.error().code, ErrorCode::kDeviceUnavailable);
  EXPECT_THAT(other.error().message, HasSubstr("is no video device"));
}

TEST(V4l2Camera, ParametersAreChecked) {
  for (const char* uri : {"/dev/video0?fps=0", "/dev/video0?format=nv12", "/dev/video0?seed=1"}) {
    const auto camera = OpenCamera(uri, {.must_open = false});
    ASSERT_FALSE(camera.ok()) << uri;
    EXPECT_EQ(camera.error().code, ErrorCode::kUsage);
  }
}

TEST(V4l2Camera, ThatIsNotThereMayComeLater) {
  const auto refused = OpenCamera("v4l2:///dev/no-such-camera");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kDeviceUnavailable);
  const auto camera = OpenCamera("v4l2:///dev/no-such-camera", {.must_open = false});
  ASSERT_TRUE(camera.ok());
  EXPECT_EQ((*camera)->WaitForFrame(0, 50), nullptr);
  EXPECT_EQ((*camera)->StatusNow().state, CameraState::kNoSignal);
  EXPECT_THAT((*camera)->StatusNow().reason, HasSubstr("there is no such device"));
}

}  // namespace
}  // namespace deixis::camera
