// Points from a picture to a network's input and back, by hand and by round trip.
#include "vision/geometry.h"

#include <gtest/gtest.h>

namespace deixis {
namespace {

Preprocessing Stretch(int64_t height_px, int64_t width_px) {
  Preprocessing preprocessing;
  preprocessing.resize = ResizePolicy::kStretch;
  preprocessing.height_px = height_px;
  preprocessing.width_px = width_px;
  return preprocessing;
}

TEST(Geometry, StretchMapsTheMiddleAndTheEdges) {
  const PictureSize size{.height_px = 480, .width_px = 640};
  const Preprocessing preprocessing = Stretch(224, 224);
  const Point middle = UnitFromPixel({319.5, 239.5}, size, preprocessing);
  EXPECT_NEAR(middle.x, 0.0, 1e-12);
  EXPECT_NEAR(middle.y, 0.0, 1e-12);
  const Point corner = UnitFromPixel({-0.5, 479.5}, size, preprocessing);
  EXPECT_NEAR(corner.x, -1.0, 1e-12);
  EXPECT_NEAR(corner.y, 1.0, 1e-12);
}

TEST(Geometry, CropMapsThePictureItShows) {
  // 640x480 -> 341x256, columns 58..282 and rows 16..240 of it.
  const PictureSize size{.height_px = 480, .width_px = 640};
  Preprocessing preprocessing;
  const ResizedFrame frame = FrameFor(size, preprocessing);
  EXPECT_EQ(frame.height_px, 256);
  EXPECT_EQ(frame.width_px, 341);
  EXPECT_EQ(frame.top_px, 16);
  EXPECT_EQ(frame.left_px, 58);
  // The left edge of the crop is 58 of 341 columns into the picture.
  const Point left = PixelFromUnit({-1.0, 0.0}, size, preprocessing);
  EXPECT_NEAR(left.x, 58.0 * 640.0 / 341.0 - 0.5, 1e-9);
  EXPECT_NEAR(left.y, 239.5, 1e-9);
}

TEST(Geometry, RoundTrip) {
  for (const PictureSize& size :
       {PictureSize{480, 640}, PictureSize{641, 333}, PictureSize{7, 5}}) {
    for (const Preprocessing& preprocessing :
         {Stretch(224, 224), Stretch(96, 128), Preprocessing{}}) {
      for (const Point& pixel : {Point{0, 0}, Point{3.25, 1.5}, Point{300, 200}}) {
        const Point back =
            PixelFromUnit(UnitFromPixel(pixel, size, preprocessing), size, preprocessing);
        EXPECT_NEAR(back.x, pixel.x, 1e-9);
        EXPECT_NEAR(back.y, pixel.y, 1e-9);
      }
    }
  }
}

}  // namespace
}  // namespace deixis
