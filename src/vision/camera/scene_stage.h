// What a made session paints once for each table: the table with its things, and a hand that is
// moved over it from frame to frame.
#pragma once

#include <cstdint>
#include <vector>

#include "base/rng.h"
#include "vision/image.h"
#include "vision/scene/hand.h"
#include "vision/scene/objects.h"

namespace deixis::camera {

struct SceneSessionOptions;

// Where everything lies. Pixels count from the left top corner of the picture.
struct SceneLayout {
  int label = -1;
  scene::Vec2 tip_px = {};      // where the finger points from
  scene::Vec2 direction = {};   // unit vector along the finger, to its tip
  scene::Vec2 retreat_px = {};  // from the tip to outside of the picture
  float from = 0;               // as PaintHand takes it
  float finger = 0;             // its length in scene units, from the tip to the knuckle
  float finger_px = 0;          // the same
  scene::HandPose hand = scene::HandPose::kPointing;
  struct Thing {
    int label = 0;
    scene::Vec2 place = {};  // scene units
    float size = 0;
  };
  std::vector<Thing> things;
  uint64_t paint_seed = 0;
};

SceneLayout PlanScene(const SceneSessionOptions& options, Rng& rng);

// Premultiplied: the picture below shines through by `keep`/255, which holds the shadow too.
class HandSprite {
 public:
  // Moved by so many pixels; what is outside of the picture is left out.
  void CompositeOnto(Image& picture, int64_t shift_x_px, int64_t shift_y_px) const;

 private:
  friend struct HandPainter;
  struct Pixel {
    uint8_t r, g, b, keep;
  };
  // Rows top.. of the picture and columns left.., before it is moved.
  int64_t top_px_ = 0;
  int64_t left_px_ = 0;
  int64_t height_px_ = 0;
  int64_t width_px_ = 0;
  std::vector<Pixel> pixels_;
};

struct ScenePainting {
  Image table;
  HandSprite hand;  // only if asked for
};

ScenePainting PaintScene(const SceneSessionOptions& options, const SceneLayout& layout,
                         bool with_hand);

}  // namespace deixis::camera
