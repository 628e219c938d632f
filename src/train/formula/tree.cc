// Trees: a stroke that branches by the same rule a few times over.
#include <vector>

#include "train/formula/formula.h"
#include "vision/scene/shapes.h"

namespace deixis::formula {
namespace {

class Tree : public Formula {
 public:
  explicit Tree(uint64_t seed) {
    Rng rng(seed);
    const uint64_t num_branches = 1 + rng.Below(4);
    depth_ = num_branches == 1 ? 6 : num_branches == 2 ? 4 : 3;
    for (uint64_t i = 0; i < num_branches; ++i) {
      branches_.push_back({.turn = Uniform(rng, -1.4, 1.4),
                           .length = Uniform(rng, 0.5, 0.95),
                           .at = Uniform(rng, 0.4, 1)});
    }
    if (num_branches == 1) branches_[0].turn = 0.5f + 0.5f * std::abs(branches_[0].turn);
    width_ = Uniform(rng, 0.03, 0.13);
    taper_ = Uniform(rng, 0.5, 0.95);
    knob_ = Chance(rng, 0.4) ? Uniform(rng, 1.3, 3) : 0;
    arms_ = 1 + static_cast<int>(rng.Below(num_branches == 1 ? 6 : 3));
  }

  void Draw(const View& view, Rng& rng, Drawing& drawing) const override {
    const float width = width_ * Uniform(rng, 0.8, 1.2);
    const float length = arms_ == 1 ? 0.62f : 0.5f;
    for (int arm = 0; arm < arms_; ++arm) {
      const float turn =
          2 * scene::kPi * static_cast<float>(arm) / static_cast<float>(arms_) - scene::kPi / 2;
      const Vec2 from = arms_ == 1 ? Vec2{0, 0.85f} : Vec2{0, 0};
      Grow(view, from, turn, {length, width}, depth_, rng, drawing);
    }
  }

 private:
  struct Branch {
    float turn, length, at;
  };
  struct Size {
    float length, width;
  };

  void Grow(const View& view, Vec2 from, float angle, Size size, int depth, Rng& rng,
            Drawing& drawing) const {
    const float bent = angle + Uniform(rng, -0.12, 0.12);
    const Vec2 to = from + scene::Rotated({size.length, 0}, bent);
    const float end_width = size.width * taper_;
    const float tone = static_cast<float>(depth) / static_cast<float>(depth_);
    drawing.Fill(
        view, 0.5f * (from + to), 0.5f * size.length + size.width, size.width, 0.2f,
        [&](Vec2 p) { return scene::Capsule(p, from, to, size.width, end_width); },
        [&](Vec2) { return 0.7f * tone; });
    if (depth == 0 || size.length < 0.05f) {
      if (knob_ > 0) {
        const float radius = knob_ * width_;
        drawing.Fill(
            view, to, radius, radius, 0.2f, [&](Vec2 p) { return scene::Circle(p, to, radius); },
            [](Vec2) { return 1.0f; });
      }
      return;
    }
    for (const Branch& branch : branches_) {
      const Vec2 start = from + branch.at * (to - from);
      Grow(view, start, bent + branch.turn, {size.length * branch.length, end_width}, depth - 1,
           rng, drawing);
    }
  }

  std::vector<Branch> branches_;
  int depth_ = 1;
  float width_ = 0.1f;
  float taper_ = 0.8f;
  float knob_ = 0;
  int arms_ = 1;
};

}  // namespace

std::unique_ptr<Formula> MakeTree(uint64_t seed) { return std::make_unique<Tree>(seed); }

}  // namespace deixis::formula
