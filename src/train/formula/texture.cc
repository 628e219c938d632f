// Textures: cells around scattered points, interfering waves, folded noise, tilings.
#include <array>
#include <cmath>

#include "train/formula/formula.h"

namespace deixis::formula {
namespace {

float Fraction(float x) { return x - std::floor(x); }

// Fills the picture with value(p), 0..1, which is tone and height.
template <typename Value>
void Cover(const View& view, Drawing& drawing, float rise, const Value& value) {
  for (int64_t row = 0; row < drawing.side_px; ++row) {
    for (int64_t column = 0; column < drawing.side_px; ++column) {
      const size_t i = drawing.At(row, column);
      const float v = Clamp01(value(view.ToObject(drawing.SceneOf(row, column))));
      drawing.cover[i] = 1;
      drawing.tone[i] = v;
      drawing.height[i] = rise * v;
    }
  }
}

class Cells : public Formula {
 public:
  explicit Cells(Rng& rng)
      : scale_(Uniform(rng, 2, 6)),
        stretch_(Uniform(rng, 0.4, 1)),
        scatter_(Uniform(rng, 0.1, 1)),
        metric_(static_cast<int>(rng.Below(3))),
        kind_(static_cast<int>(rng.Below(4))),
        sharpness_(Uniform(rng, 0.7, 2.5)) {}

  void Draw(const View& view, Rng& rng, Drawing& drawing) const override {
    const auto seed = static_cast<uint32_t>(rng.NextBits());
    Cover(view, drawing, 0.15f, [&](Vec2 p) {
      p = {scale_ * p.x, scale_ * stretch_ * p.y};
      const auto x = static_cast<int32_t>(std::floor(p.x));
      const auto y = static_cast<int32_t>(std::floor(p.y));
      float nearest = 9;
      float second = 9;
      float tone = 0;
      for (int32_t dy = -1; dy <= 1; ++dy) {
        for (int32_t dx = -1; dx <= 1; ++dx) {
          const float noise = scene::LatticeNoise(x + dx, y + dy, seed);
          const float other = Fraction(noise * 4096);
          const Vec2 at = {static_cast<float>(x + dx) + 0.5f + scatter_ * (noise - 0.5f),
                           static_cast<float>(y + dy) + 0.5f + scatter_ * (other - 0.5f)};
          const float distance = Distance(p - at);
          if (distance < nearest) {
            second = nearest;
            nearest = distance;
            tone = Fraction(noise * 64);
          } else {
            second = std::min(second, distance);
          }
        }
      }
      switch (kind_) {
        case 0:
          return sharpness_ * 0.6f * nearest;
        case 1:
          return sharpness_ * 1.2f * (second - nearest);
        case 2:
          return second - nearest < 0.12f ? 0.0f : 0.25f + 0.75f * tone;
        default:
          return nearest < 0.2f * sharpness_ ? 1 - tone : 0.1f;
      }
    });
  }

 private:
  float Distance(Vec2 d) const {
    const float x = std::abs(d.x);
    const float y = std::abs(d.y);
    return metric_ == 0 ? scene::Length(d) : metric_ == 1 ? x + y : std::max(x, y);
  }

  float scale_, stretch_, scatter_;
  int metric_, kind_;
  float sharpness_;
};

class Interference : public Formula {
 public:
  explicit Interference(Rng& rng) {
    num_waves_ = 1 + rng.Below(4);
    for (Wave& wave : waves_) {
      const float length = Uniform(rng, 4, 22);
      const float angle = Uniform(rng, -scene::kPi, scene::kPi);
      wave.across = scene::Rotated({length, 0}, angle);
      wave.centre = {Uniform(rng, -1, 1), Uniform(rng, -1, 1)};
      wave.is_round = Chance(rng, 0.3);
    }
    fold_ = static_cast<int>(rng.Below(3));
    bend_ = Chance(rng, 0.5) ? Uniform(rng, 0.05, 0.4) : 0;
  }

  void Draw(const View& view, Rng& rng, Drawing& drawing) const override {
    std::array<Wave, 4> waves = waves_;
    for (Wave& wave : waves) {
      wave.across = scene::Rotated(wave.across, Uniform(rng, -0.1, 0.1));
      wave.phase = Uniform(rng, 0, 2 * scene::kPi);
    }
    const auto seed = static_cast<uint32_t>(rng.NextBits());
    const Vec2 shift = {Uniform(rng, -3, 3), Uniform(rng, -3, 3)};
    Cover(view, drawing, 0.12f, [&](Vec2 p) {
      if (bend_ > 0) {
        p = p + bend_ * Vec2{scene::SmoothNoise(2.0f * p + shift, seed) - 0.5f,
                             scene::SmoothNoise(2.0f * p - shift, seed) - 0.5f};
      }
      float sum = 0;
      for (size_t i = 0; i < num_waves_; ++i) {
        const Wave& wave = waves[i];
        const float at = wave.is_round ? scene::Length(wave.across) * scene::Length(p - wave.centre)
                                       : scene::Dot(wave.across, p);
        sum += scene::Sin(at + wave.phase);
      }
      sum /= static_cast<float>(num_waves_);
      return fold_ == 0 ? 0.5f + 0.5f * sum : fold_ == 1 ? std::abs(sum) : sum > 0 ? 0.9f : 0.1f;
    });
  }

 private:
  struct Wave {
    Vec2 across;
    Vec2 centre;
    bool is_round;
    float phase;
  };
  std::array<Wave, 4> waves_{};
  size_t num_waves_ = 1;
  int fold_ = 0;
  float bend_ = 0;
};

class Noise : public Formula {
 public:
  explicit Noise(Rng& rng)
      : scale_(Uniform(rng, 1, 6)),
        stretch_(Uniform(rng, 0.15, 1)),
        bend_(Chance(rng, 0.6) ? Uniform(rng, 0.2, 1.6) : 0),
        fold_(static_cast<int>(rng.Below(4))),
        bands_(Uniform(rng, 2, 7)) {
    float sum = 0;
    for (float& weight : weights_) sum += weight = Uniform(rng, 0.02, 1);
    for (float& weight : weights_) weight /= sum;
  }

  void Draw(const View& view, Rng& rng, Drawing& drawing) const override {
    const auto seed = static_cast<uint32_t>(rng.NextBits());
    const Vec2 shift = {Uniform(rng, -50, 50), Uniform(rng, -50, 50)};
    Cover(view, drawing, 0.25f, [&](Vec2 p) {
      p = Vec2{scale_ * p.x, scale_ * stretch_ * p.y} + shift;
      if (bend_ > 0) {
        const float turn = bend_ * scene::SmoothNoise(0.7f * p, seed ^ 0xABCDu);
        p = p + Vec2{turn, 0.5f * turn};
      }
      float sum = 0;
      float scale = 1;
      for (uint32_t octave = 0; octave < weights_.size(); ++octave, scale *= 2.1f) {
        const float v = scene::SmoothNoise(scale * p, seed + octave);
        sum += weights_[octave] * (fold_ == 1 ? std::abs(2 * v - 1) : v);
      }
      sum = (sum - 0.5f) * 2.2f + 0.5f;
      if (fold_ == 2) return std::abs(2 * Fraction(bands_ * sum) - 1);
      if (fold_ == 3) return sum > 0.5f ? 0.85f : 0.15f;
      return sum;
    });
  }

 private:
  float scale_, stretch_, bend_;
  int fold_;
  float bands_;
  std::array<float, 4> weights_{};
};

// A motif on a lattice: bricks, checks, dots, weaves, honeycombs of a sort.
class Tiling : public Formula {
 public:
  explicit Tiling(Rng& rng)
      : x_count_(Uniform(rng, 1.5, 5)),
        y_count_(Uniform(rng, 1.5, 5)),
        offset_(static_cast<float>(rng.Below(4)) * 0.25f),
        shear_(Chance(rng, 0.4) ? Uniform(rng, -0.7, 0.7) : 0),
        motif_(static_cast<int>(rng.Below(6))),
        size_(Uniform(rng, 0.25, 0.85)),
        tones_(static_cast<float>(1 + rng.Below(4))) {}

  void Draw(const View& view, Rng& rng, Drawing& drawing) const override {
    const Vec2 shift = {Uniform(rng, 0, 9), Uniform(rng, 0, 9)};
    const float size = size_ * Uniform(rng, 0.9, 1.1);
    const auto seed = static_cast<uint32_t>(rng.NextBits());
    Cover(view, drawing, 0.12f, [&](Vec2 p) {
      const float y = p.y * y_count_ + shift.y;
      const float row = std::floor(y);
      const float x = (p.x + shear_ * p.y) * x_count_ + shift.x + offset_ * row;
      const float column = std::floor(x);
      const Vec2 q = {2 * (x - column) - 1, 2 * (y - row) - 1};
      const float noise = scene::LatticeNoise(static_cast<int32_t>(column),
                                              static_cast<int32_t>(row), tones_ > 1 ? seed : 1);
      const float tone = 0.35f + 0.65f * std::floor(noise * tones_) / tones_;
      return Distance(q, row + column) < size ? tone : 0.05f;
    });
  }

 private:
  float Distance(Vec2 q, float parity) const {
    const float x = std::abs(q.x);
    const float y = std::abs(q.y);
    switch (motif_) {
      case 0:
        return std::max(x, y);
      case 1:
        return scene::Length(q);
      case 2:
        return x + y;
      case 3:
        return std::abs(scene::Length(q) - 0.6f) * 2;
      case 4:
        return Fraction(parity * 0.5f) < 0.25f ? 2 * x : 2 * y;
      default:
        return std::min(x, y) * 2;
    }
  }

  float x_count_, y_count_, offset_, shear_;
  int motif_;
  float size_, tones_;
};

}  // namespace

std::unique_ptr<Formula> MakeTexture(uint64_t seed) {
  Rng rng(seed);
  switch (rng.Below(4)) {
    case 0:
      return std::make_unique<Cells>(rng);
    case 1:
      return std::make_unique<Interference>(rng);
    case 2:
      return std::make_unique<Noise>(rng);
    default:
      return std::make_unique<Tiling>(rng);
  }
}

}  // namespace deixis::formula
