// The most multiply-accumulates that this machine does, to judge a layer by.
#pragma once

#include "runtime/plan.h"

namespace deixis {

// Per second, `num_threads` threads together, at that precision (src/kernels/peak): the best of
// some twenty loops of about a millisecond, since what else the machine does only takes away.
double MeasurePeakMacsPerSecond(Precision precision, int num_threads);

}  // namespace deixis
