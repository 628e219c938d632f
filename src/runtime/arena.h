// Places the values of a plan in one block of memory, so that two values share bytes only when
// their lifetimes do not meet.
#pragma once

#include <cstdint>
#include <span>

#include "base/result.h"

namespace deixis {

// Everything in one unit, bytes or elements.
struct ArenaValue {
  int64_t size = 0;
  int first_step = 0;  // that writes it
  int last_step = 0;   // that reads it, first_step <= last_step
  int64_t offset = 0;  // the answer
};

// Sets the offsets, each a multiple of `alignment`, and returns the size of the arena. Larger
// values first, each at the lowest place that is free over its whole lifetime. O(n^2 log n).
// kResources when the arena would exceed `limit`.
Result<int64_t> PlanArena(std::span<ArenaValue> values, int64_t alignment, int64_t limit);

// Proves an answer: every value inside the arena, aligned, and no two that live at the same step
// overlap. kInternal with the pair otherwise.
Status ProveArena(std::span<const ArenaValue> values, int64_t alignment, int64_t arena_size);

}  // namespace deixis
