// From how often an activation takes which values to the scale and zero point that keep it in eight
// bits.
//
// The range always contains 0, and 0 is kept exactly: it is what borders hold, and half of what
// follows a ReLU. A value that is never negative gets zero point 0 and so all 256 steps.
#pragma once

#include <cstdint>
#include <span>

#include "base/quantization.h"
#include "base/result.h"
#include "compress/activation_histogram.h"

namespace deixis {

enum class RangeMethod {
  kMinMax,      // everything that was seen; one outlier widens all steps
  kPercentile,  // all but the outermost values
  kMse,         // least squared error of rounding and clipping together
};

struct RangeOptions {
  RangeMethod method = RangeMethod::kMse;
  // Of the values, how many per cent kPercentile keeps; of a value of both signs each end loses
  // half of the rest.
  double percentile = 99.99;

  // kUsage for a percentile outside 50..100.
  Status Validate() const;
};

// Values smaller than the smallest sensible activation (2^-96, also when all are 0) get scale 1.
ActivationQuantization ChooseQuantization(const ActivationHistogram& histogram,
                                          const RangeOptions& options);

struct QuantizationError {
  double mean_square = 0;
  double sqnr_db = 0;           // signal power over mean_square; infinite when nothing is lost
  double clipped_fraction = 0;  // of the values, more than half a step outside the range
};
QuantizationError ErrorOf(const ActivationHistogram& histogram,
                          const ActivationQuantization& quantization);

// Each value as it comes back from eight bits, rounded to nearest with ties to even.
void RoundThroughU8(const ActivationQuantization& quantization, std::span<float> values);

}  // namespace deixis
