// How long models take on this machine, and how much memory: the measuring core of `deixis bench`.
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
  Precision precision = Precision::kF32;
  LatencySummary latency;
  double create_ms = 0;        // from the model in memory to an executor that is ready
  int64_t peak_rss_bytes = 0;  // of the process so far, other models' executors included
  int64_t arena_bytes = 0;
  int64_t weight_bytes = 0;
  // What this machine can do at that precision with as many threads, measured before and after the
  // runs (benchmark_peak.h).
  double peak_macs_per_second = 0;
  std::vector<StepTiming> steps;  // medians of runs of their own

  // Of the steps that multiply: together, and what is done in them per second as a share of the
  // peak. 0 where there is nothing to divide by.
  double layers_ms() const;
  double ShareOfPeak(int64_t macs, double ms) const;
  int64_t macs() const;
};

// Whole runs on a fixed picture first, the models in turns of a few runs each, so that what else
// the machine does meets all alike; then, model by model, runs with a clock at every step (so that
// reading the clock does not count). `progress`, when given, is told how many runs are done, of how
// many. One report per model. At least one model.
Result<std::vector<BenchmarkReport>> RunBenchmark(
    std::span<const Model> models, const BenchmarkOptions& options,
    const std::function<void(int, int)>& progress = {});

// The largest resident set of this process so far; 0 where the system does not say.
int64_t PeakRssBytes();

}  // namespace deixis
