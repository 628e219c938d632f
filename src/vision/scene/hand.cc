#include "vision/scene/hand.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "vision/scene/objects.h"
#include "vision/scene/shapes.h"

namespace deixis::scene {
namespace {

// Hand coordinates: the tip of a stretched index at the origin, its knuckle at (0, 1), the fingers
// along -y, the thumb on the side of -x.
struct Digit {
  Vec2 knuckle;
  float splay;   // radians to the side of +x, when stretched
  float length;  // from the knuckle
  float width;   // half, at the knuckle
};
constexpr int kThumb = 0;
constexpr int kIndex = 1;
constexpr std::array<Digit, 5> kDigits = {{
    {{-0.22f, 1.62f}, -0.75f, 0.72f, 0.135f},
    {{0.0f, 1.0f}, 0.0f, 1.0f, 0.112f},
    {{0.24f, 0.95f}, 0.07f, 1.08f, 0.115f},
    {{0.47f, 1.0f}, 0.16f, 1.0f, 0.108f},
    {{0.67f, 1.13f}, 0.28f, 0.8f, 0.095f},
}};

// How one hand looks, whatever it does.
struct Looks {
  Colour skin;
  Colour nail;
  float slim = 1;
  bool seen_from_palm = false;
  bool ring = false;
  Colour ring_colour;
  uint32_t seed = 0;
};

Looks RandomLooks(Rng& rng) {
  // Light to dark skin, by interpolation; some redder, some more yellow.
  constexpr Colour kLight{0.96f, 0.80f, 0.69f, 1};
  constexpr Colour kMiddle{0.76f, 0.55f, 0.40f, 1};
  constexpr Colour kDark{0.33f, 0.20f, 0.14f, 1};
  Looks looks;
  const float shade = Uniform(rng, 0, 2);
  const Colour tone = shade < 1 ? Mix(kLight, kMiddle, shade) : Mix(kMiddle, kDark, shade - 1);
  const float red = Uniform(rng, 0.96, 1.06);
  const float blue = Uniform(rng, 0.9, 1.08);
  looks.skin = {tone.r * red, tone.g, tone.b * blue, 1};
  const bool varnished = Chance(rng, 0.12);
  const Colour varnish = VividColour(rng);
  looks.nail = varnished ? varnish : Mix(looks.skin, {1, 0.86f, 0.84f, 1}, 0.45f);
  looks.slim = Uniform(rng, 0.85, 1.2);
  looks.seen_from_palm = Chance(rng, 0.15);
  looks.ring = Chance(rng, 0.15);
  looks.ring_colour = MetalColour(rng);
  looks.seed = static_cast<uint32_t>(rng.NextBits());
  return looks;
}

// Which digits are stretched, bit by bit, the thumb first.
uint32_t StretchedDigits(HandPose pose, Rng& rng) {
  const uint32_t thumb = Chance(rng, 0.4) ? 1 : 0;
  const uint64_t choice = rng.Below(5);
  constexpr std::array<uint32_t, 5> kSeveral = {0b00110, 0b01100, 0b01110, 0b11100, 0b10010};
  switch (pose) {
    case HandPose::kPointing:
      return 0b00010 | thumb;
    case HandPose::kOpen:
      return 0b11110 | thumb;
    case HandPose::kFist:
      return thumb;
    case HandPose::kSeveral:
      return kSeveral[choice] | thumb;
  }
  return 0;
}

// How far `p` is from `joint` along the finger; far, where it is not beside it.
float Across(Vec2 p, Vec2 joint, Vec2 before, Vec2 after) {
  const Vec2 along = after - before;
  const Vec2 q = p - joint;
  const float distance = std::abs(Dot(q, along)) / std::max(Length(along), 1e-6f);
  // Two folds, the second fainter.
  return Dot(q, q) > 0.03f ? 1.0f : std::min(distance, std::abs(distance - 0.035f) + 0.01f);
}

using Joints = std::array<Vec2, 4>;  // knuckle, two joints, the middle of the rounded tip

class HandPainter {
 public:
  HandPainter(Layer& layer, const Light& light, const HandPlace& place, Rng& rng)
      : layer_(layer), light_(light), rng_(rng), looks_(RandomLooks(rng)) {
    const float side = Chance(rng, 0.5) ? 1.0f : -1.0f;  // left or right hand
    pose_ = {.x_axis = Rotated({side * place.size, 0}, place.from),
             .y_axis = Rotated({0, place.size}, place.from),
             .origin = place.fingertip};
    stretched_ = StretchedDigits(place.pose, rng);
    spread_ = Uniform(rng, 0.4, 1.4);
  }

  Vec2 Paint() {
    PaintArm();
    if (!looks_.seen_from_palm) PaintThumb();
    // Folded fingers lie behind the back of the hand, and before its palm.
    const auto paint_fingers = [&](bool stretched) {
      for (int digit = 4; digit >= kIndex; --digit) {
        if (IsStretched(digit) == stretched) PaintDigit(digit, JointsOf(digit));
      }
    };
    if (!looks_.seen_from_palm) paint_fingers(false);
    PaintPalm();
    if (looks_.seen_from_palm) paint_fingers(false);
    paint_fingers(true);
    if (looks_.seen_from_palm) PaintThumb();
    return pose_.ToScene(kDigits[kIndex].knuckle);
  }

 private:
  bool IsStretched(int digit) const { return (stretched_ >> digit & 1) != 0; }

  // Paints around `centre`, in hand coordinates, no further than `reach`.
  template <typename Sdf, typename Pattern>
  void Fill(Vec2 centre, float reach, float bevel, const Sdf& sdf, const Pattern& pattern) {
    Pose pose = pose_;
    pose.origin = pose_.ToScene(centre);
    layer_.Paint(
        pose, reach, light_, {.bevel = bevel, .gloss = 0.08f},
        [&](Vec2 p) { return sdf(p + centre); }, [&](Vec2 p) { return pattern(p + centre); });
  }

  Colour SkinAt(Vec2 p) const {
    return Scaled(looks_.skin, 0.93f + 0.14f * CloudNoise(3.0f * p, looks_.seed));
  }

  void PaintArm() {
    const bool sleeved = Chance(rng_, 0.65);
    const float cuff = Uniform(rng_, 2.35, 3.6);
    const float lean = Uniform(rng_, -0.9, 0.9);
    const float wrist = Uniform(rng_, 0.29, 0.35) * Mix(1.0f, looks_.slim, 0.5f);
    const Vec2 start = {0.3f, 1.9f};
    const Vec2 elbow = {0.3f + lean, 7};
    Fill(
        {0.3f + 0.5f * lean, 4.2f}, 3.6f, 0.4f,
        [&](Vec2 p) { return Capsule(p, start, elbow, wrist, 1.6f * wrist); },
        [&](Vec2 p) { return SkinAt(p); });
    if (Chance(rng_, 0.12)) PaintWatch(start, elbow, wrist);
    const Colour cloth = AnyColour(rng_);
    const Colour other = AnyColour(rng_);
    const uint64_t weave = rng_.Below(4);
    const float loose = Uniform(rng_, 0.08, 0.3);
    const auto seed = static_cast<uint32_t>(rng_.NextBits());
    if (!sleeved) return;
    const Vec2 opening = start + ((cuff - start.y) / (elbow.y - start.y)) * (elbow - start);
    Fill(
        {0.3f + 0.5f * lean, 4.6f}, 3.6f, 0.35f,
        [&](Vec2 p) {
          const float sleeve = Capsule(p, start, elbow, wrist + loose, 1.7f * wrist + loose);
          return std::max(sleeve, opening.y - p.y);
        },
        [&](Vec2 p) {
          Colour colour = cloth;
          if (weave == 1 && SmoothNoise({0.1f, 9 * p.y}, 3) > 0.5f) colour = other;
          if (weave == 2 && LatticeNoise(static_cast<int32_t>(std::floor(8 * p.x)),
                                         static_cast<int32_t>(std::floor(8 * p.y)), seed) > 0.6f) {
            colour = Mix(cloth, other, 0.5f);
          }
          const float folds = 0.8f + 0.4f * CloudNoise({1.5f * p.x, 4 * p.y}, seed);
          const float hem = p.y < opening.y + 0.18f ? 0.85f : 1.0f;
          return Scaled(colour, folds * hem);
        });
  }

  void PaintWatch(Vec2 start, Vec2 elbow, float wrist) {
    const Colour strap = Scaled(AnyColour(rng_), 0.6f);
    const Colour face = Chance(rng_, 0.5) ? Colour{0.1f, 0.1f, 0.12f, 1} : MetalColour(rng_);
    const Vec2 at = start + 0.1f * (elbow - start);
    Fill(
        at, 0.9f, 0.1f,
        [&](Vec2 p) {
          return std::max(Capsule(p, start, elbow, wrist + 0.03f, 1.6f * wrist + 0.03f),
                          std::abs(p.y - at.y) - 0.13f);
        },
        [&](Vec2) { return strap; });
    if (looks_.seen_from_palm) return;
    Fill(
        at, 0.5f, 0.06f, [&](Vec2 p) { return Circle(p, at, 0.24f); }, [&](Vec2) { return face; });
  }

  void PaintPalm() {
    const float half = 0.43f * Mix(1.0f, looks_.slim, 0.6f);
    const bool lines = looks_.seen_from_palm;
    Fill(
        {0.3f, 1.55f}, 1.1f, 0.26f,
        [&](Vec2 p) {
          const float box = Box(p, {0.33f, 1.45f}, {half, 0.5f}, 0.24f);
          const float heel = Capsule(p, {0.3f, 1.6f}, {0.3f, 2.05f}, 0.4f, 0.32f);
          const float ball = Ellipse(p, {-0.02f, 1.62f}, {0.25f, 0.36f});
          return SmoothUnion(SmoothUnion(box, heel, 0.15f), ball, 0.1f);
        },
        [&](Vec2 p) {
          const float line = std::abs(p.y - 1.3f - 0.3f * (p.x - 0.3f) * (p.x - 0.3f));
          if (lines && line < 0.015f) return Scaled(looks_.skin, 0.7f);
          // The knuckles are a little redder, the valleys between the tendons darker.
          const float tendon = 0.5f + 0.5f * Cos(27 * p.x);
          const float fade = SmoothStep(1.7f, 1.0f, p.y);
          const Colour skin = SkinAt(p);
          return lines ? skin : Scaled(skin, 1 - 0.12f * fade * (1 - tendon));
        });
  }

  Joints JointsOf(int digit) {
    const Digit& d = kDigits[static_cast<size_t>(digit)];
    const float bend = Uniform(rng_, -0.16, 0.16);
    const float jitter = Uniform(rng_, -0.07, 0.07);
    const float stretch = Uniform(rng_, 0.93, 1.07);
    const float crook = Uniform(rng_, 0.7, 1.15);
    const float width = d.width * looks_.slim;
    Joints joints;
    joints[0] = d.knuckle;
    if (digit == kIndex && IsStretched(digit)) {
      // Its tip is where it was asked for: the joints leave the straight line a little.
      joints[1] = {0.3f * bend, 0.56f};
      joints[2] = {0.22f * bend, 0.28f};
      joints[3] = {0, 0.8f * width};
    } else if (IsStretched(digit)) {
      float angle = d.splay * spread_ + jitter;
      for (size_t bone = 0; bone < 3; ++bone) {
        const float share = bone == 0 ? 0.45f : 0.27f;
        joints[bone + 1] = joints[bone] + Rotated({0, -share * stretch * d.length}, angle);
        angle += bend;
      }
    } else {
      // Seen from the back only the first bone shows, shortened; from the palm the finger comes
      // back over it.
      const float up = -0.24f * crook;
      joints[1] = d.knuckle + Vec2{jitter, up};
      joints[2] = d.knuckle + Vec2{jitter, looks_.seen_from_palm ? 0.1f : 0.5f * up};
      joints[3] = d.knuckle + Vec2{0, looks_.seen_from_palm ? 0.3f : 0.1f};
    }
    return joints;
  }

  void PaintThumb() {
    const Digit& d = kDigits[kThumb];
    const float open = IsStretched(kThumb) ? Uniform(rng_, 0.7, 1.2) : Uniform(rng_, -0.1, 0.35);
    const float curl = IsStretched(kThumb) ? Uniform(rng_, -0.2, 0.3) : Uniform(rng_, 0.2, 0.8);
    Joints joints;
    float angle = d.splay * open - 0.12f;
    joints[0] = d.knuckle;
    for (size_t bone = 0; bone < 3; ++bone) {
      const float share = bone == 0 ? 0.4f : 0.3f;
      joints[bone + 1] = joints[bone] + Rotated({0, -share * d.length}, angle);
      angle += curl;
    }
    PaintDigit(kThumb, joints);
  }

  void PaintDigit(int digit, const Joints& joints) {
    const float width = kDigits[static_cast<size_t>(digit)].width * looks_.slim;
    const float tip = 0.8f * width;
    const float length = Length(joints[3] - joints[0]);
    const bool ringed = looks_.ring && digit == 3;
    Fill(
        0.5f * (joints[0] + joints[3]), 0.6f * length + 3 * width, 0.9f * width,
        [&](Vec2 p) {
          const float first = Capsule(p, joints[0], joints[1], width, 0.98f * width);
          const float second = Capsule(p, joints[1], joints[2], 0.98f * width, 0.92f * width);
          const float third = Capsule(p, joints[2], joints[3], 0.92f * width, tip);
          return Union(Union(first, second), third);
        },
        [&](Vec2 p) {
          // Creases lie across the finger at its joints.
          const float crease = std::min(Across(p, joints[1], joints[0], joints[2]),
                                        Across(p, joints[2], joints[1], joints[3]));
          const Vec2 along = joints[1] - joints[0];
          const float at = Dot(p - joints[0], along) / std::max(Dot(along, along), 1e-6f);
          if (ringed && at > 0.3f && at < 0.5f) return looks_.ring_colour;
          const Colour skin = SkinAt(p);
          const float rosy = SmoothStep(0.35f, 0.0f, Length(p - joints[3]));
          const Colour coloured = Mix(skin, {skin.r, skin.g * 0.88f, skin.b * 0.88f, 1}, rosy);
          return Scaled(coloured, 1 - 0.2f * SmoothStep(0.03f, 0.008f, crease));
        });
    const bool nail_shows = digit == kThumb || IsStretched(digit);
    if (looks_.seen_from_palm || !nail_shows) return;
    const Vec2 back = joints[2] - joints[3];
    const Vec2 middle = joints[3] + (0.18f * width / std::max(Length(back), 1e-6f)) * back;
    // In the finger's own direction.
    const Vec2 axis = (1 / std::max(Length(back), 1e-6f)) * back;
    Fill(
        middle, 2 * width, 0.03f,
        [&](Vec2 p) {
          const Vec2 q = p - middle;
          const Vec2 turned = {q.x * axis.y - q.y * axis.x, Dot(q, axis)};
          return Ellipse(turned, {0, 0}, {0.55f * width, 0.68f * width});
        },
        [&](Vec2) { return looks_.nail; });
  }

  Layer& layer_;
  const Light& light_;
  Rng& rng_;
  Looks looks_;
  Pose pose_;
  uint32_t stretched_ = 0;
  float spread_ = 1;
};

}  // namespace

Vec2 PaintHand(Layer& layer, const Light& light, const HandPlace& place, Rng& rng) {
  return HandPainter(layer, light, place, rng).Paint();
}

}  // namespace deixis::scene
