// Time of exact clustering over the sizes that networks have.
#include <benchmark/benchmark.h>

#include <vector>

#include "base/rng.h"
#include "compress/kmeans_1d.h"

namespace deixis {
namespace {

std::vector<float> NormalValues(int64_t n) {
  Rng rng(1);
  std::vector<float> values(n);
  for (float& value : values) value = static_cast<float>(0.02 * rng.Normal());
  return values;
}

// Sorting and prefix sums.
void BM_LinePoints(benchmark::State& state) {
  const std::vector<float> values = NormalValues(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(LinePoints::Create(values));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_LinePoints)
    ->Arg(576)
    ->Arg(4608)
    ->Arg(18432)
    ->Arg(4'718'592)
    ->Unit(benchmark::kMillisecond);

void BM_KMeans1D(benchmark::State& state) {
  const LinePoints points = *LinePoints::Create(NormalValues(state.range(0)));
  for (auto _ : state) {
    benchmark::DoNotOptimize(KMeans1D(points, static_cast<int>(state.range(1))));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_KMeans1D)
    ->ArgsProduct({{576, 4608, 18432, 4'718'592}, {4, 16, 256}})
    ->Unit(benchmark::kMillisecond);

void BM_KMeansTable(benchmark::State& state) {
  const LinePoints points = *LinePoints::Create(NormalValues(state.range(0)));
  for (auto _ : state) {
    benchmark::DoNotOptimize(KMeansTable(points, static_cast<int>(state.range(1))));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_KMeansTable)->ArgsProduct({{576, 4608, 18432}, {16}})->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace deixis

BENCHMARK_MAIN();
