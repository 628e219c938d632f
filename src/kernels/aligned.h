// Memory for vector loads: a std::vector whose elements start at a cache line.
#pragma once

#include <cstddef>
#include <new>
#include <vector>

namespace deixis {

inline constexpr std::size_t kVectorAlignment = 64;

template <typename T>
struct AlignedAllocator {
  using value_type = T;
  AlignedAllocator() = default;
  template <typename U>
  AlignedAllocator(const AlignedAllocator<U>&) {}  // NOLINT: implicit, as the standard asks
  T* allocate(std::size_t count) {
    return static_cast<T*>(::operator new (count * sizeof(T), std::align_val_t{kVectorAlignment}));
  }
  void deallocate(T* data, std::size_t) {
    ::operator delete (data, std::align_val_t{kVectorAlignment});
  }
  template <typename U>
  bool operator==(const AlignedAllocator<U>&) const {
    return true;
  }
};

template <typename T>
using AlignedVector = std::vector<T, AlignedAllocator<T>>;

}  // namespace deixis
