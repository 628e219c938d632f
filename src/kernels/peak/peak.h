// Loops that multiply and accumulate in registers and read nothing: the most that this processor
// does with the instructions that the convolutions are made of. What a layer reaches is told as a
// share of it.
#pragma once

#include <cstdint>

namespace deixis {

inline constexpr int64_t kMaxPeakRounds = 1 << 18;  // counts stay exact in float32 and int32

// Does `rounds` (0 to kMaxPeakRounds) times as many independent multiply-accumulates as hide the
// instruction's latency, on the calling thread, with the instruction set that kernels use now, and
// returns their number. Every factor is 1, so the number is what the accumulators hold in the end:
// work that was left out is not counted.
int64_t PeakLoopF32(int64_t rounds);  // fused multiply-adds, where there are such
int64_t PeakLoopU8(int64_t rounds);   // the dot product of conv2d_u8, u8 times i8 into int32

}  // namespace deixis
