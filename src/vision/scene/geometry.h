// The small mathematics of the scene generator: vectors, poses, and functions whose results are the
// same bits on every platform. Only +, -, *, / and the square root are used, which IEEE 754 defines
// exactly; sine and noise are built from them, and these files are compiled without contraction
// into fused multiply-adds.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace deixis::scene {

inline constexpr float kPi = 3.14159265f;

inline float Fraction(float x) { return x - std::floor(x); }

struct Vec2 {
  float x = 0;
  float y = 0;
};
struct Vec3 {
  float x = 0;
  float y = 0;
  float z = 0;
};

constexpr Vec2 operator+(Vec2 a, Vec2 b) { return {a.x + b.x, a.y + b.y}; }
constexpr Vec2 operator-(Vec2 a, Vec2 b) { return {a.x - b.x, a.y - b.y}; }
constexpr Vec2 operator*(float s, Vec2 a) { return {s * a.x, s * a.y}; }
constexpr float Dot(Vec2 a, Vec2 b) { return a.x * b.x + a.y * b.y; }
inline float Length(Vec2 a) { return std::sqrt(Dot(a, a)); }
constexpr float Dot(Vec3 a, Vec3 b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
inline Vec3 Normalized(Vec3 a) {
  const float scale = 1 / std::sqrt(std::max(Dot(a, a), 1e-12f));
  return {a.x * scale, a.y * scale, a.z * scale};
}

constexpr float Clamp01(float x) { return x < 0 ? 0.0f : x > 1 ? 1.0f : x; }
constexpr float Mix(float a, float b, float t) { return a + (b - a) * t; }
// 0 below `low`, 1 above `high`, smooth between.
constexpr float SmoothStep(float low, float high, float x) {
  const float t = Clamp01((x - low) / (high - low));
  return t * t * (3 - 2 * t);
}

// Error below 1e-5 for |x| up to a few hundred.
inline float Sin(float x) {
  const float turns = x * (1 / (2 * kPi));
  float t = turns - std::floor(turns + 0.5f);  // -0.5 .. 0.5
  if (t > 0.25f) t = 0.5f - t;
  if (t < -0.25f) t = -0.5f - t;
  const float a = 2 * kPi * t;
  const float a2 = a * a;
  return a * (1 + a2 * (-1.0f / 6 + a2 * (1.0f / 120 + a2 * (-1.0f / 5040 + a2 / 362880))));
}
inline float Cos(float x) { return Sin(x + kPi / 2); }

// The angle of (x, y) in -pi..pi, error below 0.012: enough for a pattern.
inline float Angle(Vec2 p) {
  const float ax = std::abs(p.x);
  const float ay = std::abs(p.y);
  const float ratio = std::min(ax, ay) / std::max({ax, ay, 1e-12f});
  float angle = ratio * (0.9817f - ratio * ratio * 0.1963f);
  if (ay > ax) angle = kPi / 2 - angle;
  if (p.x < 0) angle = kPi - angle;
  return p.y < 0 ? -angle : angle;
}

// Object coordinates to scene coordinates: turn, stretch, shift.
struct Pose {
  Vec2 x_axis = {1, 0};
  Vec2 y_axis = {0, 1};
  Vec2 origin = {0, 0};

  Vec2 ToScene(Vec2 p) const { return p.x * x_axis + p.y * y_axis + origin; }
  Vec2 ToObject(Vec2 p) const {
    const Vec2 q = p - origin;
    const float determinant = x_axis.x * y_axis.y - x_axis.y * y_axis.x;
    return {(q.x * y_axis.y - q.y * y_axis.x) / determinant,
            (q.y * x_axis.x - q.x * x_axis.y) / determinant};
  }
};

inline Vec2 Rotated(Vec2 p, float angle) {
  const float s = Sin(angle);
  const float c = Cos(angle);
  return {c * p.x - s * p.y, s * p.x + c * p.y};
}

// A number in 0..1 for each lattice point, and smooth noise between them.
inline float LatticeNoise(int32_t x, int32_t y, uint32_t seed) {
  uint32_t h =
      static_cast<uint32_t>(x) * 0x8DA6B343u ^ static_cast<uint32_t>(y) * 0xD8163841u ^ seed;
  h = (h ^ (h >> 15)) * 0x2C1B3C6Du;
  h = (h ^ (h >> 12)) * 0x297A2D39u;
  h ^= h >> 15;
  return static_cast<float>(h >> 8) * 0x1.0p-24f;
}

inline float SmoothNoise(Vec2 p, uint32_t seed) {
  const float fx = std::floor(p.x);
  const float fy = std::floor(p.y);
  const auto x = static_cast<int32_t>(fx);
  const auto y = static_cast<int32_t>(fy);
  const float u = SmoothStep(0, 1, p.x - fx);
  const float v = SmoothStep(0, 1, p.y - fy);
  return Mix(Mix(LatticeNoise(x, y, seed), LatticeNoise(x + 1, y, seed), u),
             Mix(LatticeNoise(x, y + 1, seed), LatticeNoise(x + 1, y + 1, seed), u), v);
}

// Several octaves of it, 0..1.
inline float CloudNoise(Vec2 p, uint32_t seed) {
  float sum = 0;
  float weight = 0.5f;
  for (uint32_t octave = 0; octave < 4; ++octave) {
    sum += weight * SmoothNoise(p, seed + octave * 0x9E3779B9u);
    p = 2.03f * p;
    weight *= 0.5f;
  }
  return sum * (1 / 0.9375f);
}

}  // namespace deixis::scene
