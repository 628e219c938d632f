// The rank-k update works on blocks of 512 rows. A block is copied into panels of 64 columns, and
// each pair of panels gives one 64 x 64 block of H, in register tiles of 6 of its rows by some
// vectors of its columns. Only blocks on and above the diagonal are computed; the rest is mirrored.
#include "kernels/gemm_f32/gemm_f32.h"

#include <algorithm>

#include "kernels/aligned.h"
#include "kernels/unroll.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/gemm_f32/gemm_f32.cc"
#include <hwy/foreach_target.h>  // IWYU pragma: keep
#include <hwy/highway.h>

#ifndef DEIXIS_KERNELS_GEMM_F32_CONSTANTS_
#define DEIXIS_KERNELS_GEMM_F32_CONSTANTS_
namespace deixis {
inline constexpr int64_t kGemmPanel = 64;
inline constexpr int64_t kGemmBlockRows = 512;
}  // namespace deixis
#endif

HWY_BEFORE_NAMESPACE();
namespace deixis {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using GemmTag = HWY_CAPPED(float, 16);
inline constexpr int64_t kGemmLanes = HWY_MIN(HWY_MAX_BYTES / 4, 16);
#if HWY_TARGET == HWY_SSE4 || HWY_TARGET == HWY_AVX2
inline constexpr int kGemmVectors = 2;
#else
inline constexpr int kGemmVectors = 4;
#endif

// block[p][j] = sum over r of a[r][p] * b[r][j], for kRows values of p and kGemmVectors vectors of
// j. a, b and block have kGemmPanel columns.
template <int kRows>
HWY_INLINE void MultiplyTile(const float* HWY_RESTRICT a, const float* HWY_RESTRICT b,
                             int64_t num_rows, float* HWY_RESTRICT block) {
  const GemmTag d;
  hn::Vec<GemmTag> sums[kRows][kGemmVectors];
  DEIXIS_UNROLL
  for (int p = 0; p < kRows; ++p) {
    DEIXIS_UNROLL
    for (int v = 0; v < kGemmVectors; ++v) sums[p][v] = hn::Zero(d);
  }
  for (int64_t r = 0; r < num_rows; ++r, a += kGemmPanel, b += kGemmPanel) {
    hn::Vec<GemmTag> columns[kGemmVectors];
    DEIXIS_UNROLL
    for (int v = 0; v < kGemmVectors; ++v) columns[v] = hn::Load(d, b + v * kGemmLanes);
    DEIXIS_UNROLL
    for (int p = 0; p < kRows; ++p) {
      const auto value = hn::Set(d, a[p]);
      DEIXIS_UNROLL
      for (int v = 0; v < kGemmVectors; ++v) sums[p][v] = hn::MulAdd(value, columns[v], sums[p][v]);
    }
  }
  DEIXIS_UNROLL
  for (int p = 0; p < kRows; ++p) {
    DEIXIS_UNROLL
    for (int v = 0; v < kGemmVectors; ++v) {
      hn::Store(sums[p][v], d, block + p * kGemmPanel + v * kGemmLanes);
    }
  }
}

// block = a^T b: [num_rows, 64] each, block [64, 64].
void MultiplyPanels(const float* HWY_RESTRICT a, const float* HWY_RESTRICT b, int64_t num_rows,
                    float* HWY_RESTRICT block) {
  for (int64_t j = 0; j < kGemmPanel; j += kGemmVectors * kGemmLanes) {
    int64_t i = 0;
    for (; i + 6 <= kGemmPanel; i += 6) {
      MultiplyTile<6>(a + i, b + j, num_rows, block + i * kGemmPanel + j);
    }
    MultiplyTile<kGemmPanel % 6>(a + i, b + j, num_rows, block + i * kGemmPanel + j);
  }
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace deixis
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace deixis {
namespace {
HWY_EXPORT(MultiplyPanels);

template <typename Body>
void ForEachChunk(ThreadPool* pool, int64_t num_chunks, const Body& body) {
  if (pool != nullptr) return pool->ParallelFor(num_chunks, body);
  for (int64_t chunk = 0; chunk < num_chunks; ++chunk) body(chunk, 0);
}

// Columns [first, first + 64) of a block of rows, zero beyond the last column.
void CopyPanel(const float* x, int64_t num_rows, int64_t n, int64_t row_stride, int64_t first,
               float* panel) {
  const int64_t width = std::min(kGemmPanel, n - first);
  for (int64_t r = 0; r < num_rows; ++r, panel += kGemmPanel) {
    std::fill(std::copy_n(x + r * row_stride + first, width, panel), panel + kGemmPanel, 0.0f);
  }
}

// Adds a 64 x 64 block of panels i <= j to both triangles of h.
void AddBlock(const float* block, int64_t i, int64_t j, int64_t n, double* h) {
  const int64_t rows = std::min(kGemmPanel, n - i * kGemmPanel);
  const int64_t columns = std::min(kGemmPanel, n - j * kGemmPanel);
  for (int64_t p = 0; p < rows; ++p) {
    const int64_t row = i * kGemmPanel + p;
    double* to = h + row * n + j * kGemmPanel;
    for (int64_t q = 0; q < columns; ++q) to[q] += block[p * kGemmPanel + q];
  }
  if (i == j) return;
  for (int64_t q = 0; q < columns; ++q) {
    double* to = h + (j * kGemmPanel + q) * n + i * kGemmPanel;
    for (int64_t p = 0; p < rows; ++p) to[p] += block[p * kGemmPanel + q];
  }
}

}  // namespace

void SymmetricRankKUpdateF32(const float* x, int64_t num_rows, int64_t n, int64_t row_stride,
                             double* h, ThreadPool* pool) {
  const int64_t num_panels = (n + kGemmPanel - 1) / kGemmPanel;
  const int64_t block_rows = std::min(num_rows, kGemmBlockRows);
  const int64_t panel_size = block_rows * kGemmPanel;
  AlignedVector<float> panels(static_cast<size_t>(num_panels * panel_size));
  const auto multiply = HWY_DYNAMIC_DISPATCH(MultiplyPanels);

  for (int64_t row = 0; row < num_rows; row += kGemmBlockRows) {
    const int64_t rows = std::min(kGemmBlockRows, num_rows - row);
    ForEachChunk(pool, num_panels, [&](int64_t panel, int /*thread*/) {
      CopyPanel(x + row * row_stride, rows, n, row_stride, panel * kGemmPanel,
                panels.data() + panel * panel_size);
    });
    // One chunk is a column of blocks, the longest first so that threads end together.
    ForEachChunk(pool, num_panels, [&](int64_t chunk, int /*thread*/) {
      const int64_t j = num_panels - 1 - chunk;
      alignas(kVectorAlignment) float block[kGemmPanel * kGemmPanel];
      for (int64_t i = 0; i <= j; ++i) {
        multiply(panels.data() + i * panel_size, panels.data() + j * panel_size, rows, block);
        AddBlock(block, i, j, n, h);
      }
    });
  }
}

}  // namespace deixis
#endif  // HWY_ONCE
