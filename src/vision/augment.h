// Pictures varied at random, their marks with them: what a camera would have seen from a little
// nearer, further, to the side, in other light. Drawn from (seed, epoch, picture) alone, so that
// neither threads, processes nor an interruption change what a network is shown.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "base/preprocessing.h"
#include "base/result.h"
#include "base/rng.h"
#include "vision/geometry.h"

namespace deixis {

struct AugmentOptions {
  bool flip = true;            // half of the pictures are mirrored left to right
  double scale = 0.25;         // enlarged or shrunk by up to this share
  double shift = 0.15;         // moved by up to this share of the width and height (a crop's place)
  double rotate_degrees = 10;  // turned by up to this
  double colour = 0.3;         // brightness, contrast, saturation and each channel, by this share
  double blur_px = 0.7;        // standard deviation of the blur, at most, in pixels of the input
  double noise = 0.02;         // standard deviation of the noise, at most, of 0..1
  double erase = 0;  // share of pictures of which a rectangle without a mark is painted over

  // kUsage names what is out of range.
  Status Validate() const;
  static AugmentOptions None();
};

// How one picture is varied. Places are in pixels from the centre of the input.
struct Variation {
  // place in the varied picture = matrix * place in the picture + offset
  std::array<double, 4> matrix = {1, 0, 0, 1};
  std::array<double, 2> offset = {0, 0};
  // colour = gain * (value - grey) + grey for saturation, then contrast and brightness, 0..1.
  std::array<double, 3> gain = {1, 1, 1};
  double saturation = 1;
  double contrast = 1;
  double brightness = 0;
  double blur_px = 0;
  double noise = 0;
  uint64_t noise_seed = 0;
  struct Box {
    int64_t top, left, bottom, right;
    uint64_t colour_seed;
  };
  std::optional<Box> erased;
};

// Marks are kept inside the picture and outside of what is painted over: places are drawn again
// while one would leave.
Variation DrawVariation(const AugmentOptions& options, const Preprocessing& preprocessing,
                        std::span<const Point> marks_unit, Rng& rng);

// Where a mark goes.
Point VaryPoint(const Variation& variation, const Preprocessing& preprocessing, const Point& unit);

// `picture` is u8 [H, W, 3] RGB; `out` becomes what the network takes, normalised, channels in its
// order, [H, W, 3]. Without a variation the same numbers as the executor sees. Between pixels
// bilinear; beyond the border the picture is mirrored. O(pixels), allocates only for a blur.
void VaryPicture(const uint8_t* picture, const Variation& variation,
                 const Preprocessing& preprocessing, float* out);

}  // namespace deixis
