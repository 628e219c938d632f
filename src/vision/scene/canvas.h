// What the scene generator paints on: layers of premultiplied colour at several samples per pixel,
// filled with shaded shapes from back to front, then averaged down to pixels.
//
// Scene coordinates: x to the right, y down, the origin in the middle of the picture, 1 = half its
// shorter side.
#pragma once

#include <cstdint>
#include <vector>

#include "vision/image.h"
#include "vision/scene/geometry.h"

namespace deixis::scene {

// 0..1 per channel, as displayed (sRGB); alpha 1 is opaque.
struct Colour {
  float r = 0;
  float g = 0;
  float b = 0;
  float a = 1;
};

constexpr Colour Mix(Colour x, Colour y, float t) {
  return {Mix(x.r, y.r, t), Mix(x.g, y.g, t), Mix(x.b, y.b, t), Mix(x.a, y.a, t)};
}
constexpr Colour Scaled(Colour c, float s) { return {c.r * s, c.g * s, c.b * s, c.a}; }

// One distant lamp and light from everywhere.
struct Light {
  Vec3 direction = {-0.4f, -0.6f, 0.7f};  // towards the lamp, unit length, scene coordinates
  float ambient = 0.45f;                  // 0..1, the share of light that comes from everywhere
  Colour tint = {1, 1, 1, 1};             // of all light
};

// How a shape takes the light: it rises from its outline like a cushion over `bevel` units and is
// flat beyond. normal_scale flattens the cushion along an axis, so that {1, 0} is a cylinder.
struct Material {
  float bevel = 0.1f;
  float gloss = 0.2f;
  Vec2 normal_scale = {1, 1};
};

class Layer {
 public:
  Layer(int64_t height_px, int64_t width_px, int samples_per_side);

  int64_t height() const { return height_; }
  int64_t width() const { return width_; }
  Vec2 SceneOf(int64_t row, int64_t column) const {
    return {(static_cast<float>(column) + 0.5f - centre_.x) / unit_,
            (static_cast<float>(row) + 0.5f - centre_.y) / unit_};
  }
  // Samples per scene unit.
  float unit() const { return unit_; }
  Colour& at(int64_t row, int64_t column) {
    return colours_[static_cast<size_t>(row * width_ + column)];
  }
  const Colour& at(int64_t row, int64_t column) const {
    return colours_[static_cast<size_t>(row * width_ + column)];
  }

  // Paints where sdf(p) < 0, p in object coordinates within [-extent, extent] on both axes, with
  // the colour pattern(p) under `light`.
  template <typename Sdf, typename Pattern>
  void Paint(const Pose& pose, float extent, const Light& light, const Material& material,
             const Sdf& sdf, const Pattern& pattern);

  // `top` over this layer.
  void Composite(const Layer& top);

  // Darkens this opaque layer where `object`, shifted by `shift` (scene units) and softened over
  // `softness`, stands between it and the lamp.
  void CastShadow(const Layer& object, Vec2 shift, float softness, float darkness);

  // The average of each pixel's samples; the layer must be opaque. Colours beyond 0..1 are clipped
  // by the caller: rows of [width_px, 3].
  std::vector<float> Downsample() const;

 private:
  struct Range {
    int64_t row_begin, row_end, column_begin, column_end;
  };
  Range BoundsOf(const Pose& pose, float extent) const;
  void Over(int64_t row, int64_t column, Colour colour);

  int64_t height_;  // in samples
  int64_t width_;
  int samples_per_side_;
  float unit_;
  Vec2 centre_;
  std::vector<Colour> colours_;
};

// The colour of a surface of `base` colour with this normal (scene coordinates, unit length).
Colour Shade(Colour base, Vec3 normal, const Light& light, float gloss);

// A box blur of `radius_px`, which may be a fraction, of [height, width, 3].
void Blur(std::vector<float>& pixels, int64_t height_px, int64_t width_px, float radius_px);

template <typename Sdf, typename Pattern>
void Layer::Paint(const Pose& pose, float extent, const Light& light, const Material& material,
                  const Sdf& sdf, const Pattern& pattern) {
  constexpr float kStep = 0.004f;
  const Range range = BoundsOf(pose, extent);
  for (int64_t row = range.row_begin; row < range.row_end; ++row) {
    for (int64_t column = range.column_begin; column < range.column_end; ++column) {
      const Vec2 p = pose.ToObject(SceneOf(row, column));
      const float distance = sdf(p);
      if (!(distance < 0)) continue;
      Vec3 normal = {0, 0, 1};
      if (-distance < material.bevel) {
        // Distances grow along the gradient: outwards, and the steeper the closer to the outline.
        const Vec2 gradient = {(sdf(Vec2{p.x + kStep, p.y}) - distance) / kStep,
                               (sdf(Vec2{p.x, p.y + kStep}) - distance) / kStep};
        const float slope = 1 + distance / material.bevel;
        const Vec2 out = {gradient.x * material.normal_scale.x,
                          gradient.y * material.normal_scale.y};
        const Vec2 in_scene = slope * (out.x * pose.x_axis + out.y * pose.y_axis);
        const float scale = 1 / std::max(Length(pose.x_axis), Length(pose.y_axis));
        const Vec2 tilted = scale * in_scene;
        const float rest = 1 - Dot(tilted, tilted);
        normal = Normalized({tilted.x, tilted.y, std::sqrt(std::max(rest, 0.0f))});
      }
      Over(row, column, Shade(pattern(p), normal, light, material.gloss));
    }
  }
}

}  // namespace deixis::scene
