// Asks for a loop of few, constant turns to be unrolled whole, so that an array indexed by its
// variable lives in registers.
#pragma once

#if defined(__clang__)
#define DEIXIS_UNROLL _Pragma("clang loop unroll(full)")
#else
#define DEIXIS_UNROLL _Pragma("GCC unroll 32")
#endif
