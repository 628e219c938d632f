// y += a x: one row of a matrix, scaled, added to another. What solvers that change one unknown at
// a time spend their time in.
#pragma once

#include <cstdint>

namespace deixis {

// `x` and `y` are [n], dense, of any alignment, and do not overlap. Every element is rounded once
// where the instruction set multiplies and adds in one step, twice elsewhere.
void AddScaledF32(float a, const float* x, float* y, int64_t n);
// A plain loop.
void AddScaledF32Reference(float a, const float* x, float* y, int64_t n);

}  // namespace deixis
