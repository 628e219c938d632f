// Distances to the outlines that objects are built from: negative inside, in object units, exact or
// nearly so close to the outline, where the shading needs it.
#pragma once

#include <algorithm>
#include <cmath>

#include "vision/scene/geometry.h"

namespace deixis::scene {

inline float Circle(Vec2 p, Vec2 centre, float radius) { return Length(p - centre) - radius; }

// First-order distance: the implicit function over its gradient.
inline float Ellipse(Vec2 p, Vec2 centre, Vec2 radii) {
  const Vec2 q = p - centre;
  const Vec2 unit = {q.x / radii.x, q.y / radii.y};
  const float k = Length(unit);
  const float gradient = Length({unit.x / radii.x, unit.y / radii.y});
  return gradient < 1e-6f ? -std::min(radii.x, radii.y) : k * (k - 1) / gradient;
}

inline float Box(Vec2 p, Vec2 centre, Vec2 half, float corner_radius) {
  const Vec2 q = {std::abs(p.x - centre.x) - half.x + corner_radius,
                  std::abs(p.y - centre.y) - half.y + corner_radius};
  return Length({std::max(q.x, 0.0f), std::max(q.y, 0.0f)}) + std::min(std::max(q.x, q.y), 0.0f) -
         corner_radius;
}

// A line from a to b whose radius goes from radius_a to radius_b.
inline float Capsule(Vec2 p, Vec2 a, Vec2 b, float radius_a, float radius_b) {
  const Vec2 ap = p - a;
  const Vec2 ab = b - a;
  const float t = Clamp01(Dot(ap, ab) / std::max(Dot(ab, ab), 1e-12f));
  return Length(ap - t * ab) - Mix(radius_a, radius_b, t);
}

// Corners in either order.
inline float Triangle(Vec2 p, Vec2 a, Vec2 b, Vec2 c) {
  const float winding = (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x) > 0 ? 1.0f : -1.0f;
  const auto outside = [&](Vec2 from, Vec2 to) {
    const Vec2 edge = to - from;
    return winding * ((p.x - from.x) * edge.y - (p.y - from.y) * edge.x) /
           std::max(Length(edge), 1e-6f);
  };
  return std::max({outside(a, b), outside(b, c), outside(c, a)});
}

// The outline of `distance`, `half_width` to each side.
inline float Ring(float distance, float half_width) { return std::abs(distance) - half_width; }

inline float Union(float a, float b) { return std::min(a, b); }
inline float Cut(float a, float b) { return std::max(a, -b); }
inline float Intersection(float a, float b) { return std::max(a, b); }

// A union whose seam is rounded over `width`.
inline float SmoothUnion(float a, float b, float width) {
  const float h = Clamp01(0.5f + 0.5f * (b - a) / width);
  return Mix(b, a, h) - width * h * (1 - h);
}

}  // namespace deixis::scene
