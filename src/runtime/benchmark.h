// How long a model takes on this machine, and how much memory: the measuring core of `deixis
// bench`.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/result.h"
#include "runtime/executor.h"

namespace deixis {

struct BenchmarkOptions {
  int num_threads = 1;
  int num_warmup_runs = 5;
  int num_runs = 50;  // that are counted

  Status Validate() const;
};

struct LatencySummary {
  double median_ms = 0;
  double p10_ms = 0;
  double p90_ms = 0;
};

// The quantiles of `samples_ms`, interpolated linearly between the two nearest. At least one
// sample.
LatencySummary Summarize(std::span<const double> samples_ms);

struct BenchmarkReport {
  LatencySummary latency;
  double create_ms = 0;        // from the model in memory to an executor that is ready
  int64_t peak_rss_bytes = 0;  // of the process so far
  int64_t arena_bytes = 0;
  int64_t weight_bytes = 0;
  std::vector<StepTiming> steps;  // medians of runs of their own
};

// Whole runs on a fixed picture first, then runs with a clock at every step (so that reading the
// clock does not count). `progress`, when given, is told how many runs are done, of how many.
Result<BenchmarkReport> RunBenchmark(const Model& model, const BenchmarkOptions& options,
                                     const std::function<void(int, int)>& progress = {});

// The largest resident set of this process so far; 0 where the system does not say.
int64_t PeakRssBytes();

}  // namespace deixis
