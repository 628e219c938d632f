// How often an activation takes which values, gathered in one pass and in bounded memory: what a
// range for eight bits is chosen from, without ever holding the values themselves.
//
// Bins are as wide as a power of two, and a value beyond the last bin doubles their width, merging
// them in pairs. floor(floor(x / w) / 2) = floor(x / 2w), so the counts in the end depend on the
// values alone: not on their order, nor on how they were divided among histograms that were merged.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

namespace deixis {

class ActivationHistogram {
 public:
  // On each side of zero. The largest magnitude lies in the upper half, so that a 256th of the
  // range spans at least 16 bins.
  static constexpr int kBinsPerSide = 8192;

  void Add(std::span<const float> values);
  void Merge(const ActivationHistogram& other);

  // Finite values, zeros included; and the others (NaN, infinities), which are in no bin.
  int64_t count() const { return count_; }
  int64_t num_not_finite() const { return num_not_finite_; }
  // Of the finite values; 0 without any.
  float min() const { return min_; }
  float max() const { return max_; }
  // 0 while there are only zeros.
  double bin_width() const { return has_bins_ ? std::ldexp(1.0, exponent_) : 0.0; }

  // Values in a bin stand at its middle, but never outside min()..max(); exact zeros at 0.
  struct Bin {
    double value = 0;
    int64_t count = 0;
  };
  // Those that hold something, ascending.
  std::vector<Bin> Bins() const;

 private:
  using Side = std::vector<int64_t>;  // by magnitude; empty or kBinsPerSide

  void AddLarge(float value);
  void Count(float value, float magnitude);
  void WidenTo(int exponent);
  static void MergeBins(Side& side, int shift);

  bool has_bins_ = false;
  int exponent_ = 0;  // of the bin width
  float limit_ = 0;   // kBinsPerSide bins end here
  float per_width_ = 0;
  std::array<Side, 2> sides_;  // positive, negative
  int64_t num_zeros_ = 0;
  int64_t count_ = 0;
  int64_t num_not_finite_ = 0;
  float min_ = 0;
  float max_ = 0;
};

}  // namespace deixis
