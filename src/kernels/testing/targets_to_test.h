// The ways in which kernels of bytes can run on this machine, for tests to go through.
#pragma once

#include <csetjmp>
#include <csignal>
#include <string>
#include <vector>

#include "kernels/targets.h"

namespace deixis::testing {

#if defined(__x86_64__)

namespace internal {
inline sigjmp_buf after_illegal_instruction;
inline void OnIllegalInstruction(int /*signal*/) { siglongjmp(after_illegal_instruction, 1); }
}  // namespace internal

// Whether the processor runs AVX-VNNI, told or not: hypervisors hide it from CPUID more often than
// they should, and the instruction needs nothing of the operating system beyond AVX.
inline bool RunsAvxVnni() {
  static const bool runs = [] {
    struct sigaction before = {};
    struct sigaction probe = {};
    probe.sa_handler = internal::OnIllegalInstruction;
    sigaction(SIGILL, &probe, &before);
    const bool survived = sigsetjmp(internal::after_illegal_instruction, /*savemask=*/1) == 0;
    if (survived) asm volatile("%{vex%} vpdpbusd %%ymm0, %%ymm0, %%ymm0" : : : "xmm0");
    const bool executed = survived;
    sigaction(SIGILL, &before, nullptr);
    return executed;
  }();
  return runs;
}

#endif

// SupportedByteKernelTargets(), and AVX-VNNI where the processor has it and does not say so.
inline std::vector<KernelTarget> TargetsToTest() {
  std::vector<KernelTarget> targets = SupportedByteKernelTargets();
#if defined(__x86_64__)
  bool has_avx2 = false;
  bool is_told = false;
  KernelTarget target;
  for (const KernelTarget& supported : targets) {
    if (supported.name != "AVX2") continue;
    has_avx2 = true;
    is_told = is_told || supported.dot == DotInstruction::kAvxVnni;
    target = supported;
  }
  if (has_avx2 && !is_told && RunsAvxVnni()) {
    target.dot = DotInstruction::kAvxVnni;
    targets.push_back(target);
  }
#endif
  return targets;
}

}  // namespace deixis::testing
