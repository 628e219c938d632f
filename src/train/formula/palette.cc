#include "train/formula/palette.h"

#include "train/formula/drawing.h"
#include "vision/scene/objects.h"

namespace deixis::formula {

Palette Palette::Random(Rng& rng) {
  Palette palette;
  const Colour first = scene::AnyColour(rng);
  const Colour last = scene::AnyColour(rng);
  const float wildness = Uniform(rng, 0, 1);  // 0: shades between two colours
  for (size_t i = 0; i < palette.stops_.size(); ++i) {
    const Colour between = scene::Mix(first, last, static_cast<float>(i) / 4);
    palette.stops_[i] = scene::Mix(between, scene::AnyColour(rng), wildness * wildness);
  }
  return palette;
}

Palette Palette::Skin(Rng& rng) {
  constexpr Colour kLight{0.96f, 0.80f, 0.69f, 1};
  constexpr Colour kDark{0.34f, 0.21f, 0.15f, 1};
  const Colour mixed = scene::Mix(kLight, kDark, Uniform(rng, 0, 1));
  const float red = Uniform(rng, 0.92, 1.08);
  const Colour skin = {mixed.r * red, mixed.g, mixed.b * Uniform(rng, 0.9, 1.1), 1};
  Palette palette;
  palette.stops_ = {scene::Scaled(skin, 0.45f), scene::Scaled(skin, 0.7f), skin,
                    scene::Mix(skin, {1, 0.87f, 0.85f, 1}, 0.5f), scene::AnyColour(rng)};
  return palette;
}

Palette Palette::Plain(Colour colour) {
  Palette palette;
  palette.stops_.fill(colour);
  return palette;
}

}  // namespace deixis::formula
