#include "vision/geometry.h"

#include <algorithm>

namespace deixis {
namespace {

// As Python's round((outer - inner) / 2): halves go to the even neighbour.
int64_t CenterOffset(int64_t outer, int64_t inner) {
  const int64_t difference = outer - inner;
  const int64_t lower = difference / 2;
  return difference % 2 != 0 && lower % 2 != 0 ? lower + 1 : lower;
}

// One axis: pixel p of `size` lies at (p + 0.5) * full / size - offset - 0.5 of the input.
double UnitFromPixelAxis(double pixel, int64_t size, int64_t full, int64_t offset, int64_t input) {
  const double place = (pixel + 0.5) * static_cast<double>(full) / static_cast<double>(size) -
                       static_cast<double>(offset);
  return 2.0 * place / static_cast<double>(input) - 1.0;
}

double PixelFromUnitAxis(double unit, int64_t size, int64_t full, int64_t offset, int64_t input) {
  const double place =
      (unit + 1.0) * static_cast<double>(input) / 2.0 + static_cast<double>(offset);
  return place * static_cast<double>(size) / static_cast<double>(full) - 0.5;
}

}  // namespace

ResizedFrame FrameFor(const PictureSize& size, const Preprocessing& preprocessing) {
  const int64_t height_px = preprocessing.height_px;
  const int64_t width_px = preprocessing.width_px;
  if (preprocessing.resize == ResizePolicy::kStretch) {
    return {.height_px = height_px, .width_px = width_px, .top_px = 0, .left_px = 0};
  }
  // A crop larger than the shorter side would leave the picture.
  const int64_t shorter = std::max({preprocessing.shorter_side_px, height_px, width_px});
  const bool is_tall = size.height_px > size.width_px;
  const int64_t longer =
      is_tall ? shorter * size.height_px / size.width_px : shorter * size.width_px / size.height_px;
  const int64_t full_height = is_tall ? longer : shorter;
  const int64_t full_width = is_tall ? shorter : longer;
  return {.height_px = full_height,
          .width_px = full_width,
          .top_px = CenterOffset(full_height, height_px),
          .left_px = CenterOffset(full_width, width_px)};
}

Point UnitFromPixel(const Point& pixel, const PictureSize& size,
                    const Preprocessing& preprocessing) {
  const ResizedFrame frame = FrameFor(size, preprocessing);
  return {UnitFromPixelAxis(pixel.x, size.width_px, frame.width_px, frame.left_px,
                            preprocessing.width_px),
          UnitFromPixelAxis(pixel.y, size.height_px, frame.height_px, frame.top_px,
                            preprocessing.height_px)};
}

Point PixelFromUnit(const Point& unit, const PictureSize& size,
                    const Preprocessing& preprocessing) {
  const ResizedFrame frame = FrameFor(size, preprocessing);
  return {PixelFromUnitAxis(unit.x, size.width_px, frame.width_px, frame.left_px,
                            preprocessing.width_px),
          PixelFromUnitAxis(unit.y, size.height_px, frame.height_px, frame.top_px,
                            preprocessing.height_px)};
}

}  // namespace deixis
