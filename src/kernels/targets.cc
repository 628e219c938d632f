#include "kernels/targets.h"

#include <hwy/highway.h>

#include <utility>

namespace deixis {
namespace {

// Calls body(target, dot) for every instruction set and every dot product that it has, the best
// first, kNone last.
template <typename Body>
void ForEachTarget(const Body& body) {
  constexpr std::pair<int64_t, DotInstruction> kDots[] = {{HWY_AVX3, DotInstruction::kAvx512Vnni},
                                                          {HWY_AVX2, DotInstruction::kAvxVnni},
                                                          {HWY_NEON, DotInstruction::kUsdot},
                                                          {HWY_NEON, DotInstruction::kSdot},
                                                          {HWY_EMU128, DotInstruction::kRvv}};
#ifdef HWY_COMPILE_ONLY_STATIC
  const int64_t supported = HWY_STATIC_TARGET;
#else
  const int64_t supported = hwy::SupportedTargets() & HWY_TARGETS;
#endif
  // Highway gives better targets lower bits.
  for (int64_t mask = supported; mask != 0; mask &= mask - 1) {
    const int64_t lowest = mask & -mask;
    for (const auto& [target, dot] : kDots) {
      if (target == lowest && HasDotInstruction(dot)) body(lowest, dot);
    }
    body(lowest, DotInstruction::kNone);
  }
}

#ifdef HWY_COMPILE_ONLY_STATIC
void ForceTargets(int64_t /*mask*/) {}
#else
void ForceTargets(int64_t mask) { hwy::SetSupportedTargetsForTest(mask); }
#endif

int64_t forced_mask = 0;  // 0: none

}  // namespace

std::string KernelTarget::FullName() const {
  if (dot == DotInstruction::kNone) return name;
  return name + " with " + std::string(NameOf(dot));
}

std::vector<KernelTarget> SupportedByteKernelTargets() {
  std::vector<KernelTarget> targets;
  ForEachTarget([&](int64_t mask, DotInstruction dot) {
    targets.push_back({.name = hwy::TargetName(mask), .mask = mask, .dot = dot});
  });
  return targets;
}

std::vector<KernelTarget> SupportedKernelTargets() {
  std::vector<KernelTarget> targets;
  for (KernelTarget& target : SupportedByteKernelTargets()) {
    if (targets.empty() || targets.back().mask != target.mask) targets.push_back(std::move(target));
  }
  return targets;
}

KernelTarget CurrentKernelTarget() { return SupportedKernelTargets().front(); }

ScopedKernelTarget::ScopedKernelTarget(const KernelTarget& target)
    : mask_before_(std::exchange(forced_mask, target.mask)), dot_(target.dot) {
  ForceTargets(forced_mask);
}

ScopedKernelTarget::~ScopedKernelTarget() {
  forced_mask = mask_before_;
  ForceTargets(forced_mask);
}

}  // namespace deixis
