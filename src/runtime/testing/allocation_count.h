// How often the test program has allocated, to show that Executor::Run does not.
#pragma once

#include <cstdint>

namespace deixis::testing {

// The thread sanitizer brings an operator new of its own, which cannot be replaced: nothing is
// counted under it.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define DEIXIS_COUNTS_ALLOCATIONS 0
#endif
#endif
#ifndef DEIXIS_COUNTS_ALLOCATIONS
#define DEIXIS_COUNTS_ALLOCATIONS 1
#endif
inline constexpr bool kCountsAllocations = DEIXIS_COUNTS_ALLOCATIONS != 0;

int64_t NumAllocations();

}  // namespace deixis::testing
