// The colours that a drawing's tones stand for.
#pragma once

#include <array>

#include "base/rng.h"
#include "vision/scene/canvas.h"

namespace deixis::formula {

using scene::Colour;

// The tones of a hand.
inline constexpr float kSkinTone = 0.5f;
inline constexpr float kNailTone = 0.75f;
inline constexpr float kSleeveTone = 1.0f;

// Colours at the tones 0, 1/4, 1/2, 3/4 and 1, mixed between them.
class Palette {
 public:
  static Palette Random(Rng& rng);
  // Creases at 1/4, skin at 1/2, nails at 3/4, cloth at 1.
  static Palette Skin(Rng& rng);
  static Palette Plain(Colour colour);

  Colour At(float tone) const {
    const float at = 4 * scene::Clamp01(tone);
    const auto index = std::min(static_cast<size_t>(at), size_t{3});
    return scene::Mix(stops_[index], stops_[index + 1], at - static_cast<float>(index));
  }

 private:
  std::array<Colour, 5> stops_{};
};

}  // namespace deixis::formula
