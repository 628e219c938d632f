// The loops of a direct convolution around its register tile (tile_f32-inl.h), compiled once per
// instruction set. A term of the tile's sums is one input channel of one filter column.

// Per-target include guard, as Highway wants it.
#if defined(DEIXIS_KERNELS_CONV2D_F32_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef DEIXIS_KERNELS_CONV2D_F32_INL_H_
#undef DEIXIS_KERNELS_CONV2D_F32_INL_H_
#else
#define DEIXIS_KERNELS_CONV2D_F32_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <type_traits>
#include <utility>

#include "kernels/conv2d_f32/conv2d_f32.h"
#include "kernels/conv_chunk.h"
#include "kernels/tile_f32-inl.h"
#include "kernels/unroll.h"

HWY_BEFORE_NAMESPACE();
namespace deixis {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// What a tile needs beside its pixels.
struct TileContext {
  const float* weights;   // of the first filter row of this pass, first column of this tile
  int64_t weight_stride;  // floats from one term to the next: the panel's width
  const float* bias;      // of the first column
  int64_t num_rows;       // filter rows of this pass
  int64_t row_length;     // K_w * C_in
  int64_t input_row_stride;
  int64_t num_columns;  // output channels that exist, from the first column
  bool first_pass;      // starts from the bias; else from what the output holds
  bool last_pass;       // residual and ReLU
  bool relu;
};

// inputs[p]: the first input under the first filter row of this pass; outputs[p], residuals[p]: the
// tile's first column there (residuals may be null).
template <int kPixels, int kVectors>
HWY_NOINLINE void ConvolveTile(const TileContext& context, const float* const* HWY_RESTRICT inputs,
                               float* const* HWY_RESTRICT outputs,
                               const float* const* HWY_RESTRICT residuals, const float* prefetch,
                               int64_t prefetch_stride) {
  const ConvTag d;
  ConvVector sums[kPixels][kVectors];
  if (context.first_pass) {
    DEIXIS_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      const ConvVector bias = hn::LoadU(d, context.bias + v * kConvLanes);
      DEIXIS_UNROLL
      for (int p = 0; p < kPixels; ++p) sums[p][v] = bias;
    }
  } else {
    DEIXIS_UNROLL
    for (int p = 0; p < kPixels; ++p) {
      DEIXIS_UNROLL
      for (int v = 0; v < kVectors; ++v) {
        sums[p][v] =
            LoadColumns(d, outputs[p] + v * kConvLanes, context.num_columns - v * kConvLanes);
      }
    }
  }

  const float* weights = context.weights;
  const int64_t weight_stride = context.weight_stride;
  for (int64_t row = 0; row < context.num_rows; ++row) {
    const float* rows[kPixels];
    DEIXIS_UNROLL
    for (int p = 0; p < kPixels; ++p) rows[p] = inputs[p] + row * context.input_row_stride;
    AccumulateRow(rows, context.row_length, weights, weight_stride, prefetch, prefetch_stride,
                  sums);
  }

  const ConvVector zero = hn::Zero(d);
  DEIXIS_UNROLL
  for (int p = 0; p < kPixels; ++p) {
    DEIXIS_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      const int64_t count = context.num_columns - v * kConvLanes;
      ConvVector value = sums[p][v];
      if (context.last_pass) {
        if (residuals != nullptr) {
          value = hn::Add(value, LoadColumns(d, residuals[p] + v * kConvLanes, count));
        }
        // Not Max: on x86 it would make a NaN zero.
        if (context.relu) value = hn::IfThenZeroElse(hn::Lt(value, zero), value);
      }
      StoreColumns(d, value, outputs[p] + v * kConvLanes, count);
    }
  }
}

inline constexpr int kMaxTilePixels = 12;

// All pixels of a chunk, for one pass and the columns of one tile.
template <int kPixels, int kVectors>
HWY_INLINE void ConvolvePixels(const TileContext& context, PixelWalk<float, float, float> walk,
                               int64_t row, int64_t channel, bool has_residual, int64_t num_pixels,
                               Prefetch& prefetch) {
  const float* inputs[kMaxTilePixels];
  float* outputs[kMaxTilePixels];
  const float* residuals[kMaxTilePixels];
  const float* const* added = has_residual ? residuals : nullptr;
  const int64_t num_steps = context.num_rows * context.row_length;
  const auto tiles = [&](auto constant) {
    constexpr int kCount = decltype(constant)::value;
    while (num_pixels >= kCount) {
      walk.Next(kCount, row, channel, inputs, outputs, residuals);
      const auto [lines, stride] = prefetch.Take(num_steps);
      ConvolveTile<kCount, kVectors>(context, inputs, outputs, added, lines, stride);
      num_pixels -= kCount;
    }
  };
  tiles(std::integral_constant<int, kPixels>());
  if constexpr (kPixels > 4) tiles(std::integral_constant<int, 4>());
  tiles(std::integral_constant<int, 2>());
  tiles(std::integral_constant<int, 1>());
}

void ConvolveChunk(const PackedConv2dF32& packed, const NhwcView<const float>& input,
                   const NhwcView<float>& output, const EpilogueF32& epilogue,
                   const ConvChunk& chunk, int64_t rows_per_pass) {
  const Conv2dShape& shape = packed.shape;
  const int64_t first = chunk.panel * PackedConv2dF32::kPanelChannels;
  const int64_t width =
      std::min(PackedConv2dF32::kPanelChannels, packed.padded_out_channels() - first);
  const float* panel = packed.weights.data() + first * shape.num_terms();
  const int64_t row_length = shape.filter_width * shape.in_channels;
  const bool has_residual = epilogue.residual.data != nullptr;
  const PixelWalk<float, float, float> walk(input, output, epilogue.residual, shape,
                                            chunk.pixel_begin);
  const int64_t num_pixels = chunk.pixel_end - chunk.pixel_begin;

  // A filter without rows still gives the bias: one pass at least.
  int64_t row = 0;
  do {
    const int64_t num_rows = std::min(rows_per_pass, shape.filter_height - row);
    // The next pass or panel follows in memory.
    const float* next = panel + (row + num_rows) * row_length * width;
    const float* end = packed.weights.data() + packed.weights.size();
    const int64_t num_next = std::min(end - next, num_rows * row_length * width);
    // A step of a tile of full width reads kFullColumns of the panel's columns for six pixels.
    const int64_t num_tiles = num_pixels / 6 * ((width + kFullColumns - 1) / kFullColumns);
    Prefetch prefetch{.next = next,
                      .end = next + num_next,
                      .stride = std::clamp<int64_t>(
                          (width + num_tiles) / std::max<int64_t>(num_tiles, 1), 1, 16)};
    for (int64_t column = 0; column < width;) {
      const TileContext context{.weights = panel + row * row_length * width + column,
                                .weight_stride = width,
                                .bias = packed.bias.data() + first + column,
                                .num_rows = num_rows,
                                .row_length = row_length,
                                .input_row_stride = input.row_stride,
                                .num_columns = shape.out_channels - first - column,
                                .first_pass = row == 0,
                                .last_pass = row + num_rows == shape.filter_height,
                                .relu = epilogue.relu};
      const int64_t channel = first + column;
      if (width - column >= kFullColumns) {
        ConvolvePixels<6, kFullVectors>(context, walk, row, channel, has_residual, num_pixels,
                                        prefetch);
        column += kFullColumns;
        continue;
      }
      // Only where a vector is a whole granule or a granule is a whole tile.
      if constexpr (kConvLanes == PackedConv2dF32::kPanelGranule) {
        if (width - column >= 2 * kConvLanes) {
          ConvolvePixels<12, 2>(context, walk, row, channel, has_residual, num_pixels, prefetch);
          column += 2 * kConvLanes;
          continue;
        }
      }
      ConvolvePixels<12, 1>(context, walk, row, channel, has_residual, num_pixels, prefetch);
      column += kConvLanes;
    }
    row += num_rows;
  } while (row < shape.filter_height);
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace deixis
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
