#include "kernels/cpu_features.h"

#include <atomic>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__linux__)
#include <sys/auxv.h>
#endif

namespace deixis {
namespace {

constexpr int kNotForced = -1;
std::atomic<int> forced{kNotForced};

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

// Whether the operating system keeps the vector registers is asked by Highway, without whose
// AVX-512 or AVX2 target these are not looked at.
bool ProcessorHas(DotInstruction instruction) {
  static const bool has_avx512_vnni = (FeatureFlags(0).ecx >> 11 & 1) != 0;
  static const bool has_avx_vnni = (FeatureFlags(1).eax >> 4 & 1) != 0;
  if (instruction == DotInstruction::kAvx512Vnni) return has_avx512_vnni;
  return instruction == DotInstruction::kAvxVnni && has_avx_vnni;
}

#elif defined(__aarch64__) && defined(__linux__)

// Linux, Documentation/arm64/elf_hwcaps.rst: HWCAP_ASIMDDP and HWCAP2_I8MM.
bool ProcessorHas(DotInstruction instruction) {
  static const bool has_sdot = (getauxval(AT_HWCAP) >> 20 & 1) != 0;
  static const bool has_usdot = (getauxval(AT_HWCAP2) >> 13 & 1) != 0;
  if (instruction == DotInstruction::kSdot) return has_sdot;
  return instruction == DotInstruction::kUsdot && has_usdot;
}

#elif defined(__riscv) && defined(__linux__)

// Linux tells single-letter extensions by their place in the alphabet; V from 6.5 on, which does
// not mean the draft 0.7.1 of some older chips by it.
bool ProcessorHas(DotInstruction instruction) {
  static const bool has_vectors = (getauxval(AT_HWCAP) >> ('V' - 'A') & 1) != 0;
  return instruction == DotInstruction::kRvv && has_vectors;
}

#else

bool ProcessorHas(DotInstruction /*instruction*/) { return false; }

#endif

}  // namespace

std::string_view NameOf(DotInstruction instruction) {
  switch (instruction) {
    case DotInstruction::kNone:
      break;
    case DotInstruction::kAvxVnni:
    case DotInstruction::kAvx512Vnni:
      return "vpdpbusd";
    case DotInstruction::kSdot:
      return "sdot";
    case DotInstruction::kUsdot:
      return "usdot";
    case DotInstruction::kRvv:
      return "rvv";
  }
  return "";
}

bool HasDotInstruction(DotInstruction instruction) {
  const int only = forced.load(std::memory_order_relaxed);
  if (only != kNotForced) return only == static_cast<int>(instruction);
  return ProcessorHas(instruction);
}

ScopedDotInstruction::ScopedDotInstruction(DotInstruction only)
    : before_(forced.exchange(static_cast<int>(only))) {}
ScopedDotInstruction::~ScopedDotInstruction() { forced = before_; }

}  // namespace deixis
