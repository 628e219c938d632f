// A small seeded random generator whose sequence is the same on every platform and compiler, unlike
// the distributions of <random>.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>
#include <utility>

namespace deixis {

// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): 64 bits of state, any seed is good.
class Rng {
 public:
  explicit Rng(uint64_t seed) : state_(seed) {}

  // Rng(other.state()) continues as `other` does.
  uint64_t state() const { return state_; }

  uint64_t NextBits() {
    uint64_t z = (state_ += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }

  // Uniform in [0, bound). bound > 0. The bias is below bound / 2^64.
  uint64_t Below(uint64_t bound) {
    return static_cast<uint64_t>((static_cast<Wide>(NextBits()) * bound) >> 64);
  }

  // Uniform in [0, 1).
  double Unit() { return static_cast<double>(NextBits() >> 11) * 0x1.0p-53; }
  double Uniform(double low, double high) { return low + (high - low) * Unit(); }

  // Standard normal, by Box and Muller.
  double Normal() {
    const double radius = std::sqrt(-2.0 * std::log(1.0 - Unit()));
    return radius * std::cos(2.0 * std::numbers::pi * Unit());
  }

  // Fisher and Yates.
  template <typename Container>
  void Shuffle(Container& items) {
    for (uint64_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[Below(i)]);
  }

 private:
  __extension__ typedef unsigned __int128 Wide;  // not ISO C++, as the compiler would say
  uint64_t state_;
};

}  // namespace deixis
