// Instructions that Highway 1.0.3 does not ask the processor for.
#pragma once

namespace deixis {

// vpdpbusd on 512-bit vectors (AVX-512 VNNI), and on 256-bit vectors in its VEX form (AVX-VNNI).
bool HasAvx512Vnni();
bool HasAvxVnni();

// Makes all of the above answer no until it goes. For tests: not while a kernel runs.
class ScopedWithoutDotInstructions {
 public:
  ScopedWithoutDotInstructions();
  ~ScopedWithoutDotInstructions();
  ScopedWithoutDotInstructions(const ScopedWithoutDotInstructions&) = delete;
  ScopedWithoutDotInstructions& operator=(const ScopedWithoutDotInstructions&) = delete;
};

}  // namespace deixis
