#include "kernels/axpy_f32/axpy_f32.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/axpy_f32/axpy_f32.cc"
#include <hwy/foreach_target.h>  // IWYU pragma: keep
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace deixis {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void AddScaled(float a, const float* x, float* y, int64_t n) {
  const HWY_CAPPED(float, 16) d;
  const HWY_CAPPED(float, 1) d1;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto factor = hn::Set(d, a);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    hn::StoreU(hn::MulAdd(factor, hn::LoadU(d, x + i), hn::LoadU(d, y + i)), d, y + i);
  }
  // The same operation on what is left, so that an element's value does not depend on its place.
  for (; i < n; ++i) {
    hn::StoreU(hn::MulAdd(hn::Set(d1, a), hn::LoadU(d1, x + i), hn::LoadU(d1, y + i)), d1, y + i);
  }
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace deixis
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace deixis {
namespace {
HWY_EXPORT(AddScaled);
}  // namespace

void AddScaledF32(float a, const float* x, float* y, int64_t n) {
  HWY_DYNAMIC_DISPATCH(AddScaled)(a, x, y, n);
}

}  // namespace deixis
#endif  // HWY_ONCE
