#include "kernels/peak/peak.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/peak/peak.cc"
#include <hwy/foreach_target.h>  // IWYU pragma: keep
#include <hwy/highway.h>

#include "kernels/conv2d_u8/dot_u8-inl.h"
#include "kernels/unroll.h"

HWY_BEFORE_NAMESPACE();
namespace deixis {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The factors and the zeros that sums begin with are read from volatile variables, each anew: a
// compiler that knew them to be alike would make one sum of them all. Every loop over the sums is
// unrolled, or they would lie in memory.
//
// As many as the largest register tile has, where there are 32 vector registers or 16: latency
// times instructions per cycle is at most 10.
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_NEON
constexpr int kNumSums = 24;
#else
constexpr int kNumSums = 12;
#endif

int64_t PeakF32(int64_t rounds) {
  using Tag = HWY_CAPPED(float, 16);
  const Tag d;
  volatile float zero = 0;
  volatile float one = 1;
  const auto x = hn::Set(d, one);
  const auto w = hn::Set(d, one);
  hn::Vec<Tag> sums[kNumSums];
  DEIXIS_UNROLL
  for (int i = 0; i < kNumSums; ++i) sums[i] = hn::Set(d, zero);
  for (int64_t round = 0; round < rounds; ++round) {
    DEIXIS_UNROLL
    for (int i = 0; i < kNumSums; ++i) sums[i] = hn::MulAdd(x, w, sums[i]);
  }
  int64_t count = 0;
  DEIXIS_UNROLL
  for (int i = 0; i < kNumSums; ++i) {
    // All lanes are alike; their sum as float would not be exact.
    count += static_cast<int64_t>(hn::GetLane(sums[i])) * static_cast<int64_t>(hn::Lanes(d));
  }
  return count;
}

template <class Dot>
int64_t PeakDot(int64_t rounds) {
  const SumTag d;
  const ByteTag db;
  volatile int32_t zero = 0;
  volatile int8_t one = 1;
  const auto bytes = hn::Set(db, one);
  const auto x = Dot::PrepareInputs(hn::BitCast(d, bytes));
  const auto w = Dot::PrepareWeights(bytes);
  // 128 times the weights that a sum meets, where it is to start from them.
  int32_t starts[HWY_MAX_BYTES / sizeof(int32_t)];
  for (int32_t& start : starts) {
    start = kStartsFromWeights<Dot> ? static_cast<int32_t>(128 * 4 * (rounds + 1)) : 0;
  }
  typename Dot::Sum sums[kNumSums];
  DEIXIS_UNROLL
  for (int i = 0; i < kNumSums; ++i) {
    sums[i] = Dot::Start(starts);
    Dot::Accumulate(Dot::PrepareInputs(hn::Set(d, zero)), w, sums[i]);
  }
  for (int64_t round = 0; round < rounds; ++round) {
    DEIXIS_UNROLL
    for (int i = 0; i < kNumSums; ++i) Dot::Accumulate(x, w, sums[i]);
  }
  int64_t count = 0;
  DEIXIS_UNROLL
  for (int i = 0; i < kNumSums; ++i) {
    const auto sum = Dot::Finish(sums[i]);
    count += int64_t{hn::GetLane(sum)} * static_cast<int64_t>(hn::Lanes(d));
  }
  return count;
}

int64_t PeakU8(int64_t rounds) {
  int64_t count = 0;
  WithBestDot([&](auto dot) HWY_ATTR { count = PeakDot<decltype(dot)>(rounds); });
  return count;
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace deixis
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace deixis {
namespace {
HWY_EXPORT(PeakF32);
HWY_EXPORT(PeakU8);
}  // namespace

int64_t PeakLoopF32(int64_t rounds) { return HWY_DYNAMIC_DISPATCH(PeakF32)(rounds); }
int64_t PeakLoopU8(int64_t rounds) { return HWY_DYNAMIC_DISPATCH(PeakU8)(rounds); }

}  // namespace deixis
#endif  // HWY_ONCE
