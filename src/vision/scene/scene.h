// Made pictures with known answers: an everyday object on a cluttered table and, in some, a hand
// that points at it, or one that does not point. They are what the project ships instead of photos:
// the demo's input, the source of its network, and a camera for who has none.
//
// The same seed and options give the same pixels on every platform, compiler and build type.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "vision/image.h"

namespace deixis {

struct SceneOptions {
  int64_t height_px = 64;
  int64_t width_px = 64;
  std::optional<int> label = {};         // an index into SceneClassNames(); random without
  double hand_probability = 0.25;        // 0..1, of one that points
  double other_hand_probability = 0.05;  // 0..1, of one that does not, where none points
  double difficulty = 1;  // 0 plain, clear pictures; 1 clutter, blur, noise, odd light

  // kUsage for a size outside 8..4096 pixels, a label that there is not, a share outside 0..1.
  Status Validate() const;
};

struct Scene {
  Image image;
  int label = 0;
  bool has_fingertip = false;
  // In pixels of the image, the left top corner of the left top pixel being (0, 0); inside the
  // image. Only with has_fingertip.
  double fingertip_x_px = 0;
  double fingertip_y_px = 0;
  // The knuckle behind it, which may lie outside of the image. Only with has_fingertip.
  double knuckle_x_px = 0;
  double knuckle_y_px = 0;
};

// "apple", "ball", ... "watch", by label.
const std::vector<std::string>& SceneClassNames();

// The options must be valid. O(pixels), a few milliseconds for 64x64; safe from any thread.
Scene GenerateScene(uint64_t seed, const SceneOptions& options = {});

}  // namespace deixis
