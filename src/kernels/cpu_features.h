// Instructions that Highway 1.0.3 does not ask the processor for.
#pragma once

#include <string_view>

namespace deixis {

// Dot products of four unsigned by four signed bytes into a 32-bit sum.
enum class DotInstruction {
  kNone,        // bytes are widened and multiplied
  kAvxVnni,     // vpdpbusd on 256-bit vectors, in its VEX form
  kAvx512Vnni,  // vpdpbusd on 512-bit vectors
  kSdot,        // NEON with FEAT_DotProd: signed by signed
  kUsdot,       // NEON with FEAT_I8MM: unsigned by signed
  kRvv,         // no instruction of its own: widening multiply-adds of RISC-V's vector extension
};

// "vpdpbusd", "sdot", "usdot", "rvv"; empty for kNone.
std::string_view NameOf(DotInstruction instruction);

// Whether kernels may use it: this processor has it, and no test says otherwise.
bool HasDotInstruction(DotInstruction instruction);

// Makes HasDotInstruction answer yes to `only` and no to every other until it goes. For tests, of
// what the processor has: not while a kernel runs.
class ScopedDotInstruction {
 public:
  explicit ScopedDotInstruction(DotInstruction only);
  ~ScopedDotInstruction();
  ScopedDotInstruction(const ScopedDotInstruction&) = delete;
  ScopedDotInstruction& operator=(const ScopedDotInstruction&) = delete;

 private:
  int before_;
};

}  // namespace deixis
