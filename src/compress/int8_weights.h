// Weights as plain int8 with a scale per output channel, in the form of a palettization: one
// codebook for the whole layer, whose 256 centroids are the integers -128..127 in order. An index
// is then the integer plus 128, a weight takes one byte, and container, loader and runtime need no
// form of storage beside the palettized one.
#pragma once

#include <cstdint>
#include <span>

#include "base/thread_pool.h"
#include "compress/palettize.h"

namespace deixis {

// Each row's scale is the one, of some thirty from keeping its largest weight to clipping it by a
// third, that moves its weights least; -128 is never used, so that the range is symmetric.
//   weights     [C_out, I], finite
//   importance  empty, or [I] per input position, >= 0
//   pruned      empty, or [C_out, I] of 0 and 1: ones are 0
Palettization QuantizeToInt8(std::span<const float> weights, const Shape& shape,
                             std::span<const float> importance, std::span<const uint8_t> pruned,
                             ThreadPool& pool);

// The index of the integer nearest to `value`, within -127..127.
int IndexOfInt8(double value);

}  // namespace deixis
