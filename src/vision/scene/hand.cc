#include "vision/scene/hand.h"

#include <algorithm>

#include "vision/scene/objects.h"

namespace deixis::scene {

void PaintHand(Layer& layer, const Light& light, Vec2 fingertip, float from, float size, Rng& rng) {
  // Light to dark skin, by interpolation.
  constexpr Colour kLight{0.96f, 0.8f, 0.69f, 1};
  constexpr Colour kDark{0.36f, 0.22f, 0.15f, 1};
  const Colour skin = Mix(kLight, kDark, Uniform(rng, 0, 1));
  const Colour nail = Mix(skin, {1, 0.86f, 0.84f, 1}, 0.45f);
  const Colour crease = Scaled(skin, 0.72f);
  const Colour sleeve = AnyColour(rng);
  const bool sleeved = Chance(rng, 0.7);
  const float side = Chance(rng, 0.5) ? 1.0f : -1.0f;  // left or right hand
  const float slim = Uniform(rng, 0.13, 0.17);

  // Hand coordinates: the tip at the origin, the finger along +y and 1 long.
  const Vec2 y_axis = Rotated({0, size}, from);
  const Vec2 x_axis = Rotated({side * size, 0}, from);
  const Pose pose{.x_axis = x_axis, .y_axis = y_axis, .origin = fingertip};
  const auto fill = [&](float bevel, const auto& sdf, const auto& pattern) {
    layer.Paint(pose, 5.0f, light, {.bevel = bevel, .gloss = 0.08f}, sdf, pattern);
  };

  fill(
      0.4f,
      [&](Vec2 p) {
        return Capsule(p, {0.22f, 1.7f}, {0.4f, 5.0f}, 0.3f, 0.45f);
      },
      [&](Vec2 p) { return sleeved && p.y > 2.3f ? sleeve : skin; });
  if (sleeved) {
    fill(
        0.3f,
        [&](Vec2 p) {
          return Capsule(p, {0.27f, 2.5f}, {0.4f, 5.0f}, 0.42f, 0.6f);
        },
        [&](Vec2) { return sleeve; });
  }
  // The palm, the thumb along it, and the finger that points.
  fill(
      0.22f,
      [&](Vec2 p) {
        const float palm = Box(p, {0.22f, 1.42f}, {0.42f, 0.5f}, 0.26f);
        const float finger = Capsule(p, {0, slim}, {0.0f, 1.2f}, slim, slim * 1.25f);
        const float thumb = Capsule(p, {-0.12f, 1.55f}, {-0.34f, 0.98f}, 0.17f, 0.12f);
        return SmoothUnion(SmoothUnion(palm, finger, 0.1f), thumb, 0.06f);
      },
      [&](Vec2 p) {
        const bool joint = std::min(std::abs(p.y - 0.42f), std::abs(p.y - 0.78f)) < 0.012f &&
                           std::abs(p.x) < slim * 0.8f;
        return joint ? crease : skin;
      });
  // The other fingers, folded.
  for (int i = 0; i < 3; ++i) {
    const float x = 0.24f + 0.17f * static_cast<float>(i);
    const float y = 1.05f + 0.05f * static_cast<float>(i);
    fill(
        0.1f,
        [&](Vec2 p) {
          return Capsule(p, {x, y}, {x - 0.02f, y + 0.32f}, 0.095f, 0.085f);
        },
        [&](Vec2) { return skin; });
  }
  fill(
      0.03f,
      [&](Vec2 p) {
        return Ellipse(p, {0, slim * 0.95f}, {slim * 0.55f, slim * 0.65f});
      },
      [&](Vec2) { return nail; });
}

}  // namespace deixis::scene
