#include "runtime/benchmark.h"

#include <gtest/gtest.h>

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

TEST(RunBenchmark, ReportsEveryStepAndTheMemory) {
  const Model model = testing::LoadGoldenNetwork("basic").model;
  int last_done = 0;
  const auto report = RunBenchmark(model, {.num_threads = 2, .num_warmup_runs = 1, .num_runs = 4},
                                   [&](int done, int total) {
                                     EXPECT_EQ(done, last_done + 1);
                                     EXPECT_EQ(total, 6);
                                     last_done = done;
                                   });
  ASSERT_TRUE(report.ok()) << report.error().message;
  EXPECT_EQ(last_done, 6);
  EXPECT_EQ(report->steps.front().name, "input");
  EXPECT_EQ(report->steps.back().name, "fc");
  EXPECT_GT(report->latency.median_ms, 0);
  EXPECT_LE(report->latency.p10_ms, report->latency.median_ms);
  EXPECT_LE(report->latency.median_ms, report->latency.p90_ms);
  // At least the bordered picture of floats, 51 x 43 x 3.
  EXPECT_GE(report->arena_bytes, 51 * 43 * 3 * 4);
  EXPECT_GT(report->weight_bytes, 0);
  EXPECT_GT(report->peak_rss_bytes, report->arena_bytes);
}

TEST(RunBenchmark, RefusesCountsThatMakeNoSense) {
  const Model model = testing::LoadGoldenNetwork("basic").model;
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
