// Dot products of quads: what Highway 1.0.3 lacks. Each 32-bit lane of an accumulator takes in the
// sum of four products of an unsigned input byte and a signed weight byte, exactly.
//
//   ExactDot   every instruction set: bytes are widened to 16 bits and multiplied in pairs. (The
//              8-bit multiply-add of x86, pmaddubsw, saturates and so is of no use.)
//   VnniDot    vpdpbusd of AVX-512 VNNI and AVX-VNNI, as inline assembly, because GCC 12 spills
//              accumulators around the intrinsic. Only where HasVnni() of this target.

// Per-target include guard, as Highway wants it.
#if defined(DEIXIS_KERNELS_DOT_U8_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef DEIXIS_KERNELS_DOT_U8_INL_H_
#undef DEIXIS_KERNELS_DOT_U8_INL_H_
#else
#define DEIXIS_KERNELS_DOT_U8_INL_H_
#endif

#include <hwy/highway.h>

#include "kernels/cpu_features.h"

#undef DEIXIS_HAVE_VNNI
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2
#define DEIXIS_HAVE_VNNI 1
#else
#define DEIXIS_HAVE_VNNI 0
#endif

HWY_BEFORE_NAMESPACE();
namespace deixis {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using SumTag = HWY_CAPPED(int32_t, 16);
using ByteTag = hn::Repartition<int8_t, SumTag>;
using ShortTag = hn::Repartition<int16_t, SumTag>;
using SumVector = hn::Vec<SumTag>;
using ByteVector = hn::Vec<ByteTag>;
using ShortVector = hn::Vec<ShortTag>;

struct ExactDot {
  // The even and the odd bytes of a vector as 16-bit numbers.
  struct Halves {
    ShortVector even;
    ShortVector odd;
  };
  using Weights = Halves;
  using Inputs = Halves;
  // Some instruction sets multiply the lower and the upper half of a vector into one sum each.
  struct Sum {
    SumVector first;
    SumVector second;
  };

  static HWY_INLINE Weights PrepareWeights(ByteVector bytes) {
    const ShortTag d;
    const auto shorts = hn::BitCast(d, bytes);
    return {hn::ShiftRight<8>(hn::ShiftLeft<8>(shorts)), hn::ShiftRight<8>(shorts)};
  }
  static HWY_INLINE Inputs PrepareInputs(SumVector quads) {
    const ShortTag d;
    const hn::RebindToUnsigned<ShortTag> du;
    const auto shorts = hn::BitCast(du, quads);
    return {hn::BitCast(d, hn::And(shorts, hn::Set(du, uint16_t{0x00FF}))),
            hn::BitCast(d, hn::ShiftRight<8>(shorts))};
  }
  static HWY_INLINE Sum Zero() { return {hn::Zero(SumTag()), hn::Zero(SumTag())}; }
  static HWY_INLINE void Accumulate(const Inputs& x, const Weights& w, Sum& sum) {
    const SumTag d;
    sum.first = hn::ReorderWidenMulAccumulate(d, x.even, w.even, sum.first, sum.second);
    sum.first = hn::ReorderWidenMulAccumulate(d, x.odd, w.odd, sum.first, sum.second);
  }
  static HWY_INLINE SumVector Finish(const Sum& sum) {
    return hn::RearrangeToOddPlusEven(sum.first, sum.second);
  }
};

#if DEIXIS_HAVE_VNNI
struct VnniDot {
  using Weights = ByteVector;
  using Inputs = SumVector;
  using Sum = SumVector;

  static HWY_INLINE Weights PrepareWeights(ByteVector bytes) { return bytes; }
  static HWY_INLINE Inputs PrepareInputs(SumVector quads) { return quads; }
  static HWY_INLINE Sum Zero() { return hn::Zero(SumTag()); }
  static HWY_INLINE void Accumulate(const Inputs& x, const Weights& w, Sum& sum) {
#if HWY_TARGET == HWY_AVX3
    asm("vpdpbusd %2, %1, %0" : "+v"(sum.raw) : "v"(x.raw), "v"(w.raw));
#else
    asm("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum.raw) : "x"(x.raw), "x"(w.raw));
#endif
  }
  static HWY_INLINE SumVector Finish(const Sum& sum) { return sum; }
};
#endif  // DEIXIS_HAVE_VNNI

// Whether this processor has the dot product of this target's vectors.
HWY_INLINE bool HasVnni() {
#if HWY_TARGET == HWY_AVX3
  return HasAvx512Vnni();
#elif HWY_TARGET == HWY_AVX2
  return HasAvxVnni();
#else
  return false;
#endif
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace deixis
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
