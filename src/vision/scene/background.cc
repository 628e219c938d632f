#include "vision/scene/background.h"

#include <cmath>
#include <cstdint>

#include "vision/scene/objects.h"

namespace deixis::scene {
namespace {

// Threads over and under each other.
Colour Weave(Vec2 p, float threads, Colour first, Colour second) {
  const float x = p.x * threads;
  const float y = p.y * threads;
  const bool over = Fraction((std::floor(x) + std::floor(y)) * 0.5f) < 0.25f;
  const float across = (over ? Fraction(y) : Fraction(x)) - 0.5f;
  return Scaled(over ? first : second, 1 - 1.4f * across * across);
}

Colour Tiles(Vec2 p, float tiles, Colour first, Colour second, uint32_t seed) {
  const float x = p.x * tiles;
  const float y = p.y * tiles;
  const float gap = std::min({Fraction(x), 1 - Fraction(x), Fraction(y), 1 - Fraction(y)});
  if (gap < 0.025f) return Scaled(second, 0.6f);
  const float tone =
      LatticeNoise(static_cast<int32_t>(std::floor(x)), static_cast<int32_t>(std::floor(y)), seed);
  return Scaled(first, 0.9f + 0.15f * tone + 0.1f * CloudNoise(6.0f * p, seed));
}

// Columns of print with a picture here and there.
Colour Newsprint(Vec2 p, uint32_t seed) {
  constexpr Colour kPaper{0.86f, 0.84f, 0.79f, 1};
  const float column = std::floor(p.x * 1.4f);
  const float x = Fraction(p.x * 1.4f);
  const float block = LatticeNoise(static_cast<int32_t>(column),
                                   static_cast<int32_t>(std::floor(p.y * 1.1f)), seed);
  if (x < 0.07f || x > 0.95f) return kPaper;
  if (block > 0.8f) return Scaled(kPaper, 0.35f + 0.5f * CloudNoise(3.0f * p, seed));
  const float spacing = block < 0.12f ? 5.0f : 15.0f;
  const float line = std::floor(p.y * spacing);
  const float word = LatticeNoise(static_cast<int32_t>(std::floor(p.x * 3.2f * spacing)),
                                  static_cast<int32_t>(line), seed);
  const float within = Fraction(p.y * spacing);
  return within > 0.35f && within < 0.8f && word > 0.25f ? Scaled(kPaper, 0.35f) : kPaper;
}

}  // namespace

void PaintBackground(Layer& layer, const Light& light, Rng& rng) {
  const uint64_t kind = rng.Below(10);
  const uint32_t seed = static_cast<uint32_t>(rng.NextBits());
  const Colour first = kind == 0 ? WoodColour(rng) : AnyColour(rng);
  const Colour other = AnyColour(rng);
  const Colour second = Mix(first, other, Uniform(rng, 0.1, 0.7));
  const float turn = Uniform(rng, -kPi, kPi);
  const float scale = Uniform(rng, 1.5, 5);
  const Vec2 fall = Rotated({1, 0}, Uniform(rng, -kPi, kPi));  // where the light fades
  const float fade = Uniform(rng, 0, 0.3);
  // The shadow of something outside of the picture, and the table's edge with what is behind it.
  const float shadow = Chance(rng, 0.3) ? Uniform(rng, 0.1, 0.4) : 0.0f;
  const Vec2 shadow_side = Rotated({1, 0}, Uniform(rng, -kPi, kPi));
  const float shadow_at = Uniform(rng, -0.6, 0.8);
  const float shadow_softness = Uniform(rng, 0.05, 0.3);
  const bool has_edge = Chance(rng, 0.2);
  const float edge = Uniform(rng, -1.2, -0.4);
  const float edge_slope = Uniform(rng, -0.3, 0.3);
  const Colour behind = Scaled(AnyColour(rng), 0.8f);
  const auto texture = [&](Vec2 p) {
    switch (kind) {
      case 0: {  // boards with grain
        const float board = std::floor(p.y * scale * 0.5f);
        const float tone = LatticeNoise(static_cast<int32_t>(board), 1, seed);
        const float grain = CloudNoise({p.x * 1.2f + 9 * tone, p.y * 14}, seed);
        const bool gap = Fraction(p.y * scale * 0.5f) < 0.04f;
        return Scaled(first, gap ? 0.5f : 0.7f + 0.2f * tone + 0.35f * grain);
      }
      case 1: {  // checks
        const float across = Fraction(p.x * scale) < 0.5f ? 0.5f : 0.0f;
        const float down = Fraction(p.y * scale) < 0.5f ? 0.5f : 0.0f;
        return Mix(first, second, across + down);
      }
      case 2:  // stripes
        return Fraction(p.y * scale) < 0.5f ? first : second;
      case 3:  // stone
        return SmoothNoise(9 * scale * p, seed) > 0.75f
                   ? second
                   : Scaled(first, 0.8f + 0.4f * CloudNoise(scale * p, seed));
      case 4:  // clouds
        return Mix(first, second, SmoothStep(0.3f, 0.7f, CloudNoise(scale * p, seed)));
      case 5:
        return Weave(p, 10 * scale, first, second);
      case 6:
        return Tiles(p, 0.6f * scale, first, second, seed);
      case 7: {  // marble
        const float vein = std::abs(CloudNoise(1.3f * p, seed) - 0.5f);
        return Mix(second, first, SmoothStep(0.0f, 0.06f, vein));
      }
      case 8:
        return Newsprint(p, seed);
      default:  // plain
        return first;
    }
  };
  for (int64_t row = 0; row < layer.height(); ++row) {
    for (int64_t column = 0; column < layer.width(); ++column) {
      const Vec2 p = layer.SceneOf(row, column);
      const float darkened = SmoothStep(0, shadow_softness, Dot(shadow_side, p) - shadow_at);
      const float brightness = (0.95f + fade * Dot(fall, p)) * (1 - shadow * darkened);
      const float below_edge = p.y - edge - edge_slope * p.x;
      Colour colour = has_edge && below_edge < 0
                          ? Scaled(Mix(behind, first, 0.15f * CloudNoise(2.0f * p, seed)),
                                   below_edge > -0.03f ? 0.5f : 1.0f)
                          : texture(Rotated(p, turn));
      colour = Scaled(colour, brightness);
      colour = {colour.r * light.tint.r, colour.g * light.tint.g, colour.b * light.tint.b, 1};
      layer.at(row, column) = colour;
    }
  }
}

void PaintClutter(Layer& layer, const Light& light, int count, Rng& rng) {
  for (int i = 0; i < count; ++i) {
    const float size = Uniform(rng, 0.08, 0.5);
    const float angle = Uniform(rng, -kPi, kPi);
    const Vec2 origin = {Uniform(rng, -1.2, 1.2), Uniform(rng, -1.2, 1.2)};
    const Pose pose{
        .x_axis = Rotated({size, 0}, angle), .y_axis = Rotated({0, size}, angle), .origin = origin};
    const Colour colour = AnyColour(rng);
    const Brush brush{layer, pose, light};
    const Material material{.bevel = Uniform(rng, 0.02, 0.3), .gloss = Uniform(rng, 0, 0.4)};
    const float aspect = Uniform(rng, 0.3, 1);
    const bool printed = Chance(rng, 0.6);
    const uint32_t seed = static_cast<uint32_t>(rng.NextBits());
    switch (rng.Below(6)) {
      case 0:
        brush.Fill(
            material,
            [&](Vec2 p) {
              return Box(p, {0, 0}, {1, aspect}, 0.05f);
            },
            colour);
        break;
      case 1:
        brush.Fill(
            material,
            [&](Vec2 p) {
              return Ellipse(p, {0, 0}, {1, 0.5f * aspect});
            },
            colour);
        break;
      case 2:
        brush.Fill(
            material,
            [&](Vec2 p) {
              return Triangle(p, {-1, aspect}, {1, 0.6f}, {0.2f, -1});
            },
            colour);
        break;
      case 3:  // a sheet of paper
        brush.Fill(
            {.bevel = 0.01f, .gloss = 0},
            [&](Vec2 p) {
              return Box(p, {0, 0}, {1, 1.2f}, 0);
            },
            [&](Vec2 p) {
              return printed ? Newsprint(2.0f * p, seed) : Colour{0.93f, 0.92f, 0.9f, 1};
            });
        break;
      case 4:  // a ring, a coin, a lid
        brush.Fill(
            material,
            [&](Vec2 p) {
              const float disc = Circle(p, {0, 0}, 0.6f);
              return printed ? disc : Ring(disc, 0.12f);
            },
            colour);
        break;
      default:  // a cord
        brush.Fill(
            material,
            [&](Vec2 p) {
              return std::max(std::abs(p.y - 0.3f * Sin(4 * p.x)) - 0.07f, std::abs(p.x) - 1.2f);
            },
            colour);
    }
  }
}

}  // namespace deixis::scene
