// The instruction sets that the kernels were compiled for. A kernel takes the best one that the
// processor has; a test forces each in turn.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/cpu_features.h"

namespace deixis {

struct KernelTarget {
  std::string name;  // as Highway names it: "SSE4", "AVX2", "AVX3", "NEON"
  int64_t mask = 0;
  DotInstruction dot = DotInstruction::kNone;  // for kernels of bytes

  // "AVX3 with vpdpbusd", "AVX3".
  std::string FullName() const;
};

// Those that were compiled in and that this processor has, each with its best dot product, the best
// first. At least one.
std::vector<KernelTarget> SupportedKernelTargets();

// The same, each also with every lesser dot product and without any: all the ways in which kernels
// of bytes may run here.
std::vector<KernelTarget> SupportedByteKernelTargets();

// The one that runs now.
KernelTarget CurrentKernelTarget();

// Runs every kernel on one target until it goes; then on what was forced before, if anything. For
// tests: not while a kernel runs.
class ScopedKernelTarget {
 public:
  explicit ScopedKernelTarget(const KernelTarget& target);
  ~ScopedKernelTarget();
  ScopedKernelTarget(const ScopedKernelTarget&) = delete;
  ScopedKernelTarget& operator=(const ScopedKernelTarget&) = delete;

 private:
  int64_t mask_before_;
  ScopedDotInstruction dot_;
};

}  // namespace deixis
