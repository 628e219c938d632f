#include "kernels/aligned.h"

#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace deixis {
namespace {

constexpr std::size_t kHugePageBytes = std::size_t{2} << 20;

std::align_val_t AlignmentOf(std::size_t num_bytes) {
  return std::align_val_t{num_bytes >= kHugePageBytes ? kHugePageBytes : kVectorAlignment};
}

}  // namespace

void* AllocateAligned(std::size_t num_bytes) {
  void* data = ::operator new(num_bytes, AlignmentOf(num_bytes));
#if defined(__linux__)
  // Whole huge pages only, so that nothing beyond is made resident. What the answer is does not
  // matter: without, the memory is as good, only slower.
  if (num_bytes >= kHugePageBytes) {
    ::madvise(data, num_bytes / kHugePageBytes * kHugePageBytes, MADV_HUGEPAGE);
  }
#endif
  return data;
}

void FreeAligned(void* data, std::size_t num_bytes) {
  ::operator delete(data, AlignmentOf(num_bytes));
}

}  // namespace deixis
