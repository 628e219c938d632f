// Contours: closed outlines within each other, the radius of each a sum of waves over the angle.
#include <array>
#include <cmath>

#include "train/formula/formula.h"

namespace deixis::formula {
namespace {

constexpr int kAngles = 512;

class Contour : public Formula {
 public:
  explicit Contour(uint64_t seed) {
    Rng rng(seed);
    for (Wave& wave : waves_) {
      wave.count = static_cast<int>(1 + rng.Below(12));
      wave.height = Uniform(rng, 0.02, 0.45) / std::sqrt(static_cast<float>(wave.count));
      wave.phase = Uniform(rng, 0, 2 * scene::kPi);
    }
    waves_[2].height *= Chance(rng, 0.5) ? 1.0f : 0.0f;
    num_rings_ = static_cast<int>(1 + rng.Below(7));
    line_ = Uniform(rng, 0.25, 1.3);  // beyond 1: filled
    twist_ = Chance(rng, 0.4) ? Uniform(rng, -1.2, 1.2) : 0;
    spacing_ = Uniform(rng, 0.7, 1.4);
  }

  void Draw(const View& view, Rng& rng, Drawing& drawing) const override {
    std::array<Wave, 3> waves = waves_;
    for (Wave& wave : waves) {
      wave.height *= Uniform(rng, 0.8, 1.2);
      wave.phase += Uniform(rng, -0.2, 0.2);
    }
    const float twist = twist_ * Uniform(rng, 0.8, 1.2);
    const float line = line_ * Uniform(rng, 0.8, 1.15);
    std::array<float, kAngles + 1> radius{};
    for (size_t i = 0; i < radius.size(); ++i) {
      const float angle = 2 * scene::kPi * static_cast<float>(i % kAngles) / kAngles;
      float sum = 0.72f;
      for (const Wave& wave : waves) {
        sum += wave.height * scene::Sin(static_cast<float>(wave.count) * angle + wave.phase);
      }
      radius[i] = std::max(sum, 0.12f);
    }
    const float to_index = kAngles / (2 * scene::kPi);
    const auto rings = static_cast<float>(num_rings_);
    const float per_pixel = 0.5f * static_cast<float>(drawing.side_px) / view.Scale();
    for (int64_t row = 0; row < drawing.side_px; ++row) {
      for (int64_t column = 0; column < drawing.side_px; ++column) {
        const Vec2 p = view.ToObject(drawing.SceneOf(row, column));
        const float r = scene::Length(p);
        if (r > 2.2f) continue;
        float at = (scene::Angle(p) + twist * r + 4 * scene::kPi) * to_index;
        at -= kAngles * std::floor(at / kAngles);
        const auto index = std::min(static_cast<size_t>(at), size_t{kAngles - 1});
        const float edge = Mix(radius[index], radius[index + 1], at - static_cast<float>(index));
        const float outside = (r - edge) * per_pixel;
        if (outside > 0.5f) continue;
        const float level = rings * std::pow(r / edge, spacing_);
        const float within = level - std::floor(level);
        const bool filled = line >= 1 || within > 1 - line;
        const size_t i = drawing.At(row, column);
        drawing.cover[i] = filled ? Clamp01(0.5f - outside) : 0;
        drawing.tone[i] = Clamp01(std::floor(level) / rings);
        drawing.height[i] = 0.3f * (1 - within);
      }
    }
  }

 private:
  struct Wave {
    int count;
    float height;
    float phase;
  };
  std::array<Wave, 3> waves_{};
  int num_rings_ = 1;
  float line_ = 1;
  float twist_ = 0;
  float spacing_ = 1;
};

}  // namespace

std::unique_ptr<Formula> MakeContour(uint64_t seed) { return std::make_unique<Contour>(seed); }

}  // namespace deixis::formula
