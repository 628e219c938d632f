// The register tile of the u8 convolution, the decoding of codebook panels, and the loops around
// them, compiled once per instruction set and kind of dot product.
//
// A tile is kPixels output pixels by kVectors vectors of output channels. Each step of the inner
// loop takes one quad of a filter row: kVectors vectors of weight quads are loaded, each pixel's
// four input bytes are broadcast, and kPixels * kVectors dot products go to as many independent
// sums. With a dot instruction the tile is that of conv2d_f32 (6 x 4 of 32 registers, 6 x 2 of 16);
// without one, weights and inputs take two registers each (8 x 2 of 32, 3 x 2 of 16).
//
// A tile of scattered pixels needs an address for each. Where rows divide into runs of 7 pixels
// (all rows of a network whose picture is 224 wide do), two addresses and the distances within a
// run do for 14, and a tile of 14 x 2 reads half as many weights per product as one of 6 x 4: what
// counts when a panel lies in the second-level cache.

// Per-target include guard, as Highway wants it.
#if defined(DEIXIS_KERNELS_CONV2D_U8_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef DEIXIS_KERNELS_CONV2D_U8_INL_H_
#undef DEIXIS_KERNELS_CONV2D_U8_INL_H_
#else
#define DEIXIS_KERNELS_CONV2D_U8_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstring>
#include <type_traits>
#include <utility>

#include "kernels/conv2d_u8/conv2d_u8.h"
#include "kernels/conv2d_u8/dot_u8-inl.h"
#include "kernels/conv2d_u8/panel_scratch.h"
#include "kernels/conv2d_u8/sums_rvv.h"
#include "kernels/conv_chunk.h"
#include "kernels/unroll.h"

HWY_BEFORE_NAMESPACE();
namespace deixis {
namespace HWY_NAMESPACE {

using FloatTag = hn::Rebind<float, SumTag>;
using FloatVector = hn::Vec<FloatTag>;
using PixelTag = hn::Rebind<uint8_t, SumTag>;
inline constexpr int64_t kSumLanes = HWY_MIN(HWY_MAX_BYTES / 4, 16);
inline constexpr bool kManyRegisters = HWY_TARGET != HWY_SSE4 && HWY_TARGET != HWY_AVX2;

// The tile of full width, by kind of dot product.
template <class Dot>
inline constexpr bool kIsExact = std::is_same_v<Dot, ExactDot>;
template <class Dot>
inline constexpr int kTilePixels = kIsExact<Dot> ? (kManyRegisters ? 8 : 3) : 6;
template <class Dot>
inline constexpr int kTileVectors = kIsExact<Dot> ? 2 : (kManyRegisters ? 4 : 2);

// What a tile needs beside its pixels.
struct TileContextU8 {
  const uint8_t* weights;  // int8, of the first step, first column of this tile
  int64_t weight_stride;   // bytes from one step to the next
  const float* scale;      // of the first column
  const float* bias;
  const int32_t* starts;  // of the sums, where kStartsFromWeights
  int64_t num_rows;
  int64_t row_steps;
  int64_t input_row_stride;
  int64_t num_columns;  // output channels that exist, from the first column
  float residual_scale;
};

// The next panel, fetched into the second-level cache a little per step of the inner loop. Spread
// over all tiles of the panel, because more fetches in flight than the processor can track (about a
// dozen) would hold up the loads of the loop itself.
struct PrefetchU8 {
  const uint8_t* next;
  const uint8_t* end;
  int64_t stride;  // bytes per step of the inner loop; several steps may fetch one line

  // Where a tile of `num_steps` steps starts to fetch, and its bytes per step (0 when all is done).
  std::pair<const uint8_t*, int64_t> Take(int64_t num_steps) {
    if (end - next < num_steps * stride) return {next, 0};
    return {std::exchange(next, next + num_steps * stride), stride};
  }
};

template <typename T>
HWY_INLINE void CopyBytes(const T* from, int64_t count, T* to) {
  if (count > 0) std::memcpy(to, from, static_cast<size_t>(count) * sizeof(T));
}

// Rounds to nearest, ties to even, and clamps to a byte. Adding 1.5 * 2^23 leaves the integer in
// the lowest bits, rounded as every addition is: fewer instructions than a conversion that has to
// mind numbers beyond int32, and the same bits on every instruction set.
HWY_INLINE hn::Vec<PixelTag> RoundToBytes(FloatVector value) {
  const FloatTag df;
  const hn::RebindToUnsigned<SumTag> du;
  const auto clamped = hn::Min(hn::Max(value, hn::Zero(df)), hn::Set(df, 255.0f));
  const auto shifted = hn::Add(clamped, hn::Set(df, 12582912.0f));
  return hn::TruncateTo(PixelTag(), hn::BitCast(du, shifted));
}

HWY_INLINE FloatVector AddResidual(FloatVector value, const uint8_t* residual, float scale) {
  const SumTag di;
  const FloatTag df;
  const auto added = hn::ConvertTo(df, hn::PromoteTo(di, hn::LoadU(PixelTag(), residual)));
  return hn::Add(value, hn::Mul(added, hn::Set(df, scale)));
}

// Where the pixels of a tile lie, at its first column: pixel p of a tile of scattered pixels...
template <typename T>
struct ScatteredPixels {
  T* const* pixels;  // null when there are none (no residual)

  bool Exist() const { return pixels != nullptr; }
  T* operator[](int p) const { return pixels[p]; }
};

inline constexpr int kRunPixels = 7;

// ... and of one made of runs.
template <typename T>
struct PixelRuns {
  T* const* runs;  // the first pixel of each
  int64_t stride;  // from pixel to pixel, in elements

  bool Exist() const { return runs != nullptr; }
  T* operator[](int p) const { return runs[p / kRunPixels] + p % kRunPixels * stride; }
};

// Scales, adds, rounds and stores one vector of sums. Out is uint8_t or float.
template <bool kAdds, typename Out>
HWY_INLINE void StoreVectorU8(SumVector sum, FloatVector scale, FloatVector bias,
                              const uint8_t* residual, float residual_scale, Out* output) {
  const FloatTag df;
  // Not MulAdd: targets without it would round differently.
  FloatVector value = hn::Add(hn::Mul(hn::ConvertTo(df, sum), scale), bias);
  if constexpr (std::is_same_v<Out, float>) {
    hn::StoreU(value, df, output);
  } else {
    if constexpr (kAdds) value = AddResidual(value, residual, residual_scale);
    hn::StoreU(RoundToBytes(value), PixelTag(), output);
  }
}

// The sums of a tile whose columns all exist.
template <class Dot, bool kAdds, int kPixels, int kVectors, class Outputs, class Residuals>
HWY_INLINE void StoreWholeTileU8(const TileContextU8& context,
                                 const typename Dot::Sum (&sums)[kPixels][kVectors],
                                 const Outputs& outputs, const Residuals& residuals) {
  const FloatTag df;
  DEIXIS_UNROLL
  for (int v = 0; v < kVectors; ++v) {
    const FloatVector scale = hn::LoadU(df, context.scale + v * kSumLanes);
    const FloatVector bias = hn::LoadU(df, context.bias + v * kSumLanes);
    DEIXIS_UNROLL
    for (int p = 0; p < kPixels; ++p) {
      const uint8_t* residual = kAdds ? residuals[p] + v * kSumLanes : nullptr;
      StoreVectorU8<kAdds>(Dot::Finish(sums[p][v]), scale, bias, residual, context.residual_scale,
                           outputs[p] + v * kSumLanes);
    }
  }
}

// The sums of one pixel, [num_vectors * kSumLanes], for as many columns as there are. By way of
// memory that holds whole vectors; `residual` may be null.
template <typename Out>
HWY_NOINLINE void StorePartOfPixelU8(const TileContextU8& context, const int32_t* sums,
                                     int num_vectors, const uint8_t* residual, Out* output) {
  const FloatTag df;
  HWY_ALIGN Out columns[kSumLanes];
  HWY_ALIGN uint8_t added[kSumLanes] = {};
  for (int v = 0; v < num_vectors; ++v) {
    const int64_t first = v * kSumLanes;
    const int64_t count = std::min(context.num_columns - first, kSumLanes);
    if (residual != nullptr) CopyBytes(residual + first, count, added);
    const SumVector sum = hn::Load(SumTag(), sums + first);
    const FloatVector scale = hn::LoadU(df, context.scale + first);
    const FloatVector bias = hn::LoadU(df, context.bias + first);
    if (residual != nullptr) {
      StoreVectorU8<true>(sum, scale, bias, added, context.residual_scale, columns);
    } else {
      StoreVectorU8<false>(sum, scale, bias, added, context.residual_scale, columns);
    }
    CopyBytes(columns, count, output + first);
  }
}

template <class Dot, int kPixels, int kVectors, class Outputs, class Residuals>
HWY_INLINE void StoreTileU8(const TileContextU8& context,
                            const typename Dot::Sum (&sums)[kPixels][kVectors],
                            const Outputs& outputs, const Residuals& residuals) {
  if (context.num_columns < kVectors * kSumLanes) {
    // The sums' own address is never taken, or they would live in memory all along.
    HWY_ALIGN int32_t finished[kVectors * kSumLanes];
    DEIXIS_UNROLL
    for (int p = 0; p < kPixels; ++p) {
      DEIXIS_UNROLL
      for (int v = 0; v < kVectors; ++v) {
        hn::Store(Dot::Finish(sums[p][v]), SumTag(), finished + v * kSumLanes);
      }
      StorePartOfPixelU8(context, finished, kVectors, residuals.Exist() ? residuals[p] : nullptr,
                         outputs[p]);
    }
  } else if (residuals.Exist()) {
    StoreWholeTileU8<Dot, true>(context, sums, outputs, residuals);
  } else {
    StoreWholeTileU8<Dot, false>(context, sums, outputs, residuals);
  }
}

// inputs[p]: the first input byte under the filter.
template <class Dot, int kPixels, int kVectors, typename Out>
HWY_NOINLINE void ConvolveTileU8(const TileContextU8& context,
                                 const uint8_t* const* HWY_RESTRICT inputs,
                                 const ScatteredPixels<Out>& outputs,
                                 const ScatteredPixels<const uint8_t>& residuals,
                                 const uint8_t* prefetch, int64_t prefetch_stride) {
  const SumTag di;
  const ByteTag db;
  typename Dot::Sum sums[kPixels][kVectors];
  DEIXIS_UNROLL
  for (int p = 0; p < kPixels; ++p) {
    DEIXIS_UNROLL
    for (int v = 0; v < kVectors; ++v) sums[p][v] = Dot::Start(context.starts + v * kSumLanes);
  }

  const uint8_t* HWY_RESTRICT weights = context.weights;
  const int64_t weight_stride = context.weight_stride;
  for (int64_t row = 0; row < context.num_rows; ++row) {
    const uint8_t* rows[kPixels];
    DEIXIS_UNROLL
    for (int p = 0; p < kPixels; ++p) rows[p] = inputs[p] + row * context.input_row_stride;
    const int64_t row_bytes = 4 * context.row_steps;
    for (int64_t i = 0; i < row_bytes; i += 4) {
      typename Dot::Weights w[kVectors];
      DEIXIS_UNROLL
      for (int v = 0; v < kVectors; ++v) {
        w[v] = Dot::PrepareWeights(
            hn::LoadU(db, reinterpret_cast<const int8_t*>(weights) + 4 * v * kSumLanes));
      }
      weights += weight_stride;
      __builtin_prefetch(prefetch, /*rw=*/0, /*locality=*/2);
      prefetch += prefetch_stride;
      DEIXIS_UNROLL
      for (int p = 0; p < kPixels; ++p) {
        int32_t quad;
        std::memcpy(&quad, rows[p] + i, sizeof(quad));
        const typename Dot::Inputs x = Dot::PrepareInputs(hn::Set(di, quad));
        DEIXIS_UNROLL
        for (int v = 0; v < kVectors; ++v) Dot::Accumulate(x, w[v], sums[p][v]);
      }
    }
  }
  StoreTileU8<Dot>(context, sums, outputs, residuals);
}

// The same for kRuns runs of kRunPixels pixels: inputs[r] is the first pixel's input, the others
// follow `pixel_stride` bytes apart.
template <class Dot, int kRuns, int kVectors, typename Out>
HWY_NOINLINE void ConvolveRunsU8(const TileContextU8& context,
                                 const uint8_t* const* HWY_RESTRICT inputs, int64_t pixel_stride,
                                 const PixelRuns<Out>& outputs,
                                 const PixelRuns<const uint8_t>& residuals, const uint8_t* prefetch,
                                 int64_t prefetch_stride) {
  const SumTag di;
  const ByteTag db;
  typename Dot::Sum sums[kRuns * kRunPixels][kVectors];
  DEIXIS_UNROLL
  for (int p = 0; p < kRuns * kRunPixels; ++p) {
    DEIXIS_UNROLL
    for (int v = 0; v < kVectors; ++v) sums[p][v] = Dot::Start(context.starts + v * kSumLanes);
  }

  const uint8_t* HWY_RESTRICT weights = context.weights;
  const int64_t weight_stride = context.weight_stride;
  for (int64_t row = 0; row < context.num_rows; ++row) {
    const uint8_t* runs[kRuns];
    DEIXIS_UNROLL
    for (int r = 0; r < kRuns; ++r) runs[r] = inputs[r] + row * context.input_row_stride;
    for (int64_t step = 0; step < context.row_steps; ++step) {
      typename Dot::Weights w[kVectors];
      DEIXIS_UNROLL
      for (int v = 0; v < kVectors; ++v) {
        w[v] = Dot::PrepareWeights(
            hn::LoadU(db, reinterpret_cast<const int8_t*>(weights) + 4 * v * kSumLanes));
      }
      weights += weight_stride;
      __builtin_prefetch(prefetch, /*rw=*/0, /*locality=*/2);
      prefetch += prefetch_stride;
      DEIXIS_UNROLL
      for (int r = 0; r < kRuns; ++r) {
        DEIXIS_UNROLL
        for (int p = 0; p < kRunPixels; ++p) {
          int32_t quad;
          std::memcpy(&quad, runs[r] + p * pixel_stride, sizeof(quad));
          const typename Dot::Inputs x = Dot::PrepareInputs(hn::Set(di, quad));
          DEIXIS_UNROLL
          for (int v = 0; v < kVectors; ++v) {
            Dot::Accumulate(x, w[v], sums[r * kRunPixels + p][v]);
          }
        }
        runs[r] += 4;
      }
    }
  }
  StoreTileU8<Dot>(context, sums, outputs, residuals);
}

inline constexpr int kMaxTilePixelsU8 = 12;

// All pixels of a chunk, for the columns of one tile.
template <class Dot, int kPixels, int kVectors, typename Out>
HWY_INLINE void ConvolvePixelsU8(const TileContextU8& context,
                                 PixelWalk<uint8_t, Out, uint8_t> walk, int64_t channel,
                                 bool has_residual, int64_t num_pixels, PrefetchU8& prefetch) {
  const uint8_t* inputs[kMaxTilePixelsU8];
  Out* outputs[kMaxTilePixelsU8];
  const uint8_t* residuals[kMaxTilePixelsU8];
  const uint8_t* const* added = has_residual ? residuals : nullptr;
  const int64_t num_steps = context.num_rows * context.row_steps;
  const auto tiles = [&](auto constant) {
    constexpr int kCount = decltype(constant)::value;
    while (num_pixels >= kCount) {
      walk.Next(kCount, 0, channel, inputs, outputs, residuals);
      const auto [lines, stride] = prefetch.Take(num_steps);
      ConvolveTileU8<Dot, kCount, kVectors, Out>(context, inputs, {outputs}, {added}, lines,
                                                 stride);
      num_pixels -= kCount;
    }
  };
  tiles(std::integral_constant<int, kPixels>());
  if constexpr (kPixels > 4) tiles(std::integral_constant<int, 4>());
  if constexpr (kPixels > 2) tiles(std::integral_constant<int, 2>());
  tiles(std::integral_constant<int, 1>());
}

// The same where every run of kRunPixels pixels, counted from the chunk's first, lies in one row.
template <class Dot, int kVectors, typename Out>
HWY_INLINE void ConvolveAllRunsU8(const TileContextU8& context,
                                  PixelWalk<uint8_t, Out, uint8_t> walk, int64_t pixel_stride,
                                  int64_t out_channels, int64_t channel, bool has_residual,
                                  int64_t num_pixels, PrefetchU8& prefetch) {
  const uint8_t* inputs[2];
  Out* outputs[2];
  const uint8_t* residuals[2];
  const int64_t num_steps = context.num_rows * context.row_steps;
  const auto tiles = [&](auto constant) {
    constexpr int kRuns = decltype(constant)::value;
    while (num_pixels >= kRuns * kRunPixels) {
      for (int r = 0; r < kRuns; ++r) {
        walk.NextRun(kRunPixels, channel, inputs[r], outputs[r], residuals[r]);
      }
      const auto [lines, stride] = prefetch.Take(num_steps);
      ConvolveRunsU8<Dot, kRuns, kVectors, Out>(
          context, inputs, pixel_stride, {outputs, out_channels},
          {has_residual ? residuals : nullptr, out_channels}, lines, stride);
      num_pixels -= kRuns * kRunPixels;
    }
  };
  tiles(std::integral_constant<int, 2>());
  tiles(std::integral_constant<int, 1>());
}

// 4-bit indices to int8: one panel of `width` channels, two steps per stored one. Each 128-bit lane
// holds 4 channels x 4 inputs and has their codebook for a table.
HWY_INLINE void DecodePanel(const uint8_t* HWY_RESTRICT stored, const int8_t* HWY_RESTRICT tables,
                            int64_t width, int64_t num_steps, uint8_t* HWY_RESTRICT decoded) {
  const hn::Repartition<uint8_t, SumTag> d;
  const hn::Repartition<uint16_t, SumTag> d16;
  const int64_t step_bytes = 4 * width;
  const auto low_half = hn::Set(d, uint8_t{0x0F});
  for (int64_t step = 0; step < num_steps; step += 2) {
    const bool is_pair = step + 1 < num_steps;
    for (int64_t column = 0; column < step_bytes; column += 4 * kSumLanes) {
      const auto table = hn::LoadU(d, reinterpret_cast<const uint8_t*>(tables) + column);
      const auto pair = hn::LoadU(d, stored + column);
      const auto high = hn::BitCast(d, hn::ShiftRight<4>(hn::BitCast(d16, pair)));
      const auto first = hn::TableLookupBytes(table, hn::And(pair, low_half));
      const auto second = hn::TableLookupBytes(table, hn::And(high, low_half));
      hn::StoreU(first, d, decoded + column);
      if (is_pair) hn::StoreU(second, d, decoded + step_bytes + column);
    }
    stored += step_bytes;
    decoded += 2 * step_bytes;
  }
}

// Zeros where a row's padding decoded to something: the bytes of each row's last quad from
// `first_byte` on.
HWY_INLINE void ClearRowPadding(int64_t width, int64_t num_rows, int64_t row_steps,
                                int64_t first_byte, uint8_t* decoded) {
  for (int64_t row = 0; row < num_rows; ++row) {
    uint8_t* quads = decoded + ((row + 1) * row_steps - 1) * 4 * width;
    for (int64_t column = 0; column < width; ++column) {
      for (int64_t byte = first_byte; byte < 4; ++byte) quads[4 * column + byte] = 0;
    }
  }
}

// The int8 weights of a chunk's panel: where they lie, or decoded into `scratch` unless they are
// there already.
HWY_INLINE const uint8_t* PanelWeights(const Conv2dU8Weights& weights, int64_t first, int64_t width,
                                       const PanelScratchU8& scratch) {
  const uint8_t* stored = weights.panels.data() + first * weights.stored_channel_bytes();
  if (weights.form == WeightForm8::kInt8) return stored;
  const int64_t panel = first / Conv2dU8Weights::kPanelChannels;
  if (std::exchange(*scratch.panel, panel) == panel) return scratch.decoded;
  const Conv2dShape& shape = weights.shape;
  DecodePanel(stored, weights.tables + first / kCodebookChannels * kCodebookSize, width,
              weights.layout().num_steps(), scratch.decoded);
  const int64_t rest = shape.filter_width * shape.in_channels % 4;
  if (rest != 0) {
    ClearRowPadding(width, shape.filter_height, weights.layout().row_steps(), rest,
                    scratch.decoded);
  }
  return scratch.decoded;
}

template <class Dot, typename Out>
void ConvolveChunkWith(const Conv2dU8Weights& weights, const NhwcView<const uint8_t>& input,
                       const NhwcView<Out>& output, const EpilogueU8& epilogue,
                       const ConvChunk& chunk, const PanelScratchU8& scratch) {
  const Conv2dShape& shape = weights.shape;
  const int64_t first = chunk.panel * Conv2dU8Weights::kPanelChannels;
  const int64_t width =
      std::min(Conv2dU8Weights::kPanelChannels, weights.layout().padded_channels() - first);
  const uint8_t* panel = PanelWeights(weights, first, width, scratch);
  HWY_ALIGN int32_t starts[Conv2dU8Weights::kPanelChannels];
  if constexpr (kStartsFromWeights<Dot>)
    FillStarts<Dot>(panel, width, weights.layout().num_steps(), starts);
  const bool has_residual = epilogue.residual.data != nullptr;
  const PixelWalk<uint8_t, Out, uint8_t> walk(input, output, epilogue.residual, shape,
                                              chunk.pixel_begin);
  const int64_t num_pixels = chunk.pixel_end - chunk.pixel_begin;
  const bool in_runs = output.width % kRunPixels == 0 && chunk.pixel_begin % kRunPixels == 0 &&
                       num_pixels % kRunPixels == 0;

  // The next panel follows in memory, as large as this one or smaller.
  const uint8_t* next = weights.panels.data() + (first + width) * weights.stored_channel_bytes();
  const int64_t num_next = std::min<int64_t>(weights.panels.data() + weights.panels.size() - next,
                                             width * weights.stored_channel_bytes());
  constexpr int kVectors = kTileVectors<Dot>;
  const int64_t tile_columns = kVectors * kSumLanes;
  const int64_t num_tile_steps = std::max<int64_t>(num_pixels / kTilePixels<Dot> *
                                                       ((width + tile_columns - 1) / tile_columns) *
                                                       weights.layout().num_steps(),
                                                   1);
  PrefetchU8 prefetch{.next = next,
                      .end = next + num_next,
                      .stride = std::clamp<int64_t>(num_next / num_tile_steps + 1, 1, 64)};
  for (int64_t column = 0; column < width;) {
    const TileContextU8 context{.weights = panel + 4 * column,
                                .weight_stride = 4 * width,
                                .scale = weights.scale + first + column,
                                .bias = weights.bias + first + column,
                                .starts = starts + column,
                                .num_rows = shape.filter_height,
                                .row_steps = weights.layout().row_steps(),
                                .input_row_stride = input.row_stride,
                                .num_columns = shape.out_channels - first - column,
                                .residual_scale = epilogue.residual_scale};
    const int64_t channel = first + column;
    if constexpr (kVectors > 2) {
      if (in_runs && width - column >= 2 * kSumLanes) {
        ConvolveAllRunsU8<Dot, 2>(context, walk, shape.stride * shape.in_channels,
                                  shape.out_channels, channel, has_residual, num_pixels, prefetch);
        column += 2 * kSumLanes;
        continue;
      }
    }
    if (width - column >= kVectors * kSumLanes) {
      ConvolvePixelsU8<Dot, kTilePixels<Dot>, kVectors>(context, walk, channel, has_residual,
                                                        num_pixels, prefetch);
      column += kVectors * kSumLanes;
      continue;
    }
    if constexpr (kVectors > 2) {
      if (width - column >= 2 * kSumLanes) {
        ConvolvePixelsU8<Dot, 12, 2>(context, walk, channel, has_residual, num_pixels, prefetch);
        column += 2 * kSumLanes;
        continue;
      }
    }
    ConvolvePixelsU8<Dot, kTilePixels<Dot>, 1>(context, walk, channel, has_residual, num_pixels,
                                               prefetch);
    column += kSumLanes;
  }
}

#if DEIXIS_HAVE_RVV
// A chunk by way of sums in memory, 4 pixels by as many channels as vectors hold.
template <typename Out>
void ConvolveChunkRvv(const Conv2dU8Weights& weights, const NhwcView<const uint8_t>& input,
                      const NhwcView<Out>& output, const EpilogueU8& epilogue,
                      const ConvChunk& chunk, const PanelScratchU8& scratch) {
  constexpr int kPixels = 4;
  const Conv2dShape& shape = weights.shape;
  const int64_t first = chunk.panel * Conv2dU8Weights::kPanelChannels;
  const int64_t width =
      std::min(Conv2dU8Weights::kPanelChannels, weights.layout().padded_channels() - first);
  const uint8_t* panel = PanelWeights(weights, first, width, scratch);
  const int64_t row_steps = weights.layout().row_steps();
  const bool has_residual = epilogue.residual.data != nullptr;
  HWY_ALIGN int32_t sums[kPixels * Conv2dU8Weights::kPanelChannels];
  for (int64_t column = 0; column < width;) {
    const int64_t num_channels = std::min(width - column, DeixisLanesRvv());
    const TileContextU8 context{.weights = nullptr,
                                .weight_stride = 0,
                                .scale = weights.scale + first + column,
                                .bias = weights.bias + first + column,
                                .starts = nullptr,
                                .num_rows = shape.filter_height,
                                .row_steps = row_steps,
                                .input_row_stride = input.row_stride,
                                .num_columns = shape.out_channels - first - column,
                                .residual_scale = epilogue.residual_scale};
    PixelWalk<uint8_t, Out, uint8_t> walk(input, output, epilogue.residual, shape,
                                          chunk.pixel_begin);
    for (int64_t pixel = chunk.pixel_begin; pixel < chunk.pixel_end; pixel += kPixels) {
      const int num_pixels = static_cast<int>(std::min<int64_t>(chunk.pixel_end - pixel, kPixels));
      const uint8_t* inputs[kPixels];
      Out* outputs[kPixels];
      const uint8_t* residuals[kPixels];
      walk.Next(num_pixels, 0, first + column, inputs, outputs, residuals);
      std::fill(inputs + num_pixels, inputs + kPixels, inputs[0]);
      DeixisSumsRvv(inputs, input.row_stride, shape.filter_height, row_steps, panel + 4 * column,
                    4 * width, num_channels, sums);
      for (int p = 0; p < num_pixels; ++p) {
        StorePartOfPixelU8(context, sums + p * num_channels,
                           static_cast<int>(num_channels / kSumLanes),
                           has_residual ? residuals[p] : nullptr, outputs[p]);
      }
    }
    column += num_channels;
  }
}
#endif  // DEIXIS_HAVE_RVV

template <typename Out>
HWY_INLINE void ConvolveChunkU8(const Conv2dU8Weights& weights,
                                const NhwcView<const uint8_t>& input, const NhwcView<Out>& output,
                                const EpilogueU8& epilogue, const ConvChunk& chunk,
                                const PanelScratchU8& scratch) {
#if DEIXIS_HAVE_RVV
  if (HasDotInstruction(DotInstruction::kRvv)) {
    return ConvolveChunkRvv(weights, input, output, epilogue, chunk, scratch);
  }
#endif
  WithBestDot([&](auto dot) {
    ConvolveChunkWith<decltype(dot)>(weights, input, output, epilogue, chunk, scratch);
  });
}

void ConvolveChunkToU8(const Conv2dU8Weights& weights, const NhwcView<const uint8_t>& input,
                       const NhwcView<uint8_t>& output, const EpilogueU8& epilogue,
                       const ConvChunk& chunk, const PanelScratchU8& scratch) {
  ConvolveChunkU8(weights, input, output, epilogue, chunk, scratch);
}

void ConvolveChunkToF32(const Conv2dU8Weights& weights, const NhwcView<const uint8_t>& input,
                        const NhwcView<float>& output, const EpilogueU8& epilogue,
                        const ConvChunk& chunk, const PanelScratchU8& scratch) {
  ConvolveChunkU8(weights, input, output, epilogue, chunk, scratch);
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace deixis
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
