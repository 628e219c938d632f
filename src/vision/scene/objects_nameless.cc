// Things that have no name: a few random parts put together. What is taught against them does not
// take everything for something it knows.
#include <array>
#include <cmath>
#include <cstdint>

#include "vision/scene/objects.h"

namespace deixis::scene {
namespace {

enum class Outline { kEllipse, kBox, kTaper, kTriangle, kRing, kCross, kArc };
constexpr uint64_t kNumOutlines = 7;
enum class Pattern { kPlain, kStripes, kDots, kCloud, kHalves };
constexpr uint64_t kNumPatterns = 5;

struct Part {
  Outline outline = Outline::kEllipse;
  Pattern pattern = Pattern::kPlain;
  Vec2 place = {};
  Vec2 half = {};  // its reach along its own axes
  float turn = 0;
  float round = 0;  // of corners; of lines half their width
  float pitch = 0;  // of the pattern
  Colour colour = {};
  Colour second = {};
  uint32_t seed = 0;
};

float Distance(const Part& part, Vec2 p) {
  const Vec2 half = part.half;
  switch (part.outline) {
    case Outline::kEllipse:
      return Ellipse(p, {0, 0}, half);
    case Outline::kBox:
      return Box(p, {0, 0}, half, part.round);
    case Outline::kTaper:
      return Capsule(p, {0, -half.y}, {0, half.y}, part.round, 0.4f * half.x);
    case Outline::kTriangle:
      return Triangle(p, {-half.x, half.y}, {half.x, half.y}, {0.4f * half.x, -half.y});
    case Outline::kRing:
      return Ring(Ellipse(p, {0, 0}, half), part.round);
    case Outline::kCross:
      return Union(Box(p, {0, 0}, {half.x, part.round}, 0.02f),
                   Box(p, {0, 0}, {part.round, half.y}, 0.02f));
    case Outline::kArc:
      return Intersection(Ring(Ellipse(p, {0, 0}, half), part.round), p.y);
  }
  return 1;
}

Colour ColourAt(const Part& part, Vec2 p) {
  const Vec2 cell = {p.x / part.pitch, p.y / part.pitch};
  const Vec2 within = {cell.x - std::floor(cell.x) - 0.5f, cell.y - std::floor(cell.y) - 0.5f};
  switch (part.pattern) {
    case Pattern::kPlain:
      return part.colour;
    case Pattern::kStripes:
      return within.y < 0 ? part.colour : part.second;
    case Pattern::kDots:
      return Length(within) < 0.3f ? part.second : part.colour;
    case Pattern::kCloud:
      return Mix(part.colour, part.second, CloudNoise({4 * p.x, 4 * p.y}, part.seed));
    case Pattern::kHalves:
      return p.y < 0 ? part.colour : part.second;
  }
  return part.colour;
}

Part RandomPart(bool is_first, const std::array<Colour, 3>& palette, Rng& rng) {
  Part part;
  part.outline = static_cast<Outline>(rng.Below(kNumOutlines));
  const bool is_patterned = Chance(rng, 0.5);
  const auto pattern = static_cast<Pattern>(rng.Below(kNumPatterns));
  if (is_patterned) part.pattern = pattern;
  const float reach = is_first ? Uniform(rng, 0.5, 0.85) : Uniform(rng, 0.1, 0.5);
  const float slimness = Chance(rng, 0.3) ? Uniform(rng, 0.15, 0.35) : Uniform(rng, 0.4, 1);
  part.half = {reach * slimness, reach};
  part.turn =
      Chance(rng, 0.6) ? 0.5f * kPi * static_cast<float>(rng.Below(2)) : Uniform(rng, -kPi, kPi);
  const float spread = is_first ? 0.1f : 0.65f * (0.95f - reach);
  part.place.x = spread * Uniform(rng, -1, 1);
  part.place.y = spread * Uniform(rng, -1, 1);
  part.round = part.half.x * Uniform(rng, 0.15, 0.45);
  part.pitch = Uniform(rng, 0.08, 0.3);
  part.colour = palette[rng.Below(palette.size())];
  part.second = palette[rng.Below(palette.size())];
  part.seed = static_cast<uint32_t>(rng.NextBits());
  return part;
}

}  // namespace

void DrawNameless(const Brush& brush, Rng& rng) {
  const bool is_mirrored = Chance(rng, 0.5);  // as most things are that somebody made
  const Colour metal = MetalColour(rng);
  const Colour wood = WoodColour(rng);
  std::array<Colour, 3> palette;
  for (Colour& colour : palette) colour = AnyColour(rng);
  palette[0] = Chance(rng, 0.3) ? VividColour(rng) : palette[0];
  if (Chance(rng, 0.25)) palette[1] = metal;
  if (Chance(rng, 0.2)) palette[2] = wood;
  const auto num_parts = 1 + static_cast<int>(rng.Below(5));
  for (int i = 0; i < num_parts; ++i) {
    const Part part = RandomPart(i == 0, palette, rng);
    const float bevel = Uniform(rng, 0.02, 0.4);
    const float gloss = Uniform(rng, 0, 0.5);
    // In the part's own coordinates.
    const auto own = [&part, is_mirrored](Vec2 p) {
      return Rotated(Vec2{is_mirrored ? std::abs(p.x) : p.x, p.y} - part.place, -part.turn);
    };
    brush.Fill(
        {.bevel = bevel, .gloss = gloss}, [&](Vec2 p) { return Distance(part, own(p)); },
        [&](Vec2 p) { return ColourAt(part, own(p)); });
  }
}

}  // namespace deixis::scene
