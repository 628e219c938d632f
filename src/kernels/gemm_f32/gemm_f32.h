// Matrix products of floats that are not layers. (A product with a fixed matrix is linear_f32.)
#pragma once

#include <cstdint>

#include "base/thread_pool.h"

namespace deixis {

// H += X^T X, the symmetric rank-k update that error-feedback quantization gathers its second
// moments with: h[i][j] += sum over r of x[r][i] * x[r][j].
//
// `x` is [num_rows, n] with `row_stride` floats from row to row, `h` [n, n], dense; both triangles
// are written, exactly symmetric if `h` was. Sums of 512 rows are made in float32 and added up in
// float64. Allocates 2 KiB per column. The result does not depend on the number of threads.
void SymmetricRankKUpdateF32(const float* x, int64_t num_rows, int64_t n, int64_t row_stride,
                             double* h, ThreadPool* pool = nullptr);
// Plain loops, all in float64.
void SymmetricRankKUpdateF32Reference(const float* x, int64_t num_rows, int64_t n,
                                      int64_t row_stride, double* h);

}  // namespace deixis
