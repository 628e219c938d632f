// The symmetric update as plain loops, summed in float64: the oracle of the fast paths.
#include "kernels/gemm_f32/gemm_f32.h"

namespace deixis {

void SymmetricRankKUpdateF32Reference(const float* x, int64_t num_rows, int64_t n,
                                      int64_t row_stride, double* h) {
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      for (int64_t r = 0; r < num_rows; ++r) {
        h[i * n + j] += static_cast<double>(x[r * row_stride + i]) * x[r * row_stride + j];
      }
    }
  }
}

}  // namespace deixis
