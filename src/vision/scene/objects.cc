#include "vision/scene/objects.h"

#include <array>
#include <cmath>

namespace deixis::scene {
namespace {

constexpr float kUpright = 0.45f;

constexpr std::array<ObjectKind, 20> kKinds = {{
    {"apple", DrawApple, 0.7f, false},
    {"ball", DrawBall, kPi, false},
    {"banana", DrawBanana, kPi, true},
    {"book", DrawBook, kPi / 3, true},
    {"bottle", DrawBottle, kUpright, false},
    {"bowl", DrawBowl, 0.2f, false},
    {"bulb", DrawBulb, kPi, false},
    {"comb", DrawComb, kPi, true},
    {"fork", DrawFork, kPi, true},
    {"glasses", DrawGlasses, kUpright, true},
    {"hammer", DrawHammer, kPi, true},
    {"key", DrawKey, kPi, true},
    {"mug", DrawMug, kUpright, false},
    {"pencil", DrawPencil, kPi, true},
    {"phone", DrawPhone, kPi / 2, true},
    {"remote", DrawRemote, kPi, true},
    {"scissors", DrawScissors, kPi, true},
    {"spoon", DrawSpoon, kPi, true},
    {"toothbrush", DrawToothbrush, kPi, true},
    {"watch", DrawWatch, kPi, true},
}};

constexpr ObjectKind kNameless = {"nameless", DrawNameless, kPi, false};

}  // namespace

std::span<const ObjectKind> ObjectKinds() { return kKinds; }

const ObjectKind& NamelessKind() { return kNameless; }

Colour FromHsv(const Hsv& colour) {
  const auto channel = [&](float offset) {
    const float h = colour.hue + offset;
    const float k = 6 * (h - std::floor(h));
    return colour.value * (1 - colour.saturation * Clamp01(std::min(k, 4 - k)));
  };
  return {channel(5.0f / 6), channel(3.0f / 6), channel(1.0f / 6), 1};
}

Colour VividColour(Rng& rng) {
  return FromHsv({Uniform(rng, 0, 1), Uniform(rng, 0.6, 1), Uniform(rng, 0.55, 0.95)});
}

Colour AnyColour(Rng& rng) {
  const float hue = Uniform(rng, 0, 1);
  const float saturation = Uniform(rng, 0, 1);
  return FromHsv({hue, saturation * saturation, Uniform(rng, 0.12, 0.97)});
}

Colour MetalColour(Rng& rng) {
  const Colour kinds[] = {
      {0.74f, 0.75f, 0.78f, 1}, {0.85f, 0.66f, 0.3f, 1}, {0.66f, 0.45f, 0.3f, 1}};
  const Colour kind = kinds[rng.Below(4) % 3];  // silver twice as often
  return Scaled(kind, Uniform(rng, 0.8, 1.1));
}

Colour WoodColour(Rng& rng) {
  return FromHsv({Uniform(rng, 0.05, 0.1), Uniform(rng, 0.4, 0.65), Uniform(rng, 0.4, 0.8)});
}

}  // namespace deixis::scene
