#include "runtime/arena.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "base/checked.h"

namespace deixis {
namespace {

bool LifetimesMeet(const ArenaValue& a, const ArenaValue& b) {
  return a.first_step <= b.last_step && b.first_step <= a.last_step;
}

int64_t AlignUp(int64_t value, int64_t alignment) {
  return (value + alignment - 1) / alignment * alignment;
}

// The lowest aligned offset at which `size` elements fit between `placed`, which are sorted by
// offset and may overlap one another.
int64_t LowestFit(const std::vector<const ArenaValue*>& placed, int64_t size, int64_t alignment) {
  int64_t candidate = 0;
  for (const ArenaValue* value : placed) {
    if (candidate + size <= value->offset) break;
    candidate = std::max(candidate, AlignUp(value->offset + value->size, alignment));
  }
  return candidate;
}

}  // namespace

Result<int64_t> PlanArena(std::span<ArenaValue> values, int64_t alignment, int64_t limit) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return values[a].size > values[b].size; });

  int64_t arena_size = 0;
  std::vector<const ArenaValue*> placed;  // sorted by offset
  for (const size_t i : order) {
    ArenaValue& value = values[i];
    std::vector<const ArenaValue*> in_the_way;
    std::copy_if(placed.begin(), placed.end(), std::back_inserter(in_the_way),
                 [&](const ArenaValue* other) { return LifetimesMeet(value, *other); });
    value.offset = LowestFit(in_the_way, value.size, alignment);
    const auto end = CheckedAdd(value.offset, value.size);
    if (!end || *end > limit) {
      return ResourceError(
          "the activations need more than " + std::to_string(limit) + " elements of memory",
          "use a smaller picture");
    }
    arena_size = std::max(arena_size, *end);
    const auto place = std::upper_bound(
        placed.begin(), placed.end(), value.offset,
        [](int64_t offset, const ArenaValue* other) { return offset < other->offset; });
    placed.insert(place, &value);
  }
  return AlignUp(arena_size, alignment);
}

Status ProveArena(std::span<const ArenaValue> values, int64_t alignment, int64_t arena_size) {
  for (size_t i = 0; i < values.size(); ++i) {
    const ArenaValue& a = values[i];
    if (a.offset < 0 || a.size < 0 || a.offset % alignment != 0 ||
        !RangeFits(static_cast<uint64_t>(a.offset), static_cast<uint64_t>(a.size),
                   static_cast<uint64_t>(arena_size))) {
      return InternalError("arena: value " + std::to_string(i) + " lies outside or misaligned");
    }
    for (size_t j = i + 1; j < values.size(); ++j) {
      const ArenaValue& b = values[j];
      const bool overlap = a.offset < b.offset + b.size && b.offset < a.offset + a.size;
      if (overlap && LifetimesMeet(a, b)) {
        return InternalError("arena: values " + std::to_string(i) + " and " + std::to_string(j) +
                             " overlap while both live");
      }
    }
  }
  return Ok();
}

}  // namespace deixis
