// The instruction sets that the kernels were compiled for. A kernel takes the best one that the
// processor has; a test forces each in turn.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace deixis {

struct KernelTarget {
  std::string name;  // as Highway names it: "SSE4", "AVX2", "AVX3", "NEON"
  int64_t mask = 0;
};

// Those that were compiled in and that this processor has, the best first. At least one.
std::vector<KernelTarget> SupportedKernelTargets();

// The one that runs now.
KernelTarget CurrentKernelTarget();

// Runs every kernel on one target until it goes. For tests: not while a kernel runs.
class ScopedKernelTarget {
 public:
  explicit ScopedKernelTarget(const KernelTarget& target);
  ~ScopedKernelTarget();
  ScopedKernelTarget(const ScopedKernelTarget&) = delete;
  ScopedKernelTarget& operator=(const ScopedKernelTarget&) = delete;
};

}  // namespace deixis
