// Microbenchmarks of the kernels: the distinct layers of ResNet-18 at 224x224, one thread, and the
// rank-k update of calibration. `MAC/s` counts multiply-accumulates, those with padding included;
// BM_TileInCache shows what the tile reaches when nothing waits for memory.
//
//   cmake --preset release -DDEIXIS_BENCHMARKS=ON && cmake --build --preset release
//   build/release/bin/deixis_kernels_bench --benchmark_filter=Conv2dF32
#include <benchmark/benchmark.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/rng.h"
#include "kernels/conv2d_f32/conv2d_f32.h"
#include "kernels/conv2d_u8/conv2d_u8.h"
#include "kernels/gemm_f32/gemm_f32.h"
#include "kernels/pool_f32/pool_f32.h"
#include "kernels/targets.h"

namespace deixis {
namespace {

struct Layer {
  const char* name;
  Conv2dShape shape;
  int64_t side;  // of the input
};

constexpr Layer kResnet18Layers[] = {
    {"conv1_7x7s2", {3, 64, 7, 7, 2, 3}, 224},    {"layer1_3x3", {64, 64, 3, 3, 1, 1}, 56},
    {"layer2_3x3s2", {64, 128, 3, 3, 2, 1}, 56},  {"layer2_1x1s2", {64, 128, 1, 1, 2, 0}, 56},
    {"layer2_3x3", {128, 128, 3, 3, 1, 1}, 28},   {"layer3_3x3s2", {128, 256, 3, 3, 2, 1}, 28},
    {"layer3_1x1s2", {128, 256, 1, 1, 2, 0}, 28}, {"layer3_3x3", {256, 256, 3, 3, 1, 1}, 14},
    {"layer4_3x3s2", {256, 512, 3, 3, 2, 1}, 14}, {"layer4_1x1s2", {256, 512, 1, 1, 2, 0}, 14},
    {"layer4_3x3", {512, 512, 3, 3, 1, 1}, 7},    {"fc", {512, 1000, 1, 1, 1, 0}, 1},
};

std::vector<float> RandomFloats(int64_t count) {
  Rng rng(1);
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = static_cast<float>(rng.Uniform(-1, 1));
  return values;
}

void CountMacs(benchmark::State& state, int64_t macs) {
  state.counters["MAC/s"] =
      benchmark::Counter(static_cast<double>(macs) * static_cast<double>(state.iterations()),
                         benchmark::Counter::kIsRate);
}

void BM_Conv2dF32(benchmark::State& state, const Layer& layer) {
  const Conv2dShape& shape = layer.shape;
  NhwcBuffer<float> input({.height = layer.side,
                           .width = layer.side,
                           .channels = shape.in_channels,
                           .border = shape.padding});
  NhwcBuffer<float> output({.height = shape.OutputHeight(layer.side),
                            .width = shape.OutputWidth(layer.side),
                            .channels = shape.out_channels});
  const PackedConv2dF32 packed =
      PackConv2dF32(shape, RandomFloats(shape.num_terms() * shape.out_channels));
  for (auto _ : state) {
    Conv2dF32(packed, input.view(), output.view(), {.residual = {}, .relu = true});
    benchmark::ClobberMemory();
  }
  CountMacs(state, output.view().num_elements() * shape.num_terms());
  state.SetLabel(CurrentKernelTarget().name);
}

void BM_Conv2dU8(benchmark::State& state, const Layer& layer, WeightForm8 form) {
  const Conv2dShape& shape = layer.shape;
  const NhwcExtents in{.height = layer.side,
                       .width = layer.side,
                       .channels = shape.in_channels,
                       .border = shape.padding};
  AlignedVector<uint8_t> input(static_cast<size_t>(in.dense_elements() + kInputSlackBytes));
  NhwcBuffer<uint8_t> output({.height = shape.OutputHeight(layer.side),
                              .width = shape.OutputWidth(layer.side),
                              .channels = shape.out_channels});
  const auto num_weights = static_cast<size_t>(shape.num_terms() * shape.out_channels);
  const std::vector<float> scale(static_cast<size_t>(shape.out_channels), 0.001f);
  const PackedConv2dU8 packed =
      form == WeightForm8::kInt8
          ? PackConv2dU8(shape, std::vector<int8_t>(num_weights, 1), scale)
          : PackConv2dU8Codebook(shape, std::vector<uint8_t>(num_weights, 1),
                                 std::vector<int8_t>(static_cast<size_t>(shape.out_channels) * 4),
                                 scale);
  AlignedVector<uint8_t> scratch(static_cast<size_t>(Conv2dU8ScratchBytes(packed, 1)));
  for (auto _ : state) {
    Conv2dU8(packed, DenseView(input.data(), in), output.view(), {}, scratch.data());
    benchmark::ClobberMemory();
  }
  CountMacs(state, output.view().num_elements() * shape.num_terms());
  state.SetLabel(CurrentKernelTarget().name);
}

// A 1x1 convolution of 36 pixels with 64 x 64 weights, which all fit the first-level cache.
void BM_TileInCache(benchmark::State& state) {
  BM_Conv2dF32(state, {"peak", {64, 64, 1, 1, 1, 0}, 6});
}
BENCHMARK(BM_TileInCache);

void BM_MaxPoolF32(benchmark::State& state) {
  NhwcBuffer<float> input({.height = 112, .width = 112, .channels = 64});
  NhwcBuffer<float> output({.height = 56, .width = 56, .channels = 64});
  for (auto _ : state) {
    MaxPoolF32({}, input.view(), output.view());
    benchmark::ClobberMemory();
  }
}
BENCHMARK(BM_MaxPoolF32);

void BM_SymmetricRankKUpdateF32(benchmark::State& state) {
  const int64_t n = state.range(0);
  const int64_t num_rows = 1024;
  const std::vector<float> x = RandomFloats(num_rows * n);
  std::vector<double> h(static_cast<size_t>(n * n));
  for (auto _ : state) {
    SymmetricRankKUpdateF32(x.data(), num_rows, n, n, h.data());
    benchmark::ClobberMemory();
  }
  CountMacs(state, num_rows * n * (n + 1) / 2);
}
BENCHMARK(BM_SymmetricRankKUpdateF32)->Arg(144)->Arg(576)->Arg(2304);

const int registered = [] {
  for (const Layer& layer : kResnet18Layers) {
    benchmark::RegisterBenchmark((std::string("BM_Conv2dF32/") + layer.name).c_str(), BM_Conv2dF32,
                                 layer);
    benchmark::RegisterBenchmark((std::string("BM_Conv2dU8/int8/") + layer.name).c_str(),
                                 BM_Conv2dU8, layer, WeightForm8::kInt8);
    benchmark::RegisterBenchmark((std::string("BM_Conv2dU8/codebook/") + layer.name).c_str(),
                                 BM_Conv2dU8, layer, WeightForm8::kCodebook4);
  }
  return 0;
}();

}  // namespace
}  // namespace deixis
