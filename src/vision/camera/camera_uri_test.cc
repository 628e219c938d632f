#include "vision/camera/camera_uri.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace deixis::camera {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

TEST(CameraUri, HasASchemeAPlaceAndParameters) {
  const auto device = ParseCameraUri("v4l2:///dev/v4l/by-id/usb-046d-video-index0?size=1280x720");
  ASSERT_TRUE(device.ok());
  EXPECT_EQ(device->scheme, "v4l2");
  EXPECT_EQ(device->place, "/dev/v4l/by-id/usb-046d-video-index0");
  EXPECT_THAT(device->parameters, ElementsAre(Pair("size", "1280x720")));

  const auto bare = ParseCameraUri("/dev/video0");
  ASSERT_TRUE(bare.ok());
  EXPECT_EQ(bare->scheme, "v4l2");
  EXPECT_EQ(bare->place, "/dev/video0");
  EXPECT_TRUE(bare->parameters.empty());

  const auto folder = ParseCameraUri("folder://my pictures/a=b?fps=2&loop=no");
  ASSERT_TRUE(folder.ok());
  EXPECT_EQ(folder->place, "my pictures/a=b");
  EXPECT_THAT(folder->parameters, ElementsAre(Pair("fps", "2"), Pair("loop", "no")));
}

TEST(CameraUri, OfASceneIsParametersAtOnce) {
  for (const char* text : {"scene://seed=3&fps=5", "scene://?seed=3&fps=5"}) {
    const auto uri = ParseCameraUri(text);
    ASSERT_TRUE(uri.ok()) << text;
    EXPECT_THAT(uri->parameters, ElementsAre(Pair("fps", "5"), Pair("seed", "3")));
  }
  EXPECT_TRUE(ParseCameraUri("scene://").ok());
}

TEST(CameraUri, RefusesWhatItDoesNotKnow) {
  for (const char* text :
       {"", "video0", "ftp://x", "rtsp://", "://", "folder://", "folder://?fps=2", "v4l2://",
        "scene://seed", "scene://seed=", "scene://=1", "scene://seed=1&", "scene://seed=1&seed=2",
        "folder://a?fps=1&&loop=no"}) {
    const auto uri = ParseCameraUri(text);
    ASSERT_FALSE(uri.ok()) << text;
    EXPECT_EQ(uri.error().code, ErrorCode::kUsage) << text;
    EXPECT_THAT(uri.error().message, HasSubstr(text));
  }
}

CameraUri Uri(const std::string& parameters) {
  return ParseCameraUri("scene://" + parameters).value();
}

TEST(ParameterReader, ReadsEachKind) {
  const CameraUri uri = Uri("fps=7.5&seed=18446744073709551615&size=320x240&loop=no&labels=a,b");
  ParameterReader reader(uri);
  EXPECT_EQ(reader.Number("fps", 30, {.least = 1, .most = 60}), 7.5);
  EXPECT_EQ(reader.Seed("seed", 1), UINT64_MAX);
  const auto size = reader.PictureSize("size", {640, 480});
  EXPECT_EQ(size.width_px, 320);
  EXPECT_EQ(size.height_px, 240);
  EXPECT_EQ(reader.Choice("loop", {"yes", "no"}), "no");
  EXPECT_THAT(reader.Words("labels"), ElementsAre("a", "b"));
  EXPECT_EQ(reader.Number("absent", 30, {.least = 1, .most = 60}), 30);
  EXPECT_EQ(reader.Choice("missing", {"first", "second"}), "first");
  EXPECT_TRUE(reader.Finish().ok());
}

std::string ErrorOf(const std::string& parameters) {
  const CameraUri uri = Uri(parameters);
  ParameterReader reader(uri);
  reader.Number("fps", 30, {.least = 1, .most = 60});
  reader.Seed("seed", 1);
  reader.PictureSize("size", {640, 480});
  reader.Choice("loop", {"yes", "no"});
  const Status status = reader.Finish();
  return status.ok() ? "" : status.error().message;
}

TEST(ParameterReader, NamesWhatIsWrong) {
  EXPECT_EQ(ErrorOf("fps=1&size=16x16"), "");
  for (const char* value : {"0.99", "61", "nan", "inf", "1x", "-5", " 5"}) {
    EXPECT_THAT(ErrorOf(std::string("fps=") + value),
                HasSubstr(std::string("fps: expected a number from 1 to 60, found \"") + value));
  }
  for (const char* value : {"-1", "1.5", "18446744073709551616"}) {
    EXPECT_THAT(ErrorOf(std::string("seed=") + value), HasSubstr("expected a whole number"));
  }
  for (const char* value : {"640", "640x", "x480", "640x480x3", "15x480", "640x8193", "axb"}) {
    EXPECT_THAT(ErrorOf(std::string("size=") + value), HasSubstr("size: expected WIDTHxHEIGHT"));
  }
  EXPECT_THAT(ErrorOf("loop=maybe"), HasSubstr("expected one of yes, no, found \"maybe\""));
  EXPECT_THAT(ErrorOf("colour=red"), HasSubstr("scene has no parameter \"colour\""));
}

}  // namespace
}  // namespace deixis::camera
