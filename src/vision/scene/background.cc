#include "vision/scene/background.h"

#include <cmath>
#include <cstdint>

#include "vision/scene/objects.h"

namespace deixis::scene {
namespace {

float Fraction(float x) { return x - std::floor(x); }

}  // namespace

void PaintBackground(Layer& layer, const Light& light, Rng& rng) {
  const uint64_t kind = rng.Below(6);
  const uint32_t seed = static_cast<uint32_t>(rng.NextBits());
  const Colour first = kind == 0 ? WoodColour(rng) : AnyColour(rng);
  const Colour other = AnyColour(rng);
  const Colour second = Mix(first, other, Uniform(rng, 0.1, 0.7));
  const float turn = Uniform(rng, -kPi, kPi);
  const float scale = Uniform(rng, 1.5, 5);
  const Vec2 fall = Rotated({1, 0}, Uniform(rng, -kPi, kPi));  // where the light fades
  const float fade = Uniform(rng, 0, 0.3);
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
      default:  // plain
        return first;
    }
  };
  for (int64_t row = 0; row < layer.height(); ++row) {
    for (int64_t column = 0; column < layer.width(); ++column) {
      const Vec2 p = layer.SceneOf(row, column);
      const float brightness = 0.95f + fade * Dot(fall, p);
      Colour colour = Scaled(texture(Rotated(p, turn)), brightness);
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
    switch (rng.Below(4)) {
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
