// Round things: apple, ball, banana, bottle, mug.
#include <array>
#include <cmath>
#include <cstdint>

#include "vision/scene/objects.h"

namespace deixis::scene {
namespace {

// The point of the unit sphere above p / radius, turned by `turn` about the y axis.
Vec3 OnSphere(Vec2 p, float radius, float turn) {
  const Vec2 q = (1 / radius) * p;
  const float z = std::sqrt(std::max(0.0f, 1 - Dot(q, q)));
  const Vec2 turned = Rotated({q.x, z}, turn);
  return {turned.x, q.y, turned.y};
}

Colour Football(Vec3 n, Colour patch) {
  // The corners of an icosahedron carry the dark patches.
  constexpr float kGolden = 1.618034f;
  float nearest = -1;
  for (const float a : {-1.0f, 1.0f}) {
    for (const float b : {-kGolden, kGolden}) {
      nearest = std::max({nearest, a * n.x + b * n.y, a * n.y + b * n.z, a * n.z + b * n.x});
    }
  }
  return nearest / 1.902113f > 0.925f ? patch : kWhite;
}

Colour Basketball(Vec3 n, Colour base) {
  const bool seam = std::abs(n.x) < 0.05f || std::abs(n.y) < 0.05f ||
                    std::abs(std::abs(n.x) - 0.62f + 0.3f * n.y * n.y) < 0.045f;
  return seam ? kBlack : base;
}

Colour BeachBall(Vec3 n, Colour first, Colour second) {
  if (n.y < -0.95f) return kWhite;
  const float sector = std::floor((Angle({n.x, n.z}) / kPi + 1) * 3);
  const auto index = static_cast<int>(sector) % 3;
  return index == 0 ? first : index == 1 ? kWhite : second;
}

Colour Tennis(Vec3 n, Colour base) {
  const float wave = n.x * n.x - n.y * n.y + 0.9f * n.x * n.y * n.z;
  return std::abs(wave - 0.25f) < 0.07f ? kWhite : base;
}

}  // namespace

void DrawApple(const Brush& brush, Rng& rng) {
  const float hue = Chance(rng, 0.65) ? Uniform(rng, -0.03, 0.04) : Uniform(rng, 0.17, 0.28);
  const Colour skin = FromHsv({hue, Uniform(rng, 0.7, 0.95), Uniform(rng, 0.6, 0.92)});
  const Colour blush = FromHsv({hue + Uniform(rng, 0.02, 0.08), 0.6f, 0.9f});
  const float width = Uniform(rng, 0.88, 1);
  const auto body = [&](Vec2 p) {
    // Both halves, without a crease where they meet.
    const Vec2 q = {std::sqrt(p.x * p.x / (width * width) + 0.05f), p.y};
    return SmoothUnion(Circle(q, {0.32f, 0.02f}, 0.58f), Circle(q, {0.24f, 0.35f}, 0.5f), 0.2f);
  };
  const uint32_t seed = static_cast<uint32_t>(rng.NextBits());
  brush.Fill({.bevel = 0.62f, .gloss = 0.55f}, body, [&](Vec2 p) {
    const float dimple = SmoothStep(0.32f, 0.02f, Length({p.x * 0.8f, (p.y + 0.44f) * 2}));
    const Colour mixed = Mix(skin, blush, 0.7f * CloudNoise({4 * p.x, 1.5f * p.y}, seed));
    return Scaled(mixed, 1 - 0.45f * dimple);
  });
  const float lean = Uniform(rng, -0.18, 0.18);
  brush.Fill(
      {.bevel = 0.04f},
      [&](Vec2 p) {
        return Capsule(p, {0, -0.4f}, {lean, -0.86f}, 0.045f, 0.06f);
      },
      Colour{0.34f, 0.22f, 0.12f, 1});
  if (Chance(rng, 0.6)) {
    const float side = lean > 0 ? -1.0f : 1.0f;
    const Colour leaf = FromHsv({Uniform(rng, 0.25, 0.36), 0.75f, Uniform(rng, 0.4, 0.65)});
    brush.Fill(
        {.bevel = 0.08f},
        [&](Vec2 p) {
          const Vec2 q = Rotated(p - Vec2{side * 0.3f, -0.74f}, side * 0.45f);
          return Ellipse(q, {0, 0}, {0.3f, 0.12f});
        },
        leaf);
  }
}

void DrawBall(const Brush& brush, Rng& rng) {
  constexpr float kRadius = 0.86f;
  const uint64_t kind = rng.Below(5);
  const float turn = Uniform(rng, -kPi, kPi);
  const Colour first = VividColour(rng);
  const Colour second = VividColour(rng);
  const Colour leather = FromHsv({Uniform(rng, 0.04, 0.08), 0.8f, Uniform(rng, 0.7, 0.9)});
  const Colour felt = FromHsv({Uniform(rng, 0.17, 0.21), 0.75f, 0.9f});
  brush.Fill(
      {.bevel = kRadius, .gloss = Uniform(rng, 0.1, 0.6)},
      [&](Vec2 p) {
        return Circle(p, {0, 0}, kRadius);
      },
      [&](Vec2 p) {
        const Vec3 n = OnSphere(p, kRadius, turn);
        switch (kind) {
          case 0:
            return Football(n, kBlack);
          case 1:
            return Basketball(n, leather);
          case 2:
            return BeachBall(n, first, second);
          case 3:
            return Tennis(n, felt);
          default:
            return std::abs(n.y) < 0.14f ? kWhite : first;
        }
      });
}

void DrawBanana(const Brush& brush, Rng& rng) {
  const float hue = Uniform(rng, 0.125, 0.165);
  const Colour peel = FromHsv({hue, Uniform(rng, 0.7, 0.9), Uniform(rng, 0.82, 0.97)});
  const Colour green = FromHsv({0.22f, 0.7f, 0.7f});
  const float unripe = Chance(rng, 0.3) ? 0.6f : 0.0f;
  constexpr Colour kTip{0.25f, 0.18f, 0.1f, 1};
  const float bend = Uniform(rng, 0.85, 1.1);  // radius of the arc that the fruit follows
  const float reach = 0.95f / bend;            // half its angle, nearly
  const float girth = Uniform(rng, 0.2, 0.26);
  const Vec2 centre = {0, -bend + 0.3f};
  // Along the arc from -1 to 1, and across it.
  const auto along = [&](Vec2 p) {
    const Vec2 q = p - centre;
    return Angle({q.y, q.x}) / reach;
  };
  const auto body = [&](Vec2 p) {
    const float t = along(p);
    const float thin = SmoothStep(1.0f, 0.45f, std::abs(t));
    const float half = girth * (0.28f + 0.72f * thin);
    const float across = std::abs(Length(p - centre) - bend) - half;
    return std::max(across, (std::abs(t) - 1) * reach * bend);
  };
  const uint32_t seed = static_cast<uint32_t>(rng.NextBits());
  const float spots = Chance(rng, 0.5) ? Uniform(rng, 0.62, 0.72) : 2.0f;
  brush.Fill({.bevel = girth, .gloss = 0.15f}, body, [&](Vec2 p) {
    const float t = along(p);
    const float across = (Length(p - centre) - bend) / girth;
    Colour colour = Mix(peel, green, unripe * SmoothStep(0.4f, 1, std::abs(t)));
    // Ridges run along the fruit.
    const float ridge = std::min(std::abs(across - 0.25f), std::abs(across + 0.45f));
    colour = Scaled(colour, 1 - 0.22f * SmoothStep(0.09f, 0.02f, ridge));
    if (CloudNoise(9.0f * p, seed) > spots) colour = Mix(colour, kTip, 0.7f);
    return Mix(colour, kTip, SmoothStep(0.86f, 0.95f, std::abs(t)));
  });
}

void DrawBottle(const Brush& brush, Rng& rng) {
  const bool glass = Chance(rng, 0.6);
  const float glass_hues[] = {0.33f, 0.08f, 0.55f, 0.3f};
  Colour body =
      glass ? FromHsv({glass_hues[rng.Below(4)], Uniform(rng, 0.4, 0.85), Uniform(rng, 0.3, 0.75)})
            : AnyColour(rng);
  body.a = glass ? Uniform(rng, 0.75, 0.95) : 1;
  const float half_body = Uniform(rng, 0.26, 0.36);
  const float half_neck = half_body * Uniform(rng, 0.3, 0.42);
  const float shoulder = Uniform(rng, -0.25, 0.0);
  const float neck = shoulder - Uniform(rng, 0.2, 0.32);
  const auto half_width = [&](float y) {
    return Mix(half_neck, half_body, SmoothStep(neck, shoulder, y));
  };
  const auto sides = [&](Vec2 p) { return std::abs(p.x) - half_width(p.y); };
  const Material round{
      .bevel = half_body, .gloss = glass ? 0.9f : 0.5f, .normal_scale = {1, 0.15f}};
  // Ends are cut by transparency: as part of the outline they would bend the light on the sides.
  brush.Fill(round, sides, [&](Vec2 p) {
    const bool inside = p.y > -0.88f && Box(p, {0, 0}, {half_body, 0.98f}, 0.08f) < 0;
    return inside ? body : kNothing;
  });
  const Colour cap = Chance(rng, 0.5) ? VividColour(rng) : Scaled(MetalColour(rng), 0.8f);
  const float half_cap = half_neck + 0.02f;
  const auto band = [&](float half, float top, float bottom, float gloss, const auto& pattern) {
    brush.Fill(
        {.bevel = half, .gloss = gloss, .normal_scale = {1, 0}},
        [&](Vec2 p) { return std::abs(p.x) - half; },
        [&](Vec2 p) { return p.y > top && p.y < bottom ? pattern(p) : kNothing; });
  };
  band(half_cap, -0.97f, -0.78f, 0.4f, [&](Vec2) { return cap; });
  const float label_top = shoulder + Uniform(rng, 0.1, 0.25);
  const float label_bottom = Uniform(rng, 0.6, 0.85);
  const Colour paper = Chance(rng, 0.5) ? kWhite : AnyColour(rng);
  const Colour print = VividColour(rng);
  band(half_body * 0.97f, label_top, label_bottom, 0.1f, [&](Vec2 p) {
    const float t = (p.y - label_top) / (label_bottom - label_top);
    return (t > 0.2f && t < 0.45f) || (t > 0.7f && t < 0.78f) ? print : paper;
  });
  // The reflection of a window down one side.
  brush.Fill(
      {.bevel = 0.001f, .gloss = 0},
      [&](Vec2 p) {
        const float x = -0.55f * half_width(p.y);
        return std::max(std::abs(p.x - x) - 0.03f, std::abs(p.y - 0.05f) - 0.78f);
      },
      Colour{1, 1, 1, glass ? 0.5f : 0.25f});
}

void DrawMug(const Brush& brush, Rng& rng) {
  const Colour glaze = Chance(rng, 0.3) ? kWhite : AnyColour(rng);
  const Colour trim = VividColour(rng);
  const Colour inside = Chance(rng, 0.5) ? Scaled(glaze, 0.55f) : Scaled(kWhite, 0.6f);
  const Colour drink = Chance(rng, 0.6) ? Colour{0.24f, 0.14f, 0.08f, 1} : inside;
  const uint64_t pattern = rng.Below(4);
  const float half = Uniform(rng, 0.5, 0.58);
  const float rim = Uniform(rng, 0.12, 0.22);  // half height of the rim's ellipse
  const float taper = Uniform(rng, -0.02, 0.14);
  constexpr float kTop = -0.58f;
  constexpr float kBottom = 0.72f;
  const float middle = -0.2f;
  brush.Fill(
      {.bevel = 0.09f, .gloss = 0.5f},
      [&](Vec2 p) {
        return Ring(Ellipse(p, {middle + half + 0.05f, 0.05f}, {0.34f, 0.4f}), 0.085f);
      },
      glaze);
  const auto half_at = [&](float y) {
    return half - taper * Clamp01((y - kTop) / (kBottom - kTop));
  };
  const auto sides = [&](Vec2 p) { return std::abs(p.x - middle) - half_at(p.y); };
  brush.Fill({.bevel = half, .gloss = 0.6f, .normal_scale = {1, 0.05f}}, sides, [&](Vec2 p) {
    // The bottom is the front half of an ellipse; see the bottle for the cut.
    const float x = (p.x - middle) / half;
    const float bottom = kBottom + 0.1f + rim * 0.8f * (std::sqrt(Clamp01(1 - x * x)) - 1);
    if (p.y < kTop || p.y > bottom) return kNothing;
    switch (pattern) {
      case 0:
        return p.y > -0.1f && p.y < 0.3f ? trim : glaze;
      case 1:
        return std::abs(p.y - 0.5f) < 0.06f || std::abs(p.y + 0.25f) < 0.06f ? trim : glaze;
      case 2:
        return Circle(p, {middle - 0.05f, 0.12f}, 0.24f) < 0 ? trim : glaze;
      default:
        return glaze;
    }
  });
  brush.Fill(
      {.bevel = 0.001f, .gloss = 0},
      [&](Vec2 p) {
        return Ellipse(p, {middle, kTop}, {half, rim});
      },
      Mix(glaze, kWhite, 0.4f));
  brush.Fill(
      {.bevel = 0.001f, .gloss = 0},
      [&](Vec2 p) {
        return Ellipse(p, {middle, kTop}, {half * 0.9f, rim * 0.85f});
      },
      [&](Vec2 p) { return p.y > kTop - rim * 0.25f ? drink : inside; });
}

}  // namespace deixis::scene
