#include "runtime/benchmark.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <string>

#include "base/rng.h"

namespace deixis {
namespace {

using Clock = std::chrono::steady_clock;

double MillisecondsSince(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// `sorted` ascending, not empty; 0 <= fraction <= 1.
double Quantile(std::span<const double> sorted, double fraction) {
  const double at = fraction * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(std::floor(at));
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return std::lerp(sorted[below], sorted[above], at - static_cast<double>(below));
}

// Noise: no branch or table of a kernel may find a constant picture easier.
std::vector<uint8_t> RandomPicture(const Executor& executor) {
  std::vector<uint8_t> pixels(static_cast<size_t>(executor.height_px() * executor.width_px() * 3));
  Rng rng(1);
  for (uint8_t& pixel : pixels) pixel = static_cast<uint8_t>(rng.Below(256));
  return pixels;
}

}  // namespace

Status BenchmarkOptions::Validate() const {
  const auto check = [](const char* what, int value, int least) -> Status {
    if (value >= least) return Ok();
    return UsageError(std::string(what) + ": expected at least " + std::to_string(least) +
                      ", got " + std::to_string(value));
  };
  DEIXIS_RETURN_IF_ERROR(ExecutorOptions{.num_threads = num_threads}.Validate());
  DEIXIS_RETURN_IF_ERROR(check("number of warm-up runs", num_warmup_runs, 0));
  return check("number of runs", num_runs, 1);
}

LatencySummary Summarize(std::span<const double> samples_ms) {
  std::vector<double> sorted(samples_ms.begin(), samples_ms.end());
  std::sort(sorted.begin(), sorted.end());
  return {.median_ms = Quantile(sorted, 0.5),
          .p10_ms = Quantile(sorted, 0.1),
          .p90_ms = Quantile(sorted, 0.9)};
}

Result<BenchmarkReport> RunBenchmark(const Model& model, const BenchmarkOptions& options,
                                     const std::function<void(int, int)>& progress) {
  DEIXIS_RETURN_IF_ERROR(options.Validate());
  const auto start = Clock::now();
  DEIXIS_ASSIGN(Executor executor, Executor::Create(model, {.num_threads = options.num_threads}));
  BenchmarkReport report;
  report.create_ms = MillisecondsSince(start);

  const std::vector<uint8_t> pixels = RandomPicture(executor);
  // The runs with a clock at every step are as many again, and are reported as one.
  const int num_reported = options.num_warmup_runs + options.num_runs + 1;
  std::vector<double> samples_ms;
  samples_ms.reserve(static_cast<size_t>(options.num_runs));
  for (int run = 0; run < options.num_warmup_runs + options.num_runs; ++run) {
    const auto before = Clock::now();
    executor.Run(pixels);
    const double elapsed_ms = MillisecondsSince(before);
    if (run >= options.num_warmup_runs) samples_ms.push_back(elapsed_ms);
    if (progress) progress(run + 1, num_reported);
  }
  report.latency = Summarize(samples_ms);
  report.steps = executor.Profile(pixels, options.num_runs);
  if (progress) progress(num_reported, num_reported);
  report.arena_bytes = executor.arena_bytes();
  report.weight_bytes = executor.weight_bytes();
  report.peak_rss_bytes = PeakRssBytes();
  return report;
}

int64_t PeakRssBytes() {
  rusage usage = {};
  if (::getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  return int64_t{usage.ru_maxrss} * 1024;  // Linux counts KiB
}

}  // namespace deixis
