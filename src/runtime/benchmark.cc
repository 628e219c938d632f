#include "runtime/benchmark.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <string>
#include <utility>

#include "base/rng.h"
#include "runtime/benchmark_peak.h"

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

constexpr int kRunsOfATurn = 5;

// A model that is measured.
struct Subject {
  Executor executor;
  std::vector<uint8_t> pixels;
  std::vector<double> samples_ms;
  BenchmarkReport report;

  static Result<Subject> Create(const Model& model, const BenchmarkOptions& options) {
    const auto start = Clock::now();
    DEIXIS_ASSIGN(Executor executor, Executor::Create(model, {.num_threads = options.num_threads}));
    BenchmarkReport report;
    report.create_ms = MillisecondsSince(start);
    report.precision = executor.precision();
    report.arena_bytes = executor.arena_bytes();
    report.weight_bytes = executor.weight_bytes();
    std::vector<uint8_t> pixels = RandomPicture(executor);
    Subject subject{std::move(executor), std::move(pixels), {}, std::move(report)};
    subject.samples_ms.reserve(static_cast<size_t>(options.num_runs));
    return subject;
  }

  // The time it took.
  double Run() {
    const auto before = Clock::now();
    executor.Run(pixels);
    return MillisecondsSince(before);
  }
};

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

int64_t BenchmarkReport::macs() const {
  int64_t sum = 0;
  for (const StepTiming& step : steps) sum += step.macs;
  return sum;
}

double BenchmarkReport::layers_ms() const {
  double sum = 0;
  for (const StepTiming& step : steps) sum += step.macs > 0 ? step.median_ms : 0;
  return sum;
}

double BenchmarkReport::ShareOfPeak(int64_t macs, double ms) const {
  const double possible = peak_macs_per_second * ms / 1e3;
  return possible > 0 ? static_cast<double>(macs) / possible : 0;
}

Result<std::vector<BenchmarkReport>> RunBenchmark(std::span<const Model> models,
                                                  const BenchmarkOptions& options,
                                                  const std::function<void(int, int)>& progress) {
  DEIXIS_RETURN_IF_ERROR(options.Validate());
  std::vector<Subject> subjects;
  for (const Model& model : models) {
    DEIXIS_ASSIGN(Subject subject, Subject::Create(model, options));
    subjects.push_back(std::move(subject));
  }
  const auto measure_peaks = [&] {
    for (Subject& subject : subjects) {
      double& peak = subject.report.peak_macs_per_second;
      peak =
          std::max(peak, MeasurePeakMacsPerSecond(subject.report.precision, options.num_threads));
    }
  };
  measure_peaks();

  // The runs with a clock at every step are as many again, and are reported as one.
  const int num_reported =
      static_cast<int>(subjects.size()) * (options.num_warmup_runs + options.num_runs + 1);
  int num_done = 0;
  const auto tell = [&] {
    ++num_done;
    if (progress) progress(num_done, num_reported);
  };
  for (Subject& subject : subjects) {
    for (int run = 0; run < options.num_warmup_runs; ++run, tell()) subject.Run();
  }
  for (int begin = 0; begin < options.num_runs; begin += kRunsOfATurn) {
    const int end = std::min(begin + kRunsOfATurn, options.num_runs);
    for (Subject& subject : subjects) {
      // Another model's weights are in the caches.
      if (subjects.size() > 1) subject.Run();
      for (int run = begin; run < end; ++run, tell()) subject.samples_ms.push_back(subject.Run());
    }
  }
  for (Subject& subject : subjects) {
    subject.report.latency = Summarize(subject.samples_ms);
    subject.report.steps = subject.executor.Profile(subject.pixels, options.num_runs);
    tell();
  }
  measure_peaks();
  std::vector<BenchmarkReport> reports;
  for (Subject& subject : subjects) {
    subject.report.peak_rss_bytes = PeakRssBytes();
    reports.push_back(std::move(subject.report));
  }
  return reports;
}

int64_t PeakRssBytes() {
  rusage usage = {};
  if (::getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  return int64_t{usage.ru_maxrss} * 1024;  // Linux counts KiB
}

}  // namespace deixis
