// Codebooks of int8: what the runtime's byte shuffle decodes and an integer dot product consumes.
// The step from integers back to weights is one float per output channel, which absorbs whatever
// step suits the rounding best.
#pragma once

#include <algorithm>
#include <cmath>
#include <span>

#include "base/thread_pool.h"
#include "compress/palettize.h"

namespace deixis {

inline constexpr int kMaxInt8Magnitude = 127;

// The nearest integer in -127..127.
inline double RoundToInt8(double value) {
  return std::nearbyint(std::clamp(value, double{-kMaxInt8Magnitude}, double{kMaxInt8Magnitude}));
}

// Makes every centroid an integer in -127..127 and folds the step into `scale`: of some sixty steps
// per group the one that changes the weights as they stand least (weighted by importance, [I] or
// [C_out, I] or empty). Indices keep their meaning: for weights whose indices were chosen for more
// than nearness, by error feedback or for entropy, this is all there is to do. Held zeros stay 0.
// Centroids that fall together are merged. Deterministic for any number of threads.
void RoundCodebooksToInt8(Palettization& palettization, std::span<const float> importance,
                          ThreadPool& pool);

// For integer codebooks and weights that may go to the nearest: reassigns, refits scales and moves
// integers in turn, each of which lowers the weighted error, until nothing gains.
void PolishInt8Codebooks(Palettization& palettization, std::span<const float> weights,
                         std::span<const float> importance, ThreadPool& pool);

}  // namespace deixis
