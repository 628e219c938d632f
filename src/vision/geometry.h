// Where a point of a picture lies in a network's input, and back: the geometry of PrepareForModel.
//
// A unit point is what a locate model answers: x and y in -1..1 across the input's width and
// height, (0, 0) its centre, whatever the picture's size.
#pragma once

#include <cstdint>

#include "base/preprocessing.h"

namespace deixis {

struct Point {
  double x = 0;
  double y = 0;
};

// A picture's size before it is resized.
struct PictureSize {
  int64_t height_px = 0;
  int64_t width_px = 0;
};

// The picture as it is once resized, of which rows [top, top + preprocessing.height_px) and columns
// [left, left + width_px) are the network's input.
struct ResizedFrame {
  int64_t height_px = 0;
  int64_t width_px = 0;
  int64_t top_px = 0;
  int64_t left_px = 0;
};
ResizedFrame FrameFor(const PictureSize& size, const Preprocessing& preprocessing);

// `pixel` counts from the centre of the top left pixel of the picture, as annotation tools do.
// Points outside what the crop leaves over lie outside -1..1.
Point UnitFromPixel(const Point& pixel, const PictureSize& size,
                    const Preprocessing& preprocessing);
Point PixelFromUnit(const Point& unit, const PictureSize& size, const Preprocessing& preprocessing);

}  // namespace deixis
