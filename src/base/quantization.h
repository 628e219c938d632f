// How a floating-point value is kept in eight bits.
#pragma once

namespace deixis {

// real = scale * (u8 - zero_point), one pair for a whole tensor of activations.
struct ActivationQuantization {
  float scale = 1;     // above 0, finite
  int zero_point = 0;  // 0..255; 0 where the value is never negative

  friend bool operator==(const ActivationQuantization&, const ActivationQuantization&) = default;
};

}  // namespace deixis
