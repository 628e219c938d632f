#include "kernels/axpy_f32/axpy_f32.h"

namespace deixis {

void AddScaledF32Reference(float a, const float* x, float* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] += a * x[i];
}

}  // namespace deixis
