// A hand: its index finger points, or it does something else.
#pragma once

#include "base/rng.h"
#include "vision/scene/canvas.h"

namespace deixis::scene {

enum class HandPose {
  kPointing,  // the index stretched, the others folded, the thumb anywhere
  kOpen,      // all fingers stretched
  kFist,      // none
  kSeveral,   // two or three stretched, the index maybe among them
};

struct HandPlace {
  // Where the tip of the index finger is, or would be: its outermost point along the finger.
  Vec2 fingertip = {};
  float from = 0;  // where the finger comes from: radians, 0 from below, growing clockwise
  float size = 1;  // from the tip of the index finger to its knuckle, in scene units
  HandPose pose = HandPose::kPointing;
};

// Returns where the knuckle of the index finger is, where the finger leaves the hand.
Vec2 PaintHand(Layer& layer, const Light& light, const HandPlace& place, Rng& rng);

}  // namespace deixis::scene
