#include "runtime/benchmark_peak.h"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <vector>

#include "base/thread_pool.h"
#include "kernels/peak/peak.h"

namespace deixis {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kNumLoops = 20;
constexpr double kLoopSeconds = 1e-3;

double Seconds(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// That take about kLoopSeconds on one thread.
int64_t RoundsOfALoop(int64_t (*loop)(int64_t)) {
  int64_t rounds = 1024;
  while (rounds < kMaxPeakRounds) {
    const auto start = Clock::now();
    loop(rounds);
    if (Seconds(start) >= kLoopSeconds) break;
    rounds *= 2;
  }
  return rounds;
}

}  // namespace

double MeasurePeakMacsPerSecond(Precision precision, int num_threads) {
  const auto loop = precision == Precision::kU8 ? PeakLoopU8 : PeakLoopF32;
  const int64_t rounds = RoundsOfALoop(loop);
  ThreadPool pool(num_threads);
  std::vector<int64_t> num_macs(static_cast<size_t>(num_threads));
  double best = 0;
  for (int i = 0; i < kNumLoops; ++i) {
    const auto start = Clock::now();
    pool.ParallelFor(num_threads, [&](int64_t chunk, int) {
      num_macs[static_cast<size_t>(chunk)] = loop(rounds);
    });
    const double seconds = Seconds(start);
    const auto total = std::accumulate(num_macs.begin(), num_macs.end(), int64_t{0});
    best = std::max(best, static_cast<double>(total) / seconds);
  }
  return best;
}

}  // namespace deixis
