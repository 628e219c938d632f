// Solids: things of a few rounded parts, one over the other, whose places move a little.
#include <vector>

#include "train/formula/formula.h"
#include "vision/scene/shapes.h"

namespace deixis::formula {
namespace {

enum class Kind { kEllipse, kBox, kCapsule, kTriangle, kRing };

struct Part {
  Kind kind;
  Vec2 centre;
  Vec2 half;
  float turn;
  float bevel;
  float tone;
  float stripes;  // 0 for none

  float Distance(Vec2 p) const {
    p = scene::Rotated(p - centre, -turn);
    switch (kind) {
      case Kind::kEllipse:
        return scene::Ellipse(p, {0, 0}, half);
      case Kind::kBox:
        return scene::Box(p, {0, 0}, half, 0.3f * std::min(half.x, half.y));
      case Kind::kCapsule:
        return scene::Capsule(p, {-half.x, 0}, {half.x, 0}, half.y, 0.6f * half.y);
      case Kind::kTriangle:
        return scene::Triangle(p, {-half.x, half.y}, {half.x, half.y}, {0, -half.y});
      case Kind::kRing:
        return scene::Ring(scene::Ellipse(p, {0, 0}, half), 0.25f * half.y);
    }
    return 1;
  }
};

class Solid : public Formula {
 public:
  explicit Solid(uint64_t seed) {
    Rng rng(seed);
    const uint64_t count = 2 + rng.Below(5);
    const bool symmetric = Chance(rng, 0.5);
    for (uint64_t i = 0; i < count; ++i) {
      Part part{};
      part.kind = static_cast<Kind>(rng.Below(5));
      const double reach = i == 0 ? 0.2 : 0.7;
      part.centre = {Uniform(rng, -reach, reach), Uniform(rng, -reach, reach)};
      const double size = i == 0 ? 0.75 : 0.5;
      const float x = Uniform(rng, 0.3 * size, size);
      const float y = Uniform(rng, 0.15 * size, size);
      part.half = {x, y};
      part.turn = Chance(rng, 0.4) ? 0 : Uniform(rng, -scene::kPi, scene::kPi);
      part.bevel = Uniform(rng, 0.05, 0.5);
      part.tone = Uniform(rng, 0, 1);
      part.stripes = Chance(rng, 0.25) ? Uniform(rng, 4, 14) : 0;
      parts_.push_back(part);
      if (symmetric && i > 0) {
        part.centre.x = -part.centre.x;
        part.turn = -part.turn;
        parts_.push_back(part);
      }
    }
  }

  void Draw(const View& view, Rng& rng, Drawing& drawing) const override {
    for (Part part : parts_) {
      part.centre = part.centre + Vec2{Uniform(rng, -0.07, 0.07), Uniform(rng, -0.07, 0.07)};
      part.turn += Uniform(rng, -0.15, 0.15);
      const float scale = Uniform(rng, 0.88, 1.14);
      part.half = scale * part.half;
      const float reach = 1.8f * std::max(part.half.x, part.half.y);
      drawing.Fill(
          view, part.centre, reach, part.bevel, 0.5f * part.bevel + 0.05f,
          [&](Vec2 p) { return part.Distance(p); },
          [&](Vec2 p) {
            if (part.stripes <= 0) return part.tone;
            const float across = scene::Rotated(p - part.centre, -part.turn).x;
            const bool odd = scene::Sin(part.stripes * across) > 0;
            return odd ? part.tone : Clamp01(1 - part.tone);
          });
    }
  }

 private:
  std::vector<Part> parts_;
};

}  // namespace

std::unique_ptr<Formula> MakeSolid(uint64_t seed) { return std::make_unique<Solid>(seed); }

}  // namespace deixis::formula
