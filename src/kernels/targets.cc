#include "kernels/targets.h"

#include <hwy/highway.h>

namespace deixis {

std::vector<KernelTarget> SupportedKernelTargets() {
  std::vector<KernelTarget> targets;
#ifdef HWY_COMPILE_ONLY_STATIC
  targets.push_back({hwy::TargetName(HWY_STATIC_TARGET), HWY_STATIC_TARGET});
#else
  // Highway gives better targets lower bits.
  for (int64_t mask = hwy::SupportedTargets() & HWY_TARGETS; mask != 0; mask &= mask - 1) {
    const int64_t lowest = mask & -mask;
    targets.push_back({hwy::TargetName(lowest), lowest});
  }
#endif
  return targets;
}

KernelTarget CurrentKernelTarget() { return SupportedKernelTargets().front(); }

#ifdef HWY_COMPILE_ONLY_STATIC
ScopedKernelTarget::ScopedKernelTarget(const KernelTarget&) {}
ScopedKernelTarget::~ScopedKernelTarget() = default;
#else
ScopedKernelTarget::ScopedKernelTarget(const KernelTarget& target) {
  hwy::SetSupportedTargetsForTest(target.mask);
}

ScopedKernelTarget::~ScopedKernelTarget() { hwy::SetSupportedTargetsForTest(0); }
#endif

}  // namespace deixis
