// Pruning: weights that are exactly 0 and stay so. A mask is [C_out, I] of 0 and 1, 1 where the
// weight is pruned; Palettize, Reassign, RefitCentroids, rounding to int8 and error feedback keep
// it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "compress/palettize.h"

namespace deixis {

// Sets the centroid nearest to zero of each group to exactly 0 (on a tie the lower one) and marks
// the weights that it stands for as pruned. The other centroids and all indices keep their values.
void PruneNearestZero(Palettization& palettization);

// Marks the floor(sparsity * n) weights of smallest magnitude; of equal magnitudes the earlier
// ones. kUsage for a sparsity outside 0..1. O(n).
Result<std::vector<uint8_t>> MagnitudeMask(std::span<const float> weights, double sparsity);

// The fraction of exact zeros among the weights as they stand.
double Sparsity(const Palettization& palettization);

}  // namespace deixis
