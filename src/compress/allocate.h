// Which form to give each layer so that the whole fits a size, or stays within a loss.
//
// Each layer has options: bytes, and the damage the network takes when only this layer is stored
// so. Damages of different layers are added, as is usual ("Improving Post Training Neural
// Quantization", arXiv:2006.10518; HAWQ-V3, arXiv:2011.10680); the search that uses this measures
// the joint state. Choosing one option per layer is the multiple-choice knapsack problem. With tens
// of layers and a handful of options it is solved outright by dynamic programming over sizes, which
// unlike the convex hull of options with a Lagrange multiplier also uses what lies off the hull and
// fills the size.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"

namespace deixis {

struct LayerOption {
  int64_t num_bytes = 0;
  double damage = 0;  // an option whose damage is not finite is never chosen
};
using LayerOptions = std::vector<LayerOption>;

struct Allocation {
  std::vector<int> choice;  // per layer, into its options
  int64_t num_bytes = 0;
  double damage = 0;
};

// An allocation that fills less than this share of the size it may take is only chosen when no
// other fits.
inline constexpr double kMinFill = 0.97;

// The least damage within `target_bytes`, among those that fill at least kMinFill of it if there
// are any. Sizes are counted in steps of target_bytes / 2^16, rounded up; with targets below 2^16
// the answer is the optimum, above it is within that rounding and then improved greedily. kUsage
// when even the smallest options do not fit, with what they take; kInvalidData for a layer without
// options. O(layers * options * 2^16).
Result<Allocation> AllocateForBytes(const std::vector<LayerOptions>& layers, int64_t target_bytes);

// The fewest bytes with a total damage of at most `max_damage`, to the same rounding. kUsage when
// even the options of least damage exceed it, with what they add up to.
Result<Allocation> AllocateForDamage(const std::vector<LayerOptions>& layers, double max_damage);

}  // namespace deixis
