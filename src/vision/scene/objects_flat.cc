// Things that lie flat: book, glasses, phone, scissors, key, pencil, spoon.
#include <array>
#include <cmath>
#include <cstdint>

#include "vision/scene/objects.h"

namespace deixis::scene {
namespace {

constexpr Colour kPaper{0.95f, 0.93f, 0.88f, 1};
constexpr Colour kInk{0.16f, 0.15f, 0.17f, 1};

// Lines of print: dark bars of uneven length in [left, right], `spacing` apart.
bool IsPrint(Vec2 p, float left, float right, float spacing, uint32_t seed) {
  const float line = std::floor(p.y / spacing);
  const float end =
      right - (right - left) * 0.35f * LatticeNoise(static_cast<int32_t>(line), 0, seed);
  const float within = p.y / spacing - line;
  return within > 0.35f && within < 0.75f && p.x > left && p.x < end;
}

void DrawOpenBook(const Brush& brush, Rng& rng) {
  const uint32_t seed = static_cast<uint32_t>(rng.NextBits());
  const Colour cover = AnyColour(rng);
  const bool picture = Chance(rng, 0.4);
  const Colour print_colour = AnyColour(rng);
  brush.Fill(
      {.bevel = 0.03f},
      [](Vec2 p) {
        return Box(p, {0, 0.03f}, {1, 0.7f}, 0.03f);
      },
      cover);
  brush.Fill(
      {.bevel = 0.03f, .gloss = 0},
      [](Vec2 p) {
        const float sag = 0.06f * (1 - std::abs(p.x)) * std::abs(p.x) * 4;
        return Box({p.x, p.y + sag}, {0, 0}, {0.95f, 0.66f}, 0.02f);
      },
      [&](Vec2 p) {
        const float x = std::abs(p.x);
        Colour page = Scaled(kPaper, 1 - 0.4f * SmoothStep(0.22f, 0.0f, x));
        if (picture && Box(p, {0.5f, -0.25f}, {0.33f, 0.25f}, 0) < 0) return print_colour;
        const bool print = std::abs(p.y) < 0.52f &&
                           IsPrint({x, p.y}, 0.14f, 0.84f, 0.12f, seed + (p.x < 0 ? 1 : 0));
        return print ? Mix(page, kInk, 0.7f) : page;
      });
}

void DrawClosedBook(const Brush& brush, Rng& rng) {
  const Colour cover = AnyColour(rng);
  const Colour title = Chance(rng, 0.5) ? kPaper : VividColour(rng);
  const uint32_t seed = static_cast<uint32_t>(rng.NextBits());
  const float thickness = Uniform(rng, 0.1, 0.2);
  const uint64_t design = rng.Below(3);
  const float half_width = Uniform(rng, 0.58, 0.7);
  // The back cover and the block of pages show at the right and below.
  brush.Fill(
      {.bevel = 0.02f},
      [&](Vec2 p) {
        return Box(p, {thickness, thickness}, {half_width, 0.85f}, 0.03f);
      },
      Scaled(cover, 0.7f));
  brush.Fill(
      {.bevel = 0.001f, .gloss = 0},
      [&](Vec2 p) {
        const float depth = std::max(p.x - half_width, p.y - 0.83f);
        const Vec2 shift = {Clamp01(depth / thickness) * thickness,
                            Clamp01(depth / thickness) * thickness};
        return Box(p - 0.5f * shift, {0.35f * thickness, 0.35f * thickness},
                   {half_width - 0.02f + 0.3f * thickness, 0.81f + 0.3f * thickness}, 0);
      },
      [&](Vec2 p) {
        const float edge = std::max(p.x - half_width, p.y - 0.83f);
        const float stripe = edge * 28 - std::floor(edge * 28);
        return Scaled(kPaper, stripe < 0.35f ? 0.72f : 0.95f);
      });
  brush.Fill(
      {.bevel = 0.03f, .gloss = 0.3f},
      [&](Vec2 p) {
        return Box(p, {0, 0}, {half_width, 0.85f}, 0.03f);
      },
      [&](Vec2 p) {
        if (p.x < -half_width + 0.14f) return Scaled(cover, 0.72f);  // the hinge
        const float x = p.x - 0.07f;
        if (std::abs(x) < 0.4f && p.y > -0.6f && p.y < -0.2f &&
            IsPrint({x, p.y}, -0.4f, 0.42f, 0.2f, seed)) {
          return title;
        }
        if (design == 0 && Box(p, {0.07f, 0.3f}, {0.34f, 0.3f}, 0.02f) < 0) return title;
        if (design == 1 && Circle(p, {0.07f, 0.32f}, 0.28f) < 0) return title;
        if (design == 2 && std::abs(std::abs(p.y) - 0.72f) < 0.03f) return title;
        return cover;
      });
}

}  // namespace

void DrawBook(const Brush& brush, Rng& rng) {
  if (Chance(rng, 0.4)) {
    DrawOpenBook(brush, rng);
  } else {
    DrawClosedBook(brush, rng);
  }
}

void DrawGlasses(const Brush& brush, Rng& rng) {
  const Colour frame = Chance(rng, 0.5) ? Scaled(AnyColour(rng), 0.5f) : MetalColour(rng);
  const bool sun = Chance(rng, 0.3);
  const Colour lens = sun ? Colour{0.1f, 0.1f, 0.13f, 0.88f} : Colour{0.85f, 0.93f, 0.97f, 0.35f};
  const float half_wire = Uniform(rng, 0.035, 0.075);
  const float corner = Chance(rng, 0.5) ? 0.34f : Uniform(rng, 0.12, 0.25);
  const float height = corner > 0.3f ? 0.36f : Uniform(rng, 0.26, 0.34);
  const auto rim = [&](Vec2 p) {
    return Box({std::abs(p.x), p.y}, {0.5f, 0.1f}, {0.38f, height}, std::min(corner, height));
  };
  // The temples go back and up, away from the viewer.
  const float lift = Uniform(rng, 0.25, 0.6);
  const float inward = Uniform(rng, -0.1, 0.25);
  brush.Fill(
      {.bevel = half_wire, .gloss = 0.5f},
      [&](Vec2 p) {
        const Vec2 q = {std::abs(p.x), p.y};
        return Capsule(q, {0.88f, 0.0f}, {0.92f - inward, -lift}, half_wire, half_wire * 0.8f);
      },
      Scaled(frame, 0.8f));
  brush.Fill({.bevel = 0.02f, .gloss = 0.5f}, rim, [&](Vec2 p) {
    const float stripe = std::abs(std::abs(p.x) + 0.8f * p.y - 0.42f);
    return stripe < 0.07f ? Mix(lens, Colour{1, 1, 1, lens.a + 0.1f}, 0.45f) : lens;
  });
  brush.Fill(
      {.bevel = half_wire, .gloss = 0.6f},
      [&](Vec2 p) {
        const float bridge =
            Intersection(Ring(Circle(p, {0, 0.12f}, 0.17f), half_wire), p.y - 0.05f);
        return Union(Ring(rim(p), half_wire), bridge);
      },
      frame);
}

void DrawKey(const Brush& brush, Rng& rng) {
  const Colour metal = MetalColour(rng);
  const Colour head = Chance(rng, 0.2) ? Scaled(AnyColour(rng), 0.7f) : metal;
  const uint64_t bow = rng.Below(3);
  const float half_shaft = Uniform(rng, 0.07, 0.1);
  std::array<float, 4> teeth{};
  for (float& tooth : teeth) tooth = Uniform(rng, 0.08, 0.26);
  const auto num_teeth = static_cast<size_t>(2 + rng.Below(3));
  const Material plate{.bevel = 0.06f, .gloss = 0.8f};
  brush.Fill(
      plate,
      [&](Vec2 p) {
        float key = Box(p, {0.3f, 0}, {0.65f, half_shaft}, 0.03f);
        for (size_t i = 0; i < num_teeth; ++i) {
          const float x = 0.88f - 0.15f * static_cast<float>(i);
          key = Union(key, Box(p, {x, half_shaft + 0.5f * teeth[i]},
                               {0.055f, 0.5f * teeth[i] + 0.03f}, 0.01f));
        }
        return key;
      },
      metal);
  brush.Fill(
      plate,
      [&](Vec2 p) {
        const Vec2 centre = {-0.6f, 0};
        const float outer =
            bow == 0   ? Circle(p, centre, 0.38f)
            : bow == 1 ? Box(p, centre, {0.34f, 0.38f}, 0.16f)
                       : SmoothUnion(Circle(p, {-0.74f, 0}, 0.25f),
                                     Circle({p.x, std::abs(p.y)}, {-0.52f, 0.21f}, 0.23f), 0.06f);
        return Cut(outer, Circle(p, {-0.7f, 0}, 0.15f));
      },
      head);
}

void DrawPencil(const Brush& brush, Rng& rng) {
  const Colour paint = Chance(rng, 0.4) ? FromHsv({0.13f, 0.85f, 0.93f}) : VividColour(rng);
  const Colour lead = Chance(rng, 0.6) ? Colour{0.15f, 0.15f, 0.16f, 1} : Scaled(paint, 0.8f);
  constexpr Colour kWood{0.87f, 0.7f, 0.48f, 1};
  const float half = Uniform(rng, 0.085, 0.125);
  const float tip = Uniform(rng, 0.3, 0.42);  // length of the sharpened end
  const bool eraser = Chance(rng, 0.65);
  const Material round{.bevel = half, .gloss = 0.3f, .normal_scale = {0.05f, 0.8f}};
  const float tip_begin = -1.02f + tip;
  brush.Fill(
      round,
      [&](Vec2 p) {
        return Box(p, {0.5f * (0.98f + tip_begin), 0}, {0.5f * (0.98f - tip_begin), half}, 0.01f);
      },
      [&](Vec2 p) {
        if (eraser && p.x > 0.82f) return Colour{0.9f, 0.55f, 0.55f, 1};
        if (eraser && p.x > 0.68f) {
          const float band = p.x * 22 - std::floor(p.x * 22);
          return Scaled({0.75f, 0.76f, 0.78f, 1}, band < 0.4f ? 0.75f : 1.0f);
        }
        // Three of the six faces are seen.
        return Scaled(paint, std::abs(p.y) < 0.36f * half ? 1.08f : 0.82f);
      });
  brush.Fill(
      round,
      [&](Vec2 p) {
        return Triangle(p, {-1.02f, 0}, {tip_begin, -half}, {tip_begin, half});
      },
      [&](Vec2 p) { return p.x < -1.02f + 0.36f * tip ? lead : kWood; });
}

void DrawPhone(const Brush& brush, Rng& rng) {
  const Colour frame = Chance(rng, 0.6) ? Colour{0.1f, 0.1f, 0.12f, 1} : AnyColour(rng);
  const Colour top = VividColour(rng);
  const Colour bottom = VividColour(rng);
  const uint64_t screen = rng.Below(4);  // 0 off, 1 a page of text, else icons
  const uint32_t seed = static_cast<uint32_t>(rng.NextBits());
  const float half = Uniform(rng, 0.43, 0.52);
  const float corner = Uniform(rng, 0.06, 0.14);
  const float chin = Chance(rng, 0.4) ? 0.13f : 0.04f;
  brush.Fill(
      {.bevel = 0.05f, .gloss = 0.5f},
      [&](Vec2 p) {
        return Box(p, {0, 0}, {half, 0.95f}, corner);
      },
      frame);
  const float half_screen = half - 0.045f;
  const float screen_height = 0.93f - chin;
  brush.Fill(
      {.bevel = 0.001f, .gloss = 0.3f},
      [&](Vec2 p) {
        return Box(p, {0, 0}, {half_screen, screen_height}, chin > 0.1f ? 0.01f : corner * 0.7f);
      },
      [&](Vec2 p) {
        const float t = 0.5f + 0.5f * p.y / screen_height;
        if (screen == 0) {
          const bool glare = std::abs(p.x + 0.6f * p.y) < 0.16f;
          return glare ? Colour{0.27f, 0.29f, 0.33f, 1} : Colour{0.06f, 0.06f, 0.08f, 1};
        }
        if (screen == 1) {
          if (p.y < -0.68f) return top;
          const bool print =
              IsPrint({p.x, p.y}, -half_screen + 0.07f, half_screen - 0.05f, 0.11f, seed);
          return print ? Colour{0.4f, 0.42f, 0.46f, 1} : Colour{0.96f, 0.96f, 0.97f, 1};
        }
        const Vec2 cell = {(p.x / half_screen + 1) * 2, t * 6};
        const Vec2 within = {cell.x - std::floor(cell.x) - 0.5f,
                             cell.y - std::floor(cell.y) - 0.5f};
        if (cell.y > 0.9f && cell.y < 5.9f && Box(within, {0, 0}, {0.31f, 0.31f}, 0.1f) < 0) {
          const float hue =
              LatticeNoise(static_cast<int32_t>(cell.x), static_cast<int32_t>(cell.y), seed);
          return FromHsv({hue, 0.55f, 0.97f});
        }
        return Scaled(Mix(top, bottom, t), 0.75f);
      });
  if (chin > 0.1f) {
    brush.Fill(
        {.bevel = 0.02f},
        [&](Vec2 p) {
          return Circle(p, {0, 0.875f}, 0.05f);
        },
        Scaled(Mix(frame, kPaper, 0.35f), 1));
  }
}

void DrawScissors(const Brush& brush, Rng& rng) {
  const Colour steel = Scaled({0.76f, 0.78f, 0.81f, 1}, Uniform(rng, 0.85, 1.1));
  const Colour grip = Chance(rng, 0.8) ? VividColour(rng) : Colour{0.12f, 0.12f, 0.13f, 1};
  const float opening = Uniform(rng, 0.16, 0.48);  // half the angle between the blades
  const float half_wire = Uniform(rng, 0.065, 0.1);
  const Vec2 pivot = {0, 0.05f};
  for (const float side : {-1.0f, 1.0f}) {
    // A blade on one side carries the grip on the other.
    const auto turned = [&](Vec2 p) {
      const Vec2 q = Rotated(p - pivot, -side * opening);
      return Vec2{side * q.x, q.y};
    };
    brush.Fill(
        {.bevel = 0.05f, .gloss = 0.7f},
        [&](Vec2 p) {
          const Vec2 q = turned(p);
          const float blade = Triangle(q, {-0.09f, 0.12f}, {0.1f, 0.12f}, {-0.07f, -1.02f});
          return Union(blade, Capsule(q, {0, 0}, {-0.04f, 0.35f}, 0.09f, 0.07f));
        },
        steel);
    brush.Fill(
        {.bevel = half_wire, .gloss = 0.4f},
        [&](Vec2 p) {
          const Vec2 q = turned(p);
          const float ring = Ring(Ellipse(q, {0.02f, 0.68f}, {0.2f, 0.27f}), half_wire);
          return SmoothUnion(ring, Capsule(q, {-0.02f, 0.22f}, {-0.04f, 0.42f}, 0.07f, half_wire),
                             0.08f);
        },
        grip);
  }
  brush.Fill(
      {.bevel = 0.05f, .gloss = 0.8f}, [&](Vec2 p) { return Circle(p, pivot, 0.065f); },
      Scaled(steel, 0.6f));
}

void DrawSpoon(const Brush& brush, Rng& rng) {
  const bool wooden = Chance(rng, 0.3);
  const Colour body =
      wooden ? WoodColour(rng) : Scaled({0.77f, 0.78f, 0.8f, 1}, Uniform(rng, 0.85, 1.1));
  const float gloss = wooden ? 0.1f : 0.9f;
  const float half_width = Uniform(rng, 0.25, 0.31);
  const float end = Uniform(rng, 0.07, 0.11);
  const auto bowl = [&](Vec2 p) { return Ellipse(p, {0, -0.6f}, {half_width, 0.4f}); };
  brush.Fill(
      {.bevel = 0.06f, .gloss = gloss},
      [&](Vec2 p) {
        return SmoothUnion(bowl(p), Capsule(p, {0, -0.3f}, {0, 0.92f}, 0.05f, end), 0.08f);
      },
      body);
  // The hollow takes the light from the other side.
  Brush hollow = brush;
  hollow.light.direction = {-brush.light.direction.x, -brush.light.direction.y,
                            brush.light.direction.z};
  hollow.Fill(
      {.bevel = 0.24f, .gloss = gloss}, [&](Vec2 p) { return bowl(p) + 0.045f; },
      Scaled(body, 0.8f));
}

}  // namespace deixis::scene
