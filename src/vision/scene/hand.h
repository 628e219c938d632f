// A hand that points with its index finger.
#pragma once

#include "base/rng.h"
#include "vision/scene/canvas.h"

namespace deixis::scene {

// The tip of the finger, its outermost point along the finger, is at `fingertip`; the finger comes
// from the direction `from` (radians, 0 is from below, growing clockwise). `size` is the length of
// the finger in scene units.
void PaintHand(Layer& layer, const Light& light, Vec2 fingertip, float from, float size, Rng& rng);

}  // namespace deixis::scene
