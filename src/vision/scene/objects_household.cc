// Things of the house: bowl, bulb, comb, fork, hammer, remote, toothbrush, watch.
#include <cmath>
#include <cstdint>

#include "vision/scene/objects.h"

namespace deixis::scene {
namespace {

constexpr Material kFlat{.bevel = 0.001f, .gloss = 0};

Colour Steel(Rng& rng) { return Scaled({0.77f, 0.78f, 0.81f, 1}, Uniform(rng, 0.85, 1.1)); }

// What is in a bowl: nothing, something even, or pieces.
Colour Content(uint64_t kind, Vec2 p, Colour first, Colour second, uint32_t seed) {
  if (kind == 1) return first;
  const float pieces = SmoothNoise(9.0f * p, seed);
  return Mix(first, second, SmoothStep(0.42f, 0.58f, pieces));
}

}  // namespace

void DrawBowl(const Brush& brush, Rng& rng) {
  const Colour glaze = Chance(rng, 0.35) ? kWhite : AnyColour(rng);
  const Colour trim = VividColour(rng);
  const Colour inside = Chance(rng, 0.5) ? glaze : kWhite;
  const uint64_t content = rng.Below(3);
  const Colour first = FromHsv({Uniform(rng, 0.02, 0.3), Uniform(rng, 0.3, 0.9), 0.8f});
  const Colour second = FromHsv({Uniform(rng, 0, 0.35), Uniform(rng, 0.3, 0.9), 0.7f});
  const auto seed = static_cast<uint32_t>(rng.NextBits());
  const uint64_t pattern = rng.Below(3);
  const float rim = Uniform(rng, 0.18, 0.42);  // half height of the opening
  const float depth = Uniform(rng, 0.62, 0.95);
  const float foot = Uniform(rng, 0.22, 0.4);
  constexpr float kTop = -0.3f;
  brush.Fill(
      {.bevel = 0.05f},
      [&](Vec2 p) {
        return Ellipse(p, {0, kTop + depth - 0.02f}, {foot, 0.11f});
      },
      Scaled(glaze, 0.75f));
  brush.Fill(
      {.bevel = 0.7f, .gloss = 0.5f},
      [&](Vec2 p) {
        return Ellipse(p, {0, kTop}, {0.96f, depth});
      },
      [&](Vec2 p) {
        if (p.y < kTop) return kNothing;
        if (pattern == 0 && std::abs(p.y - kTop - 0.45f * depth) < 0.07f) return trim;
        if (pattern == 1 && Fraction(6 * p.x) < 0.3f && p.y > kTop + 0.35f * depth) return trim;
        return glaze;
      });
  brush.Fill(
      {.bevel = 0.04f, .gloss = 0.5f},
      [&](Vec2 p) {
        return Ellipse(p, {0, kTop}, {0.96f, rim});
      },
      Mix(glaze, kWhite, 0.35f));
  brush.Fill(
      kFlat,
      [&](Vec2 p) {
        return Ellipse(p, {0, kTop}, {0.88f, 0.88f * rim});
      },
      [&](Vec2 p) {
        const float shade = Mix(0.6f, 0.95f, Clamp01((p.y - kTop) / rim * 0.5f + 0.5f));
        return Scaled(inside, shade);
      });
  if (content == 0) return;
  brush.Fill(
      kFlat,
      [&](Vec2 p) {
        return Ellipse(p, {0, kTop + 0.22f * rim}, {0.74f, 0.64f * rim});
      },
      [&](Vec2 p) { return Content(content, p, first, second, seed); });
}

void DrawBulb(const Brush& brush, Rng& rng) {
  const bool lit = Chance(rng, 0.35);
  const bool frosted = Chance(rng, 0.6);
  const Colour warm{1, Uniform(rng, 0.82, 0.95), Uniform(rng, 0.5, 0.85), 1};
  Colour glass = lit ? warm : Colour{0.92f, 0.93f, 0.92f, 1};
  glass.a = frosted || lit ? 0.97f : 0.5f;
  const float radius = Uniform(rng, 0.5, 0.62);
  const float half_neck = Uniform(rng, 0.22, 0.28);
  const Colour screw = MetalColour(rng);
  brush.Fill(
      {.bevel = 0.6f, .gloss = lit ? 0.2f : 0.9f},
      [&](Vec2 p) {
        const float neck = Capsule(p, {0, -0.2f}, {0, 0.36f}, radius * 0.75f, half_neck);
        return SmoothUnion(Circle(p, {0, -0.35f}, radius), neck, 0.1f);
      },
      [&](Vec2 p) {
        const float core = SmoothStep(radius, 0.0f, Length(p - Vec2{0, -0.32f}));
        return lit ? Mix(glass, {1.15f, 1.12f, 1, 1}, core) : glass;
      });
  if (!frosted && !lit) {
    brush.Fill(
        kFlat,
        [&](Vec2 p) {
          const float wires = Box({std::abs(p.x), p.y}, {0.09f, 0.02f}, {0.012f, 0.3f}, 0);
          return Union(wires, Box(p, {0, -0.27f}, {0.1f, 0.014f}, 0));
        },
        Colour{0.35f, 0.33f, 0.32f, 1});
  }
  brush.Fill(
      {.bevel = half_neck, .gloss = 0.7f, .normal_scale = {1, 0.2f}},
      [&](Vec2 p) {
        return Box(p, {0, 0.64f}, {half_neck * 0.95f, 0.24f}, 0.06f);
      },
      [&](Vec2 p) { return Scaled(screw, Fraction(9 * p.y + 0.8f * p.x) < 0.4f ? 0.6f : 1); });
  brush.Fill(
      {.bevel = 0.06f},
      [&](Vec2 p) {
        return Ellipse(p, {0, 0.9f}, {0.11f, 0.08f});
      },
      kBlack);
}

void DrawComb(const Brush& brush, Rng& rng) {
  const Colour plastic = Chance(rng, 0.3) ? kBlack : AnyColour(rng);
  const float count = std::floor(Uniform(rng, 11, 19));  // teeth
  const float spine = Uniform(rng, 0.1, 0.18);
  const float length = Uniform(rng, 0.4, 0.6);
  const bool has_handle = Chance(rng, 0.5);
  const float left = has_handle ? -0.25f : -0.92f;
  const float top = -0.3f;
  brush.Fill(
      {.bevel = 0.04f, .gloss = 0.5f},
      [&](Vec2 p) {
        const float back = Box(p, {0, top}, {0.97f, spine}, 0.08f);
        const float block = Box(p, {0.5f * (left + 0.92f), top + 0.5f * length},
                                {0.5f * (0.92f - left), 0.5f * length}, 0.02f);
        const float tooth = Fraction((p.x - left) / (0.92f - left) * count);
        const float half_pitch = 0.5f * (0.92f - left) / count;
        const float gap = (std::abs(tooth - 0.5f) - 0.24f) * 2 * half_pitch;
        return Union(back, Cut(block, gap));
      },
      plastic);
}

void DrawFork(const Brush& brush, Rng& rng) {
  const Colour steel = Steel(rng);
  const bool has_grip = Chance(rng, 0.25);
  const Colour grip = Chance(rng, 0.5) ? WoodColour(rng) : VividColour(rng);
  const float half = Uniform(rng, 0.17, 0.22);
  const float tines = Chance(rng, 0.3) ? 3.0f : 4.0f;
  const float end = Uniform(rng, 0.07, 0.11);
  const float root = Uniform(rng, -0.52, -0.42);  // where the slots end
  brush.Fill(
      {.bevel = 0.05f, .gloss = 0.9f},
      [&](Vec2 p) {
        const float head = Box(p, {0, -0.58f}, {half, 0.38f}, 0.1f);
        const float slot = Fraction((p.x / half + 1) * 0.5f * (2 * tines - 1) * 0.5f);
        const float pitch = 4 * half / (2 * tines - 1);
        const float opening = std::max((0.5f - slot) * pitch, p.y - root);
        return SmoothUnion(Cut(head, opening), Capsule(p, {0, -0.2f}, {0, 0.92f}, 0.045f, end),
                           0.06f);
      },
      steel);
  if (!has_grip) return;
  brush.Fill(
      {.bevel = 0.09f, .gloss = 0.3f},
      [&](Vec2 p) {
        return Capsule(p, {0, 0.25f}, {0, 0.9f}, 0.085f, 0.11f);
      },
      grip);
}

void DrawHammer(const Brush& brush, Rng& rng) {
  const bool wooden = Chance(rng, 0.6);
  const Colour handle = wooden ? WoodColour(rng) : VividColour(rng);
  const Colour iron = Scaled({0.5f, 0.51f, 0.54f, 1}, Uniform(rng, 0.6, 1.4));
  const bool has_claw = Chance(rng, 0.7);
  const float half = Uniform(rng, 0.085, 0.12);
  const auto seed = static_cast<uint32_t>(rng.NextBits());
  brush.Fill(
      {.bevel = half, .gloss = 0.2f},
      [&](Vec2 p) {
        return Capsule(p, {0, -0.6f}, {0, 0.88f}, 0.8f * half, 1.1f * half);
      },
      [&](Vec2 p) {
        if (!wooden) return p.y > 0.2f ? kBlack : handle;
        return Scaled(handle, 0.8f + 0.4f * CloudNoise({14 * p.x, 2 * p.y}, seed));
      });
  brush.Fill(
      {.bevel = 0.08f, .gloss = 0.6f},
      [&](Vec2 p) {
        const float head = Box(p, {0.05f, -0.66f}, {0.3f, 0.13f}, 0.03f);
        const float face = Box(p, {0.45f, -0.66f}, {0.14f, 0.19f}, 0.04f);
        const float claw = Triangle(p, {-0.15f, -0.8f}, {-0.15f, -0.55f}, {-0.72f, -0.4f});
        const float peen = Box(p, {-0.4f, -0.66f}, {0.2f, 0.09f}, 0.03f);
        return SmoothUnion(Union(head, face), has_claw ? claw : peen, 0.05f);
      },
      iron);
}

void DrawRemote(const Brush& brush, Rng& rng) {
  const Colour body = Chance(rng, 0.65) ? Colour{0.13f, 0.13f, 0.15f, 1} : AnyColour(rng);
  const Colour buttons = Chance(rng, 0.6) ? Colour{0.75f, 0.75f, 0.77f, 1} : AnyColour(rng);
  const float half = Uniform(rng, 0.22, 0.32);
  const float ring = Uniform(rng, 0.12, 0.17);
  const float columns = Chance(rng, 0.4) ? 4.0f : 3.0f;
  const bool has_ring = Chance(rng, 0.7);
  const Vec2 dial = {0, -0.28f};
  brush.Fill(
      {.bevel = 0.08f, .gloss = 0.35f},
      [&](Vec2 p) {
        return Box(p, {0, 0}, {half, 0.96f}, 0.12f);
      },
      body);
  const float inner = 0.8f * half;
  brush.Fill(
      {.bevel = 0.02f, .gloss = 0.2f},
      [&](Vec2 p) {
        const float pitch = 2 * inner / columns;
        const Vec2 cell = {(p.x + inner) / pitch, (p.y - 0.02f) / pitch};
        const Vec2 within = {(Fraction(cell.x) - 0.5f) * pitch, (Fraction(cell.y) - 0.5f) * pitch};
        const float grid = Circle(within, {0, 0}, 0.33f * pitch);
        const float area = Box(p, {0, 0.4f}, {inner, 0.4f}, 0);
        const float row =
            Box({std::abs(p.x), p.y}, {0.5f * half, -0.58f}, {0.25f * half, 0.04f}, 0.03f);
        const float keys = Union(Intersection(grid, area), row);
        return has_ring ? Union(keys, Ring(Circle(p, dial, ring), 0.045f)) : keys;
      },
      buttons);
  brush.Fill(
      {.bevel = 0.03f},
      [&](Vec2 p) {
        return Circle(p, {-0.5f * half, -0.8f}, 0.055f);
      },
      Colour{0.85f, 0.15f, 0.12f, 1});
}

void DrawToothbrush(const Brush& brush, Rng& rng) {
  const Colour handle = VividColour(rng);
  const Colour second = Chance(rng, 0.6) ? kWhite : AnyColour(rng);
  const Colour tips = VividColour(rng);
  const float half = Uniform(rng, 0.06, 0.09);
  const float lean = Uniform(rng, -0.1, 0.1);
  const float bristles = Uniform(rng, 0.14, 0.22);
  const Vec2 neck = {lean, -0.42f};
  brush.Fill(
      {.bevel = 0.05f, .gloss = 0.05f},
      [&](Vec2 p) {
        return Box(p, {lean - 0.05f - 0.5f * bristles, -0.72f}, {0.5f * bristles, 0.23f}, 0.02f);
      },
      [&](Vec2 p) {
        const bool end = p.x < lean - 0.05f - 0.7f * bristles;
        const Colour colour = end || Fraction(9 * p.y) < 0.33f ? tips : kWhite;
        return Scaled(colour, Fraction(22 * p.y) < 0.25f ? 0.75f : 1);
      });
  brush.Fill(
      {.bevel = half, .gloss = 0.4f},
      [&](Vec2 p) {
        const float head = Box(p, {lean, -0.72f}, {0.055f, 0.26f}, 0.05f);
        const float shaft = Capsule(p, neck, {0, 0.0f}, 0.045f, half);
        const float grip = Capsule(p, {0, 0.05f}, {0, 0.88f}, 1.25f * half, half);
        return SmoothUnion(SmoothUnion(head, shaft, 0.05f), grip, 0.06f);
      },
      [&](Vec2 p) {
        return p.y > 0.15f && p.y < 0.7f && std::abs(p.x) < 0.5f * half ? second : handle;
      });
}

void DrawWatch(const Brush& brush, Rng& rng) {
  const bool metal_strap = Chance(rng, 0.35);
  const Colour metal = MetalColour(rng);
  const Colour strap = metal_strap ? metal : Scaled(AnyColour(rng), 0.7f);
  const Colour face = Chance(rng, 0.5) ? kWhite : Scaled(AnyColour(rng), 0.5f);
  const Colour ink = face.r + face.g + face.b > 1.5f ? kBlack : kWhite;
  const float half = Uniform(rng, 0.19, 0.27);
  const float radius = Uniform(rng, 0.36, 0.46);
  const bool square = Chance(rng, 0.25);
  const float hour = Uniform(rng, -kPi, kPi);
  const float minute = Uniform(rng, -kPi, kPi);
  brush.Fill(
      {.bevel = 0.06f, .gloss = metal_strap ? 0.8f : 0.15f},
      [&](Vec2 p) {
        const float taper = 1 - 0.25f * std::abs(p.y);
        return Box(p, {0, 0}, {half * taper, 0.98f}, 0.06f);
      },
      [&](Vec2 p) {
        if (metal_strap) return Scaled(strap, Fraction(8 * p.y) < 0.2f ? 0.55f : 1);
        const bool hole = p.y > 0.5f &&
                          Circle({p.x, Fraction(8 * p.y) - 0.5f}, {0, 0}, 0.16f) < 0 &&
                          std::abs(p.x) < 0.03f;
        const bool stitch = std::abs(std::abs(p.x) - 0.75f * half) < 0.012f;
        return Scaled(strap, hole ? 0.3f : stitch ? 1.3f : 1);
      });
  const auto outline = [&](Vec2 p, float size) {
    return square ? Box(p, {0, 0}, {size, size}, 0.1f) : Circle(p, {0, 0}, size);
  };
  brush.Fill(
      {.bevel = 0.03f, .gloss = 0.8f},
      [&](Vec2 p) {
        return Box(p, {radius + 0.02f, 0}, {0.05f, 0.05f}, 0.01f);
      },
      metal);
  brush.Fill(
      {.bevel = 0.06f, .gloss = 0.8f}, [&](Vec2 p) { return outline(p, radius); }, metal);
  brush.Fill(
      {.bevel = 0.001f, .gloss = 0.3f}, [&](Vec2 p) { return outline(p, 0.85f * radius); },
      [&](Vec2 p) {
        const float r = Length(p) / radius;
        const float turn = Fraction((Angle(p) + kPi) * (12 / (2 * kPi)) + 0.5f);
        const bool tick = r > 0.64f && r < 0.78f && std::abs(turn - 0.5f) < 0.1f;
        const float hands =
            Union(Capsule(p, {0, 0}, Rotated({0, -0.4f * radius}, hour), 0.03f, 0.02f),
                  Capsule(p, {0, 0}, Rotated({0, -0.66f * radius}, minute), 0.022f, 0.012f));
        return tick || hands < 0 ? ink : face;
      });
}

}  // namespace deixis::scene
