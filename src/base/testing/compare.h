// How tests compare numbers: exactly, or within a bound that is derived and given per element,
// never a tuned constant. Each function returns what is wrong, or nothing, so that it can be tested
// to fail.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <vector>

namespace deixis::testing {

// The relative error of a sum of `num_terms` rounded float operations in any order, in units of the
// sum of absolute terms: gamma_n = n u / (1 - n u), u = 2^-24 (Higham, "Accuracy and Stability of
// Numerical Algorithms", 2nd ed., section 3.1).
inline double SumErrorFactor(int64_t num_terms) {
  const double nu = static_cast<double>(num_terms) * 0x1.0p-24;
  return nu / (1 - nu);
}

// The first element of `actual` that is further from `expected` than its bound. A NaN matches only
// a NaN, an infinity only itself; a bound that is not a number matches nothing finite.
template <typename Actual, typename Expected>
std::optional<std::string> FirstOutOfBound(std::span<const Actual> actual,
                                           std::span<const Expected> expected,
                                           std::span<const double> bound) {
  std::ostringstream text;
  text.precision(17);
  if (actual.size() != expected.size() || actual.size() != bound.size()) {
    text << "sizes differ: " << actual.size() << " actual, " << expected.size() << " expected, "
         << bound.size() << " bounds";
    return text.str();
  }
  for (size_t i = 0; i < actual.size(); ++i) {
    const double a = static_cast<double>(actual[i]);
    const double e = static_cast<double>(expected[i]);
    if (std::isnan(a) && std::isnan(e)) continue;
    if (a == e || std::abs(a - e) <= bound[i]) continue;
    text << "element " << i << ": " << a << ", expected " << e << " within " << bound[i]
         << " (off by " << std::abs(a - e) << ")";
    return text.str();
  }
  return std::nullopt;
}

// The first element whose bits differ.
template <typename T>
std::optional<std::string> FirstBitDifference(std::span<const T> actual,
                                              std::span<const T> expected) {
  std::ostringstream text;
  text.precision(17);
  if (actual.size() != expected.size()) {
    text << "sizes differ: " << actual.size() << " actual, " << expected.size() << " expected";
    return text.str();
  }
  for (size_t i = 0; i < actual.size(); ++i) {
    if (std::memcmp(&actual[i], &expected[i], sizeof(T)) == 0) continue;
    text << "element " << i << ": " << +actual[i] << ", expected " << +expected[i];
    return text.str();
  }
  return std::nullopt;
}

// Memory for `count` elements at an address that is `misalignment` bytes off a cache line, between
// guard bytes that nothing may write.
template <typename T>
class GuardedBuffer {
 public:
  explicit GuardedBuffer(int64_t count, int64_t misalignment = 0)
      : count_(count), bytes_(static_cast<size_t>(3 * kGuard + misalignment) + count * sizeof(T)) {
    std::memset(bytes_.data(), kPattern, bytes_.size());
    const auto address = reinterpret_cast<uintptr_t>(bytes_.data()) + kGuard;
    const auto aligned = (address + kGuard - 1) / kGuard * kGuard + misalignment;
    begin_ = aligned - reinterpret_cast<uintptr_t>(bytes_.data());
    for (int64_t i = 0; i < count; ++i) data()[i] = T{};
  }
  GuardedBuffer(const GuardedBuffer&) = delete;
  GuardedBuffer& operator=(const GuardedBuffer&) = delete;

  T* data() { return reinterpret_cast<T*>(bytes_.data() + begin_); }
  std::span<T> span() { return {data(), static_cast<size_t>(count_)}; }

  bool GuardsAreIntact() const {
    const size_t end = begin_ + static_cast<size_t>(count_) * sizeof(T);
    for (size_t i = 0; i < bytes_.size(); ++i) {
      if ((i < begin_ || i >= end) && bytes_[i] != kPattern) return false;
    }
    return true;
  }

 private:
  static constexpr int64_t kGuard = 64;
  static constexpr unsigned char kPattern = 0xA5;
  int64_t count_;
  std::vector<unsigned char> bytes_;
  size_t begin_ = 0;
};

}  // namespace deixis::testing
