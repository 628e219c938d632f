// Hands with any of their fingers stretched, the others folded: what pointing, counting and signs
// are made of.
#include <array>

#include "train/formula/formula.h"
#include "train/formula/palette.h"
#include "vision/scene/shapes.h"

namespace deixis::formula {
namespace {

// Hand units: the palm is 1 wide, its middle the origin, fingers upwards, the thumb on the left of
// a right hand seen from its palm... mirrored at random anyway.
struct Finger {
  Vec2 base;
  float angle;   // from straight up, radians, to the right
  float length;  // three bones
  float width;
};

constexpr std::array<Finger, 5> kFingers = {{
    {{-0.42f, 0.28f}, -0.85f, 0.62f, 0.135f},
    {{-0.36f, -0.48f}, -0.13f, 0.80f, 0.115f},
    {{-0.12f, -0.54f}, -0.03f, 0.90f, 0.12f},
    {{0.12f, -0.52f}, 0.06f, 0.83f, 0.112f},
    {{0.35f, -0.42f}, 0.18f, 0.64f, 0.098f},
}};

class Hand : public Formula {
 public:
  Hand(int stretched, bool from_the_palm) : stretched_(stretched), palm_(from_the_palm) {}

  void Draw(const View& hand_view, Rng& rng, Drawing& drawing) const override {
    View view = hand_view;
    view.pose.x_axis = 0.62f * view.pose.x_axis;
    view.pose.y_axis = 0.62f * view.pose.y_axis;
    view.pose.origin = view.pose.ToScene({0, 0.35f});
    const float slim = Uniform(rng, 0.82, 1.15);
    const float spread = Uniform(rng, 0.5, 1.6);
    const float tone = Uniform(rng, -0.03, 0.03);
    DrawForearm(view, rng, drawing);
    if (palm_) {
      DrawPalm(view, slim, tone, drawing);
      for (int i = 4; i >= 1; --i) DrawFinger(view, i, slim, spread, tone, rng, drawing);
    } else {
      // From the back the folded fingers lie behind the palm, but for their knuckles.
      for (int i = 4; i >= 1; --i) DrawFinger(view, i, slim, spread, tone, rng, drawing);
      DrawPalm(view, slim, tone, drawing);
      DrawKnuckles(view, slim, tone, drawing);
    }
    DrawFinger(view, 0, slim, spread, tone, rng, drawing);
  }

 private:
  bool IsStretched(int finger) const { return (stretched_ >> finger & 1) != 0; }

  void DrawForearm(const View& view, Rng& rng, Drawing& drawing) const {
    const bool sleeved = Chance(rng, 0.6);
    const float cuff = Uniform(rng, 0.75, 1.6);
    const float lean = Uniform(rng, -0.5, 0.5);
    const float width = Uniform(rng, 0.26, 0.34);
    const Vec2 elbow = {lean, 3.2f};
    drawing.Fill(
        view, {0.5f * lean, 1.8f}, 1.9f, 0.3f, 0.25f,
        [&](Vec2 p) {
          const float arm = scene::Capsule(p, {0, 0.4f}, elbow, width, 1.3f * width);
          const bool cloth = sleeved && p.y > cuff;
          return cloth ? arm - 0.08f : arm;
        },
        [&](Vec2 p) { return sleeved && p.y > cuff ? kSleeveTone : kSkinTone; });
  }

  void DrawPalm(const View& view, float slim, float tone, Drawing& drawing) const {
    drawing.Fill(
        view, {0, 0.05f}, 0.8f, 0.3f, 0.2f,
        [&](Vec2 p) {
          const float box = scene::Box(p, {0, 0}, {0.46f * slim, 0.54f}, 0.25f);
          const float ball = scene::Ellipse(p, {-0.26f * slim, 0.24f}, {0.28f, 0.34f});
          return scene::SmoothUnion(box, ball, 0.12f);
        },
        [&](Vec2 p) {
          const bool line = palm_ && std::abs(p.y + 0.18f - 0.25f * p.x * p.x) < 0.02f;
          return kSkinTone + tone - (line ? 0.12f : 0);
        });
  }

  void DrawKnuckles(const View& view, float slim, float tone, Drawing& drawing) const {
    for (int i = 1; i < 5; ++i) {
      if (IsStretched(i)) continue;
      const Finger& finger = kFingers[static_cast<size_t>(i)];
      const Vec2 at = {finger.base.x * slim, finger.base.y + 0.02f};
      drawing.Fill(
          view, at, 0.2f, 0.12f, 0.24f,
          [&](Vec2 p) { return scene::Circle(p, at, 1.15f * finger.width); },
          [&](Vec2) { return kSkinTone + tone; });
    }
  }

  void DrawFinger(const View& view, int index, float slim, float spread, float tone, Rng& rng,
                  Drawing& drawing) const {
    const Finger& finger = kFingers[static_cast<size_t>(index)];
    const float width = finger.width * slim * Uniform(rng, 0.92, 1.08);
    const float bend = Uniform(rng, -0.22, 0.22);
    const float jitter = Uniform(rng, -0.09, 0.09);
    const float length = finger.length * Uniform(rng, 0.9, 1.1);
    const float crook = Uniform(rng, 0.8, 1.1);
    const Vec2 base = {finger.base.x * slim, finger.base.y};
    std::array<Vec2, 4> joints{};
    joints[0] = base;
    if (IsStretched(index)) {
      float angle = finger.angle * spread + jitter;
      for (size_t bone = 0; bone < 3; ++bone) {
        const float share = bone == 0 ? 0.44f : 0.28f;
        joints[bone + 1] = joints[bone] + scene::Rotated({0, -share * length}, angle);
        angle += 0.5f * bend;
      }
    } else if (index == 0) {
      // The thumb lies across the palm or along it.
      const float across = Uniform(rng, 0.2, 1.25);
      joints[1] = base + scene::Rotated({0, -0.3f}, -0.35f);
      joints[2] = joints[1] + scene::Rotated({0, -0.24f}, across);
      joints[3] = joints[2] + scene::Rotated({0, -0.18f}, across + 0.3f);
    } else {
      // Foreshortened: a little up, then back down over the palm (or hidden behind it).
      const float lean = 0.3f * jitter;
      joints[1] = base + Vec2{lean, -0.16f * crook};
      joints[2] = joints[1] + Vec2{lean, 0.2f * crook};
      joints[3] = joints[2] + Vec2{0, 0.17f * crook};
    }
    const Vec2 middle = 0.5f * (joints[0] + joints[3]);
    drawing.Fill(
        view, middle, 0.5f * length + 2 * width, width, 0.26f,
        [&](Vec2 p) {
          const float first = scene::Capsule(p, joints[0], joints[1], width, 0.97f * width);
          const float second = scene::Capsule(p, joints[1], joints[2], 0.97f * width, 0.9f * width);
          const float third = scene::Capsule(p, joints[2], joints[3], 0.9f * width, 0.78f * width);
          return std::min({first, second, third});
        },
        [&](Vec2 p) {
          const float crease = std::min(scene::Length(p - joints[1]), scene::Length(p - joints[2]));
          return kSkinTone + tone - (crease < 0.035f ? 0.1f : 0);
        });
    if (!palm_ && (IsStretched(index) || index == 0)) {
      const Vec2 nail = Mix(joints[3], joints[2], 0.12f);
      drawing.Fill(
          view, nail, width, 0.05f, 0.28f,
          [&](Vec2 p) { return scene::Circle(p, nail, 0.55f * width); },
          [](Vec2) { return kNailTone; });
    }
  }

  static Vec2 Mix(Vec2 a, Vec2 b, float t) { return a + t * (b - a); }

  int stretched_;
  bool palm_;
};

}  // namespace

std::unique_ptr<Formula> MakeHand(int stretched, bool from_the_palm) {
  return std::make_unique<Hand>(stretched, from_the_palm);
}

}  // namespace deixis::formula
