#include "compress/activation_range.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace deixis {
namespace {

using Bin = ActivationHistogram::Bin;

constexpr double kMaxLevel = 255;
constexpr double kSmallestRange = 0x1p-96;
// Ends of the range that are tried: eight per octave, down to a 256th of what was seen, and then
// the stretch between the neighbours of the best one in equal steps.
constexpr int kTriesPerOctave = 8;
constexpr int kOctaves = 8;
constexpr int kFineTries = 32;
// A range with two ends is sought one end at a time.
constexpr int kTwoEndRounds = 3;

struct Range {
  double low = 0;   // at most 0
  double high = 0;  // at least 0
};

ActivationQuantization QuantizationOf(const Range& range) {
  const double width = range.high - range.low;
  if (!(width >= kSmallestRange)) return {};
  const auto scale = static_cast<float>(width / kMaxLevel);
  const double zero_point = std::nearbyint(-range.low / scale);
  return {.scale = scale, .zero_point = static_cast<int>(std::clamp(zero_point, 0.0, kMaxLevel))};
}

double ThroughU8(const ActivationQuantization& quantization, double value) {
  const double level = std::nearbyint(value / quantization.scale + quantization.zero_point);
  return quantization.scale * (std::clamp(level, 0.0, kMaxLevel) - quantization.zero_point);
}

double SumOfSquaredErrors(const std::vector<Bin>& bins,
                          const ActivationQuantization& quantization) {
  double sum = 0;
  for (const Bin& bin : bins) {
    const double error = bin.value - ThroughU8(quantization, bin.value);
    sum += static_cast<double>(bin.count) * error * error;
  }
  return sum;
}

// The end, between 0 and `farthest`, of the range that costs least; `cost(end)`.
template <typename Cost>
double BestEnd(double farthest, const Cost& cost) {
  double best = farthest;
  double best_cost = cost(farthest);
  const auto try_end = [&](double end) {
    const double end_cost = cost(end);
    if (end_cost >= best_cost) return;
    best = end;
    best_cost = end_cost;
  };
  const double factor = std::exp2(1.0 / kTriesPerOctave);
  double end = farthest;
  for (int i = 0; i < kTriesPerOctave * kOctaves; ++i) try_end(end /= factor);
  const double inner = best / factor;
  const double outer = std::fabs(best * factor) > std::fabs(farthest) ? farthest : best * factor;
  for (int i = 1; i < kFineTries; ++i) try_end(inner + (outer - inner) * i / kFineTries);
  return best;
}

Range LeastSquaresRange(const std::vector<Bin>& bins, const Range& seen) {
  Range range = seen;
  const auto cost = [&](const Range& tried) {
    return SumOfSquaredErrors(bins, QuantizationOf(tried));
  };
  const bool has_two_ends = seen.low < 0 && seen.high > 0;
  for (int round = 0; round < (has_two_ends ? kTwoEndRounds : 1); ++round) {
    const Range before = range;
    if (seen.high > 0) {
      range.high = BestEnd(seen.high, [&](double high) { return cost({range.low, high}); });
    }
    if (seen.low < 0) {
      range.low = BestEnd(seen.low, [&](double low) { return cost({low, range.high}); });
    }
    if (range.low == before.low && range.high == before.high) break;
  }
  return range;
}

// Where `outside` of the values (0..1) lie beyond, from the end of `bins` that Iterator begins at.
template <typename Iterator>
double EndWithout(Iterator bin, Iterator end, double outside, int64_t total) {
  double room = outside * static_cast<double>(total);
  for (; bin != end; ++bin) {
    room -= static_cast<double>(bin->count);
    if (room < 0) return bin->value;
  }
  return 0;
}

Range PercentileRange(const std::vector<Bin>& bins, const Range& seen, int64_t total,
                      double percentile) {
  const bool has_two_ends = seen.low < 0 && seen.high > 0;
  const double outside = (1 - percentile / 100) / (has_two_ends ? 2 : 1);
  if (outside <= 0) return seen;
  Range range;
  if (seen.high > 0) {
    range.high = std::max(0.0, EndWithout(bins.rbegin(), bins.rend(), outside, total));
  }
  if (seen.low < 0) {
    range.low = std::min(0.0, EndWithout(bins.begin(), bins.end(), outside, total));
  }
  // Nearly all zeros: what is left over would have no range at all.
  if (range.high - range.low < kSmallestRange) return seen;
  return range;
}

}  // namespace

Status RangeOptions::Validate() const {
  if (percentile >= 50 && percentile <= 100) return Ok();
  return UsageError("percentile of activations: expected 50 to 100, found " +
                    std::to_string(percentile));
}

ActivationQuantization ChooseQuantization(const ActivationHistogram& histogram,
                                          const RangeOptions& options) {
  const Range seen{.low = std::min(0.0, double{histogram.min()}),
                   .high = std::max(0.0, double{histogram.max()})};
  if (seen.high - seen.low < kSmallestRange) return {};
  switch (options.method) {
    case RangeMethod::kMinMax:
      return QuantizationOf(seen);
    case RangeMethod::kPercentile:
      return QuantizationOf(
          PercentileRange(histogram.Bins(), seen, histogram.count(), options.percentile));
    case RangeMethod::kMse:
      break;
  }
  return QuantizationOf(LeastSquaresRange(histogram.Bins(), seen));
}

QuantizationError ErrorOf(const ActivationHistogram& histogram,
                          const ActivationQuantization& quantization) {
  const std::vector<Bin> bins = histogram.Bins();
  const auto count = static_cast<double>(std::max<int64_t>(histogram.count(), 1));
  double square = 0;
  int64_t clipped = 0;
  for (const Bin& bin : bins) {
    square += static_cast<double>(bin.count) * bin.value * bin.value;
    const double level = bin.value / quantization.scale + quantization.zero_point;
    if (level < -0.5 || level > kMaxLevel + 0.5) clipped += bin.count;
  }
  const double error = SumOfSquaredErrors(bins, quantization);
  return {.mean_square = error / count,
          .sqnr_db = error > 0 ? 10 * std::log10(square / error) : INFINITY,
          .clipped_fraction = static_cast<double>(clipped) / count};
}

// Adding and taking away 1.5 * 2^23 leaves no room for a fraction: rounding to nearest, ties to
// even, without a call per value.
constexpr float kToWhole = 0x1.8p23f;

void RoundThroughU8(const ActivationQuantization& quantization, std::span<float> values) {
  const float scale = quantization.scale;
  const auto zero_point = static_cast<float>(quantization.zero_point);
  for (float& value : values) {
    const float level = std::clamp(value / scale + zero_point, 0.0f, 255.0f);
    const float rounded = (level + kToWhole) - kToWhole;
    value = scale * (rounded - zero_point);
  }
}

}  // namespace deixis
