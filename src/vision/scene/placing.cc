#include "vision/scene/placing.h"

namespace deixis::scene {

Light RandomLight(double difficulty, Rng& rng) {
  const auto spread = static_cast<float>(difficulty);
  Light light;
  const Vec2 side = Rotated({0, -1}, Uniform(rng, -1.6, 1.6));
  const float height = Uniform(rng, 0.7, 1.4);
  light.direction = Normalized({side.x * 0.8f, side.y * 0.8f, height});
  light.ambient = Uniform(rng, 0.35, 0.6);
  const float warmth = spread * Uniform(rng, -0.12, 0.12);
  const float level = 1 + spread * Uniform(rng, -0.2, 0.12);
  light.tint = {level * (1 + warmth), level, level * (1 - warmth), 1};
  return light;
}

Pose TurnedPose(const ObjectKind& kind, float size, Rng& rng) {
  const float turn = Uniform(rng, -kind.max_turn, kind.max_turn);
  // A tilted view shortens one direction of the table; a mirror makes left-handed things.
  const float view = Uniform(rng, -kPi, kPi);
  const float shortened = Uniform(rng, kind.is_flat ? 0.72 : 0.95, 1);
  const float mirror = Chance(rng, 0.5) ? 1.0f : -1.0f;
  const auto seen = [&](Vec2 axis) {
    Vec2 along = Rotated(Rotated(axis, turn), view);
    along.y *= shortened;
    return Rotated(along, -view);
  };
  return {.x_axis = seen({mirror * size, 0}), .y_axis = seen({0, size}), .origin = {}};
}

}  // namespace deixis::scene
