// The transforms and matrix products of Winograd's convolution, compiled once per instruction set.
//
// Work is done per block of tiles. The input transform reads tiles where they lie and writes V; per
// panel of output channels and per position of a tile, the rows of V times the position's weights
// give M, with the register tile of the direct convolution; the inverse transform reads M and ends
// in the epilogue. Transforms work on vectors of channels: they are additions and multiplications
// of whole vectors. winograd_block.h has the layouts.

// Per-target include guard, as Highway wants it.
#if defined(DEIXIS_KERNELS_WINOGRAD_F32_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef DEIXIS_KERNELS_WINOGRAD_F32_INL_H_
#undef DEIXIS_KERNELS_WINOGRAD_F32_INL_H_
#else
#define DEIXIS_KERNELS_WINOGRAD_F32_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <type_traits>

#include "kernels/tile_f32-inl.h"
#include "kernels/winograd_f32/winograd_block.h"
#include "kernels/winograd_f32/winograd_f32.h"

HWY_BEFORE_NAMESPACE();
namespace deixis {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// The one-dimensional transforms B^T (kInput inputs) and A^T (kInput products): the rows of
// WinogradTransforms, what two of them have in common computed once.
struct WinogradF2 {
  static constexpr int kOutput = 2;
  static constexpr int kInput = 4;

  static HWY_INLINE void Input(const ConvVector (&d)[kInput], ConvVector (&v)[kInput]) {
    v[0] = hn::Sub(d[2], d[0]);
    v[1] = hn::Add(d[2], d[1]);
    v[2] = hn::Sub(d[2], d[1]);
    v[3] = hn::Sub(d[3], d[1]);
  }

  static HWY_INLINE void Output(const ConvVector (&m)[kInput], ConvVector (&y)[kOutput]) {
    y[0] = hn::Add(m[0], hn::Add(m[1], m[2]));
    y[1] = hn::Add(m[3], hn::Sub(m[1], m[2]));
  }
};

struct WinogradF4 {
  static constexpr int kOutput = 4;
  static constexpr int kInput = 6;
  static constexpr float kA = 0.625f;  // the points are 0, kA, -kA, kB, -kB and infinity
  static constexpr float kB = 1.5f;

  static HWY_INLINE void Input(const ConvVector (&d)[kInput], ConvVector (&v)[kInput]) {
    const ConvTag tag;
    const ConvVector a = hn::Set(tag, kA);
    const ConvVector b = hn::Set(tag, kB);
    const ConvVector a2 = hn::Set(tag, kA * kA);
    const ConvVector b2 = hn::Set(tag, kB * kB);
    const ConvVector sum = hn::Set(tag, kA * kA + kB * kB);
    const ConvVector product = hn::Set(tag, kA * kA * kB * kB);
    const ConvVector even_a = hn::NegMulAdd(b2, d[2], d[4]);
    const ConvVector odd_a = hn::NegMulAdd(b2, d[1], d[3]);
    const ConvVector even_b = hn::NegMulAdd(a2, d[2], d[4]);
    const ConvVector odd_b = hn::NegMulAdd(a2, d[1], d[3]);
    v[0] = hn::MulAdd(product, d[0], hn::NegMulAdd(sum, d[2], d[4]));
    v[1] = hn::MulAdd(a, odd_a, even_a);
    v[2] = hn::NegMulAdd(a, odd_a, even_a);
    v[3] = hn::MulAdd(b, odd_b, even_b);
    v[4] = hn::NegMulAdd(b, odd_b, even_b);
    v[5] = hn::MulAdd(product, d[1], hn::NegMulAdd(sum, d[3], d[5]));
  }

  static HWY_INLINE void Output(const ConvVector (&m)[kInput], ConvVector (&y)[kOutput]) {
    const ConvTag tag;
    const ConvVector sum_a = hn::Add(m[1], m[2]);
    const ConvVector difference_a = hn::Sub(m[1], m[2]);
    const ConvVector sum_b = hn::Add(m[3], m[4]);
    const ConvVector difference_b = hn::Sub(m[3], m[4]);
    y[0] = hn::Add(m[0], hn::Add(sum_a, sum_b));
    y[1] = hn::MulAdd(hn::Set(tag, kA), difference_a, hn::Mul(hn::Set(tag, kB), difference_b));
    y[2] = hn::MulAdd(hn::Set(tag, kA * kA), sum_a, hn::Mul(hn::Set(tag, kB * kB), sum_b));
    y[3] = hn::MulAdd(hn::Set(tag, kA * kA * kA), difference_a,
                      hn::MulAdd(hn::Set(tag, kB * kB * kB), difference_b, m[5]));
  }
};

// B^T d B of one tile and up to kConvLanes channels. rows[r] is the tile's first pixel in row r, at
// the first of the channels; columns from `num_columns` on are zero. V is written in whole vectors.
template <class Transform>
HWY_INLINE void TransformInputVector(const float* const* rows, int64_t pixel_stride,
                                     int64_t num_columns, int64_t num_channels, float* v,
                                     int64_t position_stride) {
  constexpr int kInput = Transform::kInput;
  const ConvTag d;
  // In memory, and its loops are not unrolled: a tile does not fit the registers, and neither do
  // the addresses of all its positions.
  HWY_ALIGN float half[kInput][kInput][kConvLanes];
  for (int s = 0; s < kInput; ++s) {
    ConvVector column[kInput];
    ConvVector transformed[kInput];
    DEIXIS_UNROLL
    for (int r = 0; r < kInput; ++r) {
      column[r] =
          s < num_columns ? LoadColumns(d, rows[r] + s * pixel_stride, num_channels) : hn::Zero(d);
    }
    Transform::Input(column, transformed);
    DEIXIS_UNROLL
    for (int i = 0; i < kInput; ++i) hn::Store(transformed[i], d, half[i][s]);
  }
  for (int i = 0; i < kInput; ++i) {
    ConvVector row[kInput];
    ConvVector transformed[kInput];
    DEIXIS_UNROLL
    for (int s = 0; s < kInput; ++s) row[s] = hn::Load(d, half[i][s]);
    Transform::Input(row, transformed);
    DEIXIS_UNROLL
    for (int j = 0; j < kInput; ++j, v += position_stride) hn::StoreU(transformed[j], d, v);
  }
}

// The tiles [tile_begin, tile_end) of a block. `zeros` is the row of a tile that lies beyond the
// padding.
template <class Transform>
void TransformInput(const WinogradBlock& block, const Conv2dShape& shape,
                    const NhwcView<const float>& input, const float* zeros, int64_t tile_begin,
                    int64_t tile_end, float* v) {
  constexpr int kInput = Transform::kInput;
  const int64_t channels = shape.in_channels;
  const int64_t position_stride = block.layout.InputPositionStride();
  for (int64_t tile = tile_begin; tile < tile_end; ++tile) {
    const WinogradTile at = block.grid.Tile(tile);
    const int64_t top = at.y - shape.padding;
    const int64_t left = at.x - shape.padding;
    const float* rows[kInput];
    for (int r = 0; r < kInput; ++r) {
      rows[r] = top + r < input.height + shape.padding ? input.Pixel(at.n, top + r, left) : zeros;
    }
    const int64_t num_columns = std::min<int64_t>(kInput, input.width + shape.padding - left);
    float* to = v + (tile - block.tile_begin) * block.layout.input_stride;
    int64_t c = 0;
    if (num_columns == kInput) {
      for (; c + kConvLanes <= channels; c += kConvLanes) {
        TransformInputVector<Transform>(rows, channels, kInput, kConvLanes, to + c,
                                        position_stride);
        for (int r = 0; r < kInput; ++r) rows[r] += kConvLanes;
      }
    }
    for (; c < channels; c += kConvLanes) {
      TransformInputVector<Transform>(rows, channels, num_columns, channels - c, to + c,
                                      position_stride);
      for (int r = 0; r < kInput; ++r) rows[r] += kConvLanes;
    }
  }
}

// Terms of a product that are added in one go, so that a panel's part of the weights stays in the
// first-level cache while all tiles of a block meet it.
inline constexpr int64_t kMaxTerms = 128;

// One position's product: products[row][column] += sum of inputs[row][c] * weights[c][column], or =
// at first.
struct WinogradProduct {
  const float* inputs;
  int64_t input_stride;
  const float* weights;
  int64_t width;  // of weights and products
  int64_t num_terms;
  float* products;
  bool is_first;
};

// kPixels rows of a product, kVectors vectors wide.
template <int kPixels, int kVectors>
HWY_NOINLINE void MultiplyTile(const WinogradProduct& product, int64_t row, int64_t column,
                               const float* prefetch, int64_t prefetch_stride) {
  const ConvTag d;
  ConvVector sums[kPixels][kVectors];
  const float* rows[kPixels];
  float* products = product.products + row * product.width + column;
  DEIXIS_UNROLL
  for (int p = 0; p < kPixels; ++p) {
    rows[p] = product.inputs + (row + p) * product.input_stride;
    DEIXIS_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      sums[p][v] = product.is_first ? hn::Zero(d)
                                    : hn::LoadU(d, products + p * product.width + v * kConvLanes);
    }
  }
  const float* weights = product.weights + column;
  AccumulateRow(rows, product.num_terms, weights, product.width, prefetch, prefetch_stride, sums);
  DEIXIS_UNROLL
  for (int p = 0; p < kPixels; ++p) {
    DEIXIS_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      hn::StoreU(sums[p][v], d, products + p * product.width + v * kConvLanes);
    }
  }
}

// Calls body with `count`, 1 to kMax, as a constant.
template <int kMax, class Body>
HWY_INLINE void WithConstant(int64_t count, const Body& body) {
  if constexpr (kMax > 1) {
    if (count < kMax) return WithConstant<kMax - 1>(count, body);
  }
  body(std::integral_constant<int, kMax>());
}

// How many register tiles the rows of a product are shared out among, evenly: 49 are 4 x 6 and
// 5 x 5, not 8 x 6 and one whose few sums would wait for each other. Few rows take more tiles, if
// there are four rows for each: every tile fetches a line per step of the next position's weights,
// of which there are as many as steps in `width / 16` tiles.
HWY_INLINE int64_t NumRowTiles(int64_t num_rows, int64_t max_pixels, int64_t width) {
  return std::max((num_rows + max_pixels - 1) / max_pixels,
                  std::min(width / WinogradLayout::kLine, (num_rows + 3) / 4));
}

// All rows of a product for the columns of one register tile.
template <int kMaxPixels, int kVectors>
HWY_INLINE void MultiplyColumns(const WinogradProduct& product, int64_t num_rows, int64_t column,
                                Prefetch& prefetch) {
  int64_t num_tiles = NumRowTiles(num_rows, kMaxPixels, product.width);
  for (int64_t row = 0; row < num_rows; --num_tiles) {
    const int64_t count = (num_rows - row + num_tiles - 1) / num_tiles;
    const auto lines = prefetch.Take(product.num_terms);
    WithConstant<kMaxPixels>(count, [&](auto constant) {
      MultiplyTile<decltype(constant)::value, kVectors>(product, row, column, lines.first,
                                                        lines.second);
    });
    row += count;
  }
}

HWY_INLINE void MultiplyPosition(const WinogradProduct& product, int64_t num_rows,
                                 Prefetch& prefetch) {
  for (int64_t column = 0; column < product.width;) {
    if (product.width - column >= kFullColumns) {
      MultiplyColumns<6, kFullVectors>(product, num_rows, column, prefetch);
      column += kFullColumns;
      continue;
    }
    // Elsewhere a granule is a whole number of tiles.
    if constexpr (kConvLanes == PackedConv2dF32::kPanelGranule) {
      if (product.width - column >= 2 * kConvLanes) {
        MultiplyColumns<12, 2>(product, num_rows, column, prefetch);
        column += 2 * kConvLanes;
      } else {
        MultiplyColumns<12, 1>(product, num_rows, column, prefetch);
        column += kConvLanes;
      }
    }
  }
}

// Where the outputs of one tile go, and what is added to them; addresses of the panel's first
// channel.
struct WinogradTarget {
  float* output;
  int64_t output_row_stride;
  int64_t output_pixel_stride;
  const float* residual;
  int64_t residual_row_stride;
  int64_t residual_pixel_stride;
  int64_t num_rows;  // of the tile that lie inside the image; so num_columns
  int64_t num_columns;
  int64_t num_channels;  // that exist, from the panel's first
  bool relu;
};

// A^T M A of one tile and up to kConvLanes channels, and the epilogue. With kIsWhole all of the
// vector's channels exist.
template <class Transform, bool kIsWhole>
HWY_INLINE void TransformOutputVector(const float* products, int64_t position_stride,
                                      const WinogradTarget& target, int64_t channel,
                                      const float* bias) {
  constexpr int kInput = Transform::kInput;
  constexpr int kOutput = Transform::kOutput;
  const ConvTag d;
  HWY_ALIGN float half[kOutput][kInput][kConvLanes];  // in memory, as in the input's
  for (int j = 0; j < kInput; ++j) {
    ConvVector column[kInput];
    ConvVector transformed[kOutput];
    DEIXIS_UNROLL
    for (int i = 0; i < kInput; ++i) {
      column[i] = hn::LoadU(d, products + (i * kInput + j) * position_stride);
    }
    Transform::Output(column, transformed);
    DEIXIS_UNROLL
    for (int i = 0; i < kOutput; ++i) hn::Store(transformed[i], d, half[i][j]);
  }
  const ConvVector zero = hn::Zero(d);
  const ConvVector bias_vector = hn::LoadU(d, bias);
  const int64_t num_channels = kIsWhole ? kConvLanes : target.num_channels - channel;
  const int64_t num_rows = std::min<int64_t>(kOutput, target.num_rows);
  for (int64_t i = 0; i < num_rows; ++i) {
    ConvVector row[kInput];
    ConvVector outputs[kOutput];
    DEIXIS_UNROLL
    for (int j = 0; j < kInput; ++j) row[j] = hn::Load(d, half[i][j]);
    Transform::Output(row, outputs);
    DEIXIS_UNROLL
    for (int j = 0; j < kOutput; ++j) {
      if (j >= target.num_columns) break;
      ConvVector value = hn::Add(outputs[j], bias_vector);
      if (target.residual != nullptr) {
        const float* residual = target.residual + i * target.residual_row_stride +
                                j * target.residual_pixel_stride + channel;
        value = hn::Add(value, LoadColumns(d, residual, num_channels));
      }
      // Not Max: on x86 it would make a NaN zero.
      if (target.relu) value = hn::IfThenZeroElse(hn::Lt(value, zero), value);
      StoreColumns(
          d, value,
          target.output + i * target.output_row_stride + j * target.output_pixel_stride + channel,
          num_channels);
    }
  }
}

// M = V U for a block of tiles and a panel.
void MultiplyPanel(const WinogradBlock& block, const PackedWinogradF32& packed,
                   const WinogradPanel& panel, const float* v, float* m) {
  const WinogradLayout& layout = block.layout;
  const int64_t in_channels = packed.shape.in_channels;
  const int64_t position_size = in_channels * panel.width;
  const float* end = packed.weights.data() + packed.weights.size();
  const float* weights = panel.weights;
  // A step reads kFullColumns of the weights' columns.
  const int64_t num_tiles = NumRowTiles(block.num_tiles(), 6, panel.width) *
                            ((panel.width + kFullColumns - 1) / kFullColumns);
  const int64_t stride =
      std::clamp<int64_t>((panel.width + num_tiles - 1) / std::max<int64_t>(num_tiles, 1), 1, 16);
  for (int64_t k = 0; k < layout.num_positions; ++k, weights += position_size) {
    // The next position or panel follows in memory.
    const float* next = weights + position_size;
    Prefetch prefetch{.next = next, .end = std::min(next + position_size, end), .stride = stride};
    // Without channels M is still zero: once at least.
    int64_t c = 0;
    do {
      MultiplyPosition({.inputs = v + k * layout.InputPositionStride() + c,
                        .input_stride = layout.input_stride,
                        .weights = weights + c * panel.width,
                        .width = panel.width,
                        .num_terms = std::min(in_channels - c, kMaxTerms),
                        .products = m + k * layout.ProductPositionStride(panel.width),
                        .is_first = c == 0},
                       block.num_tiles(), prefetch);
      c += kMaxTerms;
    } while (c < in_channels);
  }
}

template <class Transform>
void TransformOutput(const WinogradBlock& block, const WinogradPanel& panel, const float* bias,
                     const float* m, const NhwcView<float>& output, const EpilogueF32& epilogue) {
  const NhwcView<const float>& residual = epilogue.residual;
  const int64_t position_stride = block.layout.ProductPositionStride(panel.width);
  for (int64_t tile = block.tile_begin; tile < block.tile_end; ++tile) {
    const WinogradTile at = block.grid.Tile(tile);
    const WinogradTarget target{.output = output.Pixel(at.n, at.y, at.x) + panel.first,
                                .output_row_stride = output.row_stride,
                                .output_pixel_stride = output.channels,
                                .residual = residual.data == nullptr
                                                ? nullptr
                                                : residual.Pixel(at.n, at.y, at.x) + panel.first,
                                .residual_row_stride = residual.row_stride,
                                .residual_pixel_stride = residual.channels,
                                .num_rows = output.height - at.y,
                                .num_columns = output.width - at.x,
                                .num_channels = output.channels - panel.first,
                                .relu = epilogue.relu};
    const float* products = m + (tile - block.tile_begin) * panel.width;
    for (int64_t channel = 0; channel < panel.width; channel += kConvLanes) {
      const float* vector_bias = bias + panel.first + channel;
      if (target.num_channels - channel >= kConvLanes) {
        TransformOutputVector<Transform, true>(products + channel, position_stride, target, channel,
                                               vector_bias);
      } else {
        TransformOutputVector<Transform, false>(products + channel, position_stride, target,
                                                channel, vector_bias);
      }
    }
  }
}

void WinogradInput(const WinogradBlock& block, const Conv2dShape& shape,
                   const NhwcView<const float>& input, const float* zeros, int64_t tile_begin,
                   int64_t tile_end, float* v) {
  if (block.grid.output_tile == 2) {
    TransformInput<WinogradF2>(block, shape, input, zeros, tile_begin, tile_end, v);
  } else {
    TransformInput<WinogradF4>(block, shape, input, zeros, tile_begin, tile_end, v);
  }
}

void WinogradOutput(const WinogradBlock& block, const WinogradPanel& panel, const float* bias,
                    const float* m, const NhwcView<float>& output, const EpilogueF32& epilogue) {
  if (block.grid.output_tile == 2) {
    TransformOutput<WinogradF2>(block, panel, bias, m, output, epilogue);
  } else {
    TransformOutput<WinogradF4>(block, panel, bias, m, output, epilogue);
  }
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace deixis
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
