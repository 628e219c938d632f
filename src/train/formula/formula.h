// Classes of pictures that come from formulas instead of cameras: each class is a set of numbers,
// and its pictures are what the formula draws with those numbers a little disturbed. A network that
// learns to tell the classes apart has learnt edges, textures, contours and parts, and so is a
// start for anything else: Kataoka et al., "Pre-training without Natural Images" (ACCV 2020) and
// "Replacing Labeled Real-Image Datasets with Auto-Generated Contours" (CVPR 2022); Anderson and
// Farrell, "Improving Fractal Pre-training" (WACV 2022); Baradad et al., "Learning to See by
// Looking at Noise" (NeurIPS 2021).
#pragma once

#include <cstdint>
#include <memory>

#include "base/rng.h"
#include "train/formula/drawing.h"

namespace deixis::formula {

// One class. Safe to draw from any thread.
class Formula {
 public:
  virtual ~Formula() = default;
  // Draws one picture of the class into the cleared `drawing`.
  virtual void Draw(const View& view, Rng& rng, Drawing& drawing) const = 0;
};

// Each draws its numbers from `seed` alone.

// The attractor of a random iterated function system.
std::unique_ptr<Formula> MakeFractal(uint64_t seed);
// Closed outlines within each other, their radius a sum of waves over the angle.
std::unique_ptr<Formula> MakeContour(uint64_t seed);
// A texture that covers everything: cells, interfering waves, folded noise, tilings.
std::unique_ptr<Formula> MakeTexture(uint64_t seed);
// A branching stroke.
std::unique_ptr<Formula> MakeTree(uint64_t seed);
// A thing of several solid parts.
std::unique_ptr<Formula> MakeSolid(uint64_t seed);

// A hand: bit i of `stretched` tells whether finger i is (0 the thumb, 4 the little finger), the
// others being folded; seen from its palm or its back. Its tones are those of SkinPalette.
inline constexpr int kNumHands = 64;  // 32 sets of fingers, each from both sides
std::unique_ptr<Formula> MakeHand(int stretched, bool from_the_palm);

}  // namespace deixis::formula
