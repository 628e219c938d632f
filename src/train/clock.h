// The clock that a training reports by.
#pragma once

#include <chrono>

namespace deixis {

using Clock = std::chrono::steady_clock;

inline double SecondsSince(Clock::time_point time) {
  return std::chrono::duration<double>(Clock::now() - time).count();
}

}  // namespace deixis
