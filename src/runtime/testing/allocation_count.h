// How often the test program has allocated, to show that Executor::Run does not.
#pragma once

#include <cstdint>

namespace deixis::testing {

int64_t NumAllocations();

}  // namespace deixis::testing
