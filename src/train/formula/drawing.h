// What a formula draws on: how much of each pixel it covers, where in the palette its colour lies,
// and how far it stands out, from which the light on it follows. Coordinates are those of
// vision/scene: the origin in the middle, 1 = half a side, y down.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "base/rng.h"
#include "vision/scene/geometry.h"

namespace deixis::formula {

using scene::Clamp01;
using scene::Mix;
using scene::Pose;
using scene::Vec2;

inline float Uniform(Rng& rng, double low, double high) {
  return static_cast<float>(rng.Uniform(low, high));
}
inline bool Chance(Rng& rng, double probability) { return rng.Unit() < probability; }

// Object coordinates to the picture's: a pose, then a gentle wave, so that no two pictures of a
// formula have the same outline.
struct View {
  Pose pose;
  float wave = 0;  // its height in object units; its slope stays below 1, so it can be undone
  float wave_number = 3;
  Vec2 phase;

  Vec2 Waved(Vec2 p) const {
    return {p.x + wave * scene::Sin(wave_number * p.y + phase.x),
            p.y + wave * scene::Sin(wave_number * p.x + phase.y)};
  }
  Vec2 ToObject(Vec2 p) const { return Waved(pose.ToObject(p)); }
  // Object units per unit of the picture, on average.
  float Scale() const {
    return 1 / std::sqrt(std::abs(pose.x_axis.x * pose.y_axis.y - pose.x_axis.y * pose.y_axis.x));
  }
};

struct Drawing {
  explicit Drawing(int64_t side) : side_px(side) { Clear(); }

  void Clear() {
    const auto count = static_cast<size_t>(side_px * side_px);
    cover.assign(count, 0);
    tone.assign(count, 0);
    height.assign(count, 0);
  }
  size_t At(int64_t row, int64_t column) const {
    return static_cast<size_t>(row * side_px + column);
  }
  Vec2 SceneOf(int64_t row, int64_t column) const {
    const float scale = 2 / static_cast<float>(side_px);
    return {(static_cast<float>(column) + 0.5f) * scale - 1,
            (static_cast<float>(row) + 0.5f) * scale - 1};
  }

  // Paints over what is there where sdf(p) < 0, p in object coordinates and the distance in object
  // units. `tone(p)` is the place in the palette, 0..1. The surface rises over `bevel` from its
  // outline to `rise`. Only pixels within `reach` object units of `centre` are looked at.
  template <typename Sdf, typename Tone>
  void Fill(const View& view, Vec2 centre, float reach, float bevel, float rise, const Sdf& sdf,
            const Tone& tone_of);

  int64_t side_px;
  std::vector<float> cover;   // 0..1
  std::vector<float> tone;    // 0..1
  std::vector<float> height;  // in object units
};

template <typename Sdf, typename Tone>
void Drawing::Fill(const View& view, Vec2 centre, float reach, float bevel, float rise,
                   const Sdf& sdf, const Tone& tone_of) {
  const float half = 0.5f * static_cast<float>(side_px);
  const Vec2 middle = view.pose.ToScene(centre);
  const float margin = reach + 2 * view.wave;
  const float reach_x = margin * (std::abs(view.pose.x_axis.x) + std::abs(view.pose.y_axis.x));
  const float reach_y = margin * (std::abs(view.pose.x_axis.y) + std::abs(view.pose.y_axis.y));
  const auto clip = [&](float at) {
    return std::clamp<int64_t>(static_cast<int64_t>(std::floor((at + 1) * half)), 0, side_px);
  };
  const int64_t row_end = clip(middle.y + reach_y + 1 / half);
  const int64_t column_begin = clip(middle.x - reach_x);
  const int64_t column_end = clip(middle.x + reach_x + 1 / half);
  const float per_pixel = half / view.Scale();  // pixels per object unit
  for (int64_t row = clip(middle.y - reach_y); row < row_end; ++row) {
    for (int64_t column = column_begin; column < column_end; ++column) {
      const Vec2 p = view.ToObject(SceneOf(row, column));
      const float distance = sdf(p);
      const float share = Clamp01(0.5f - distance * per_pixel);
      if (share <= 0) continue;
      const float depth = Clamp01(-distance / bevel);
      const size_t i = At(row, column);
      cover[i] = std::max(cover[i], share);
      tone[i] = Mix(tone[i], tone_of(p), share);
      height[i] = Mix(height[i], rise * std::sqrt(depth * (2 - depth)), share);
    }
  }
}

}  // namespace deixis::formula
