#include "runtime/benchmark.h"

#include <gtest/gtest.h>

#include "runtime/testing/quantized_model.h"
#include "runtime/testing/tiny_model.h"

namespace deixis {
namespace {

TEST(Summarize, HandComputedQuantiles) {
  const std::vector<double> eleven = {10, 0, 9, 1, 8, 2, 7, 3, 6, 4, 5};
  const LatencySummary summary = Summarize(eleven);
  EXPECT_DOUBLE_EQ(summary.median_ms, 5);
  EXPECT_DOUBLE_EQ(summary.p10_ms, 1);
  EXPECT_DOUBLE_EQ(summary.p90_ms, 9);

  const LatencySummary two = Summarize(std::vector<double>{4, 2});
  EXPECT_DOUBLE_EQ(two.median_ms, 3);
  EXPECT_DOUBLE_EQ(two.p10_ms, 2.2);
  EXPECT_DOUBLE_EQ(two.p90_ms, 3.8);

  EXPECT_DOUBLE_EQ(Summarize(std::vector<double>{7}).p90_ms, 7);
}

TEST(BenchmarkReport, HandComputedShares) {
  BenchmarkReport report;
  report.peak_macs_per_second = 1e9;
  report.steps = {{.name = "input", .median_ms = 1, .macs = 0},
                  {.name = "conv1", .median_ms = 2, .macs = 1'500'000},
                  {.name = "fc", .median_ms = 0.5, .macs = 500'000}};
  EXPECT_EQ(report.macs(), 2'000'000);
  EXPECT_DOUBLE_EQ(report.layers_ms(), 2.5);
  EXPECT_DOUBLE_EQ(report.ShareOfPeak(1'500'000, 2), 0.75);
  EXPECT_DOUBLE_EQ(report.ShareOfPeak(report.macs(), report.layers_ms()), 0.8);
  EXPECT_EQ(report.ShareOfPeak(1, 0), 0);
}

void ExpectComplete(const BenchmarkReport& report) {
  EXPECT_EQ(report.steps.front().name, "input");
  EXPECT_EQ(report.steps.back().name, "fc");
  EXPECT_GT(report.latency.median_ms, 0);
  EXPECT_LE(report.latency.p10_ms, report.latency.median_ms);
  EXPECT_LE(report.latency.median_ms, report.latency.p90_ms);
  EXPECT_GT(report.weight_bytes, 0);
  EXPECT_GT(report.peak_rss_bytes, report.arena_bytes);
  EXPECT_GT(report.peak_macs_per_second, 1e6);
  EXPECT_GT(report.macs(), 0);
  EXPECT_GT(report.layers_ms(), 0);
}

TEST(RunBenchmark, ReportsEveryStepAndTheMemory) {
  const std::vector<Model> models = {testing::LoadGoldenNetwork("basic").model};
  int last_done = 0;
  const auto reports = RunBenchmark(models, {.num_threads = 2, .num_warmup_runs = 1, .num_runs = 4},
                                    [&](int done, int total) {
                                      EXPECT_EQ(done, last_done + 1);
                                      EXPECT_EQ(total, 6);
                                      last_done = done;
                                    });
  ASSERT_TRUE(reports.ok()) << reports.error().message;
  EXPECT_EQ(last_done, 6);
  ASSERT_EQ(reports->size(), 1u);
  ExpectComplete(reports->front());
  EXPECT_EQ(reports->front().precision, Precision::kF32);
  // At least the bordered picture of floats, 51 x 43 x 3.
  EXPECT_GE(reports->front().arena_bytes, 51 * 43 * 3 * 4);
}

TEST(RunBenchmark, TakesTurnsBetweenModels) {
  const testing::GoldenNetwork golden = testing::LoadGoldenNetwork("basic");
  std::vector<Model> models = {golden.model, golden.model};
  testing::QuantizeActivations(models[1], golden.pixels);
  int last_done = 0;
  const auto reports = RunBenchmark(models, {.num_threads = 1, .num_warmup_runs = 1, .num_runs = 7},
                                    [&](int done, int /*total*/) { last_done = done; });
  ASSERT_TRUE(reports.ok()) << reports.error().message;
  EXPECT_EQ(last_done, 2 * (1 + 7 + 1));
  ASSERT_EQ(reports->size(), 2u);
  for (const BenchmarkReport& report : *reports) ExpectComplete(report);
  EXPECT_EQ((*reports)[0].precision, Precision::kF32);
  EXPECT_EQ((*reports)[1].precision, Precision::kU8);
  EXPECT_LT((*reports)[1].weight_bytes, (*reports)[0].weight_bytes);
}

TEST(RunBenchmark, RefusesCountsThatMakeNoSense) {
  const std::vector<Model> model = {testing::LoadGoldenNetwork("basic").model};
  for (const BenchmarkOptions options :
       {BenchmarkOptions{.num_threads = 0}, BenchmarkOptions{.num_warmup_runs = -1},
        BenchmarkOptions{.num_runs = 0}}) {
    const auto report = RunBenchmark(model, options);
    ASSERT_FALSE(report.ok());
    EXPECT_EQ(report.error().code, ErrorCode::kUsage);
  }
}

}  // namespace
}  // namespace deixis
