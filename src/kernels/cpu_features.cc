#include "kernels/cpu_features.h"

#include <atomic>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace deixis {
namespace {

std::atomic<int> num_without{0};

#if defined(__x86_64__)
struct Registers {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
};

// Leaf 7, "structured extended feature flags" (Intel SDM, volume 2A, CPUID). All zero where it or
// the subleaf does not exist.
Registers FeatureFlags(unsigned subleaf) {
  Registers main;
  if (__get_cpuid_count(7, 0, &main.eax, &main.ebx, &main.ecx, &main.edx) == 0) return {};
  if (subleaf == 0) return main;
  if (subleaf > main.eax) return {};
  Registers flags;
  __get_cpuid_count(7, subleaf, &flags.eax, &flags.ebx, &flags.ecx, &flags.edx);
  return flags;
}
#endif

}  // namespace

// Whether the operating system keeps the vector registers is asked by Highway, without whose
// AVX-512 or AVX2 target these are not looked at.
bool HasAvx512Vnni() {
#if defined(__x86_64__)
  static const bool has = (FeatureFlags(0).ecx >> 11 & 1) != 0;
  return has && num_without == 0;
#else
  return false;
#endif
}

bool HasAvxVnni() {
#if defined(__x86_64__)
  static const bool has = (FeatureFlags(1).eax >> 4 & 1) != 0;
  return has && num_without == 0;
#else
  return false;
#endif
}

ScopedWithoutDotInstructions::ScopedWithoutDotInstructions() { ++num_without; }
ScopedWithoutDotInstructions::~ScopedWithoutDotInstructions() { --num_without; }

}  // namespace deixis
