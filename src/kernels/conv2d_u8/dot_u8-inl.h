// Dot products of quads: what Highway 1.0.3 lacks. Each 32-bit lane of an accumulator takes in the
// sum of four products of an unsigned input byte and a signed weight byte, exactly.
//
//   ExactDot   every instruction set: bytes are widened to 16 bits and multiplied in pairs. (The
//              8-bit multiply-add of x86, pmaddubsw, saturates and so is of no use.)
//   VnniDot    vpdpbusd of AVX-512 VNNI and AVX-VNNI
//   UsdotDot   usdot of NEON with FEAT_I8MM
//   SdotDot    sdot of NEON with FEAT_DotProd, which takes signed inputs: those are x - 128, and
//              every sum starts at 128 times the sum of its weights
//
// The instructions are inline assembly: GCC 12 spills accumulators around the intrinsic of
// vpdpbusd, and those of NEON would need the whole file compiled for a processor that has them.
// WithBestDot chooses one at run time.

// Per-target include guard, as Highway wants it.
#if defined(DEIXIS_KERNELS_DOT_U8_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef DEIXIS_KERNELS_DOT_U8_INL_H_
#undef DEIXIS_KERNELS_DOT_U8_INL_H_
#else
#define DEIXIS_KERNELS_DOT_U8_INL_H_
#endif

#include <hwy/highway.h>

#include <cstdint>
#include <type_traits>

#include "kernels/cpu_features.h"

// Vectors whose length is not known at compile time have a tile of their own (sums_rvv.h).
#undef DEIXIS_HAVE_RVV
#if defined(__riscv) && __riscv_xlen == 64
#define DEIXIS_HAVE_RVV 1
#else
#define DEIXIS_HAVE_RVV 0
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
  static HWY_INLINE Sum Start(const int32_t* /*starts*/) {
    return {hn::Zero(SumTag()), hn::Zero(SumTag())};
  }
  static HWY_INLINE void Accumulate(const Inputs& x, const Weights& w, Sum& sum) {
    const SumTag d;
    sum.first = hn::ReorderWidenMulAccumulate(d, x.even, w.even, sum.first, sum.second);
    sum.first = hn::ReorderWidenMulAccumulate(d, x.odd, w.odd, sum.first, sum.second);
  }
  static HWY_INLINE SumVector Finish(const Sum& sum) {
    return hn::RearrangeToOddPlusEven(sum.first, sum.second);
  }
};

#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_NEON
// What instructions have in common that take quads as they lie.
struct WholeQuads {
  using Weights = ByteVector;
  using Inputs = SumVector;
  using Sum = SumVector;

  static HWY_INLINE Weights PrepareWeights(ByteVector bytes) { return bytes; }
  static HWY_INLINE Inputs PrepareInputs(SumVector quads) { return quads; }
  static HWY_INLINE Sum Start(const int32_t* /*starts*/) { return hn::Zero(SumTag()); }
  static HWY_INLINE SumVector Finish(const Sum& sum) { return sum; }
};
#endif

#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2
struct VnniDot : WholeQuads {
  static HWY_INLINE void Accumulate(const Inputs& x, const Weights& w, Sum& sum) {
#if HWY_TARGET == HWY_AVX3
    asm("vpdpbusd %2, %1, %0" : "+v"(sum.raw) : "v"(x.raw), "v"(w.raw));
#else
    asm("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum.raw) : "x"(x.raw), "x"(w.raw));
#endif
  }
};
#endif

#if HWY_TARGET == HWY_NEON
// Lets the assembler know the instruction; it stays as ignorant as the compiler otherwise.
#undef DEIXIS_ASSEMBLE_DOT
#define DEIXIS_ASSEMBLE_DOT ".arch armv8.2-a+crypto+dotprod+i8mm\n\t"

struct UsdotDot : WholeQuads {
  static HWY_INLINE void Accumulate(const Inputs& x, const Weights& w, Sum& sum) {
    asm(DEIXIS_ASSEMBLE_DOT "usdot %0.4s, %1.16b, %2.16b" : "+w"(sum.raw) : "w"(x.raw), "w"(w.raw));
  }
};

struct SdotDot : WholeQuads {
  static HWY_INLINE Inputs PrepareInputs(SumVector quads) {
    return hn::Xor(quads, hn::Set(SumTag(), static_cast<int32_t>(0x80808080)));
  }
  static HWY_INLINE Sum Start(const int32_t* starts) { return hn::LoadU(SumTag(), starts); }
  static HWY_INLINE void Accumulate(const Inputs& x, const Weights& w, Sum& sum) {
    asm(DEIXIS_ASSEMBLE_DOT "sdot %0.4s, %1.16b, %2.16b" : "+w"(sum.raw) : "w"(x.raw), "w"(w.raw));
  }
};
#endif

// Whether sums start at anything but zero: at 128 times the sum of the weights.
template <class Dot>
inline constexpr bool kStartsFromWeights =
#if HWY_TARGET == HWY_NEON
    std::is_same_v<Dot, SdotDot>;
#else
    false;
#endif

// The starts of `width` channels, a multiple of the lanes, whose weights are [num_steps][width][4].
template <class Dot>
HWY_INLINE void FillStarts(const uint8_t* weights, int64_t width, int64_t num_steps,
                           int32_t* starts) {
  const SumTag d;
  const ByteTag db;
  const auto ones = hn::BitCast(d, hn::Set(db, int8_t{1}));
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t column = 0; column < width; column += lanes) {
    auto sum = hn::Zero(d);
    const auto* quads = reinterpret_cast<const int8_t*>(weights + 4 * column);
    for (int64_t step = 0; step < num_steps; ++step, quads += 4 * width) {
      Dot::Accumulate(ones, hn::LoadU(db, quads), sum);
    }
    hn::StoreU(hn::ShiftLeft<7>(sum), d, starts + column);
  }
}

// body(dot), with the best dot product that this processor has for this target's vectors.
template <class Body>
HWY_INLINE void WithBestDot(const Body& body) {
#if HWY_TARGET == HWY_AVX3
  if (HasDotInstruction(DotInstruction::kAvx512Vnni)) return body(VnniDot());
#elif HWY_TARGET == HWY_AVX2
  if (HasDotInstruction(DotInstruction::kAvxVnni)) return body(VnniDot());
#elif HWY_TARGET == HWY_NEON
  if (HasDotInstruction(DotInstruction::kUsdot)) return body(UsdotDot());
  if (HasDotInstruction(DotInstruction::kSdot)) return body(SdotDot());
#endif
  body(ExactDot());
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace deixis
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
