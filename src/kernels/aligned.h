// Memory for vector loads: a std::vector whose elements start at a cache line, and large ones on
// pages of their own size where the system has them.
#pragma once

#include <cstddef>
#include <vector>

namespace deixis {

inline constexpr std::size_t kVectorAlignment = 64;

// At least 64-byte aligned; throws std::bad_alloc. From 2 MiB on it asks for huge pages: weights
// are read once per run, in order, and with small ones the processor's prefetching stops every 4
// KiB.
void* AllocateAligned(std::size_t num_bytes);
// `num_bytes` as it was allocated with.
void FreeAligned(void* data, std::size_t num_bytes);

template <typename T>
struct AlignedAllocator {
  using value_type = T;
  AlignedAllocator() = default;
  template <typename U>
  AlignedAllocator(const AlignedAllocator<U>&) {}  // NOLINT: implicit, as the standard asks
  T* allocate(std::size_t count) { return static_cast<T*>(AllocateAligned(count * sizeof(T))); }
  void deallocate(T* data, std::size_t count) { FreeAligned(data, count * sizeof(T)); }
  template <typename U>
  bool operator==(const AlignedAllocator<U>&) const {
    return true;
  }
};

template <typename T>
using AlignedVector = std::vector<T, AlignedAllocator<T>>;

}  // namespace deixis
