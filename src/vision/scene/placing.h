// Under which light and how an object lies in a scene.
#pragma once

#include "base/rng.h"
#include "vision/scene/canvas.h"
#include "vision/scene/objects.h"

namespace deixis::scene {

// `difficulty` (0..1) is how far its colour and strength may be off white.
Light RandomLight(double difficulty, Rng& rng);

// Turned as far as its kind is, seen from a random side, half its extent `size` scene units; its
// origin stays at the centre of the scene.
Pose TurnedPose(const ObjectKind& kind, float size, Rng& rng);

}  // namespace deixis::scene
