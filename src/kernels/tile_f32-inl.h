// The register tile that fp32 convolutions are made of, compiled once per instruction set.
//
// A tile is kPixels output pixels by kVectors vectors of output channels. Each step of the inner
// loop takes one term of the sums: kVectors weights are loaded, each pixel's input is broadcast,
// and kPixels * kVectors multiply-adds go to as many independent sums. Per target the tile is the
// largest that leaves a register for the broadcast: 6 x 4 of 32 registers (AVX-512, NEON), 6 x 2 of
// 16 (AVX2, SSE4). Six pixel addresses fit the general registers as well.

// Per-target include guard, as Highway wants it.
#if defined(DEIXIS_KERNELS_TILE_F32_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef DEIXIS_KERNELS_TILE_F32_INL_H_
#undef DEIXIS_KERNELS_TILE_F32_INL_H_
#else
#define DEIXIS_KERNELS_TILE_F32_INL_H_
#endif

#include <hwy/highway.h>

#include <cstdint>
#include <cstring>
#include <utility>

#include "kernels/unroll.h"

HWY_BEFORE_NAMESPACE();
namespace deixis {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using ConvTag = HWY_CAPPED(float, 16);
using ConvVector = hn::Vec<ConvTag>;
inline constexpr int64_t kConvLanes = HWY_MIN(HWY_MAX_BYTES / 4, 16);

// Vectors of a tile of full width.
#if HWY_TARGET == HWY_SSE4 || HWY_TARGET == HWY_AVX2
inline constexpr int kFullVectors = 2;
#else
inline constexpr int kFullVectors = 4;
#endif
inline constexpr int64_t kFullColumns = kFullVectors * kConvLanes;

// Weights that will be needed after this pass, fetched into the second-level cache a little per
// step of the inner loop: otherwise the first tile of each pass would wait for all of them. Spread
// over all tiles of the pass, because more fetches in flight than the processor can track (about a
// dozen) would hold up the loads of the loop itself.
struct Prefetch {
  const float* next;
  const float* end;
  int64_t stride;  // floats per step of the inner loop; several steps may fetch one line

  // Where a tile of `num_steps` steps starts to fetch, and its floats per step (0 when all is
  // done).
  std::pair<const float*, int64_t> Take(int64_t num_steps) {
    if (end - next < num_steps * stride) return {next, 0};
    return {std::exchange(next, next + num_steps * stride), stride};
  }
};

// Up to `count` floats, zero beyond.
HWY_INLINE ConvVector LoadColumns(ConvTag d, const float* from, int64_t count) {
  if (count >= kConvLanes) return hn::LoadU(d, from);
  HWY_ALIGN float lanes[kConvLanes] = {};
  if (count > 0) std::memcpy(lanes, from, static_cast<size_t>(count) * sizeof(float));
  return hn::Load(d, lanes);
}

HWY_INLINE void StoreColumns(ConvTag d, ConvVector value, float* to, int64_t count) {
  if (count >= kConvLanes) {
    hn::StoreU(value, d, to);
    return;
  }
  HWY_ALIGN float lanes[kConvLanes];
  hn::Store(value, d, lanes);
  if (count > 0) std::memcpy(to, lanes, static_cast<size_t>(count) * sizeof(float));
}

// sums[p][v] += the products of the `row_length` inputs at rows[p] with the weights, of which a
// step reads kVectors vectors; `weights` and `prefetch` are left behind what was read.
template <int kPixels, int kVectors>
HWY_INLINE void AccumulateRow(const float* (&rows)[kPixels], int64_t row_length,
                              const float*& weights, int64_t weight_stride, const float*& prefetch,
                              int64_t prefetch_stride, ConvVector (&sums)[kPixels][kVectors]) {
  const ConvTag d;
  for (int64_t i = 0; i < row_length; ++i) {
    ConvVector w[kVectors];
    DEIXIS_UNROLL
    for (int v = 0; v < kVectors; ++v) w[v] = hn::LoadU(d, weights + v * kConvLanes);
    weights += weight_stride;
    __builtin_prefetch(prefetch, /*rw=*/0, /*locality=*/2);
    prefetch += prefetch_stride;
    DEIXIS_UNROLL
    for (int p = 0; p < kPixels; ++p) {
      const ConvVector x = hn::Set(d, rows[p][i]);
      DEIXIS_UNROLL
      for (int v = 0; v < kVectors; ++v) sums[p][v] = hn::MulAdd(x, w[v], sums[p][v]);
    }
  }
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace deixis
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
