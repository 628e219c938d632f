#include "compress/activation_histogram.h"

#include <algorithm>

namespace deixis {
namespace {

constexpr int kBitsOfBins = 13;
static_assert(1 << kBitsOfBins == ActivationHistogram::kBinsPerSide);
// Narrower bins would have a reciprocal beyond float. What is smaller shares the first bin.
constexpr int kSmallestExponent = -126;

// The narrowest bins that hold `magnitude`, which is finite and above 0.
int ExponentFor(float magnitude) {
  int exponent = 0;
  std::frexp(magnitude, &exponent);  // magnitude < 2^exponent
  return std::max(exponent - kBitsOfBins, kSmallestExponent);
}

}  // namespace

void ActivationHistogram::Count(float value, float magnitude) {
  Side& side = sides_[value < 0 ? 1 : 0];
  if (side.empty()) side.resize(kBinsPerSide);
  ++side[static_cast<size_t>(magnitude * per_width_)];
  min_ = count_ == 0 ? value : std::min(min_, value);
  max_ = count_ == 0 ? value : std::max(max_, value);
  ++count_;
}

void ActivationHistogram::AddLarge(float value) {
  if (!std::isfinite(value)) {
    ++num_not_finite_;
    return;
  }
  const float magnitude = std::fabs(value);
  WidenTo(ExponentFor(magnitude));
  Count(value, magnitude);
}

void ActivationHistogram::Add(std::span<const float> values) {
  for (const float value : values) {
    if (value == 0) {
      ++num_zeros_;
      min_ = count_ == 0 ? 0.0f : std::min(min_, 0.0f);
      max_ = count_ == 0 ? 0.0f : std::max(max_, 0.0f);
      ++count_;
      continue;
    }
    const float magnitude = std::fabs(value);
    if (magnitude < limit_) {
      Count(value, magnitude);
    } else {  // NaN too
      AddLarge(value);
    }
  }
}

void ActivationHistogram::MergeBins(Side& side, int shift) {
  for (size_t i = 1; i < side.size(); ++i) {
    const size_t to = i >> shift;
    if (to == i) continue;
    side[to] += side[i];
    side[i] = 0;
  }
}

void ActivationHistogram::WidenTo(int exponent) {
  if (has_bins_ && exponent <= exponent_) return;
  if (has_bins_) {
    const int shift = std::min(exponent - exponent_, kBitsOfBins);
    for (Side& side : sides_) MergeBins(side, shift);
  }
  has_bins_ = true;
  exponent_ = exponent;
  // 2^128, the end of the largest range, is infinity: every finite value is below it.
  limit_ = std::ldexp(1.0f, exponent + kBitsOfBins);
  per_width_ = std::ldexp(1.0f, -exponent);
}

void ActivationHistogram::Merge(const ActivationHistogram& other) {
  num_not_finite_ += other.num_not_finite_;
  if (other.count_ == 0) return;
  min_ = count_ == 0 ? other.min_ : std::min(min_, other.min_);
  max_ = count_ == 0 ? other.max_ : std::max(max_, other.max_);
  count_ += other.count_;
  num_zeros_ += other.num_zeros_;
  if (!other.has_bins_) return;
  WidenTo(other.exponent_);
  const int shift = std::min(exponent_ - other.exponent_, kBitsOfBins);
  for (size_t s = 0; s < sides_.size(); ++s) {
    if (other.sides_[s].empty()) continue;
    if (sides_[s].empty()) sides_[s].resize(kBinsPerSide);
    for (size_t i = 0; i < other.sides_[s].size(); ++i) {
      sides_[s][i >> shift] += other.sides_[s][i];
    }
  }
}

std::vector<ActivationHistogram::Bin> ActivationHistogram::Bins() const {
  const double width = bin_width();
  std::vector<Bin> bins;
  const auto add = [&](double value, int64_t count) {
    if (count > 0) bins.push_back({std::clamp(value, double{min_}, double{max_}), count});
  };
  for (size_t i = sides_[1].size(); i-- > 0;) {
    add(-(static_cast<double>(i) + 0.5) * width, sides_[1][i]);
  }
  add(0, num_zeros_);
  for (size_t i = 0; i < sides_[0].size(); ++i) {
    add((static_cast<double>(i) + 0.5) * width, sides_[0][i]);
  }
  return bins;
}

}  // namespace deixis
