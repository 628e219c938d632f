// What objects lie on, and what lies around them.
#pragma once

#include "base/rng.h"
#include "vision/scene/canvas.h"

namespace deixis::scene {

// Covers the whole layer: a wooden table, checked or striped cloth, stone, a gradient.
void PaintBackground(Layer& layer, const Light& light, Rng& rng);

// Scatters `count` patches, sticks and crumbs that are none of the objects.
void PaintClutter(Layer& layer, const Light& light, int count, Rng& rng);

}  // namespace deixis::scene
