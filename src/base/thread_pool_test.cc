#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>
#include <vector>

namespace deixis {
namespace {

// Every chunk exactly once, on a valid thread, and all of it before the call returns.
void ExpectEveryChunkOnce(ThreadPool& pool, int64_t num_chunks) {
  std::vector<int> visits(static_cast<size_t>(num_chunks), 0);  // not atomic: tsan watches
  std::vector<int64_t> by_thread(static_cast<size_t>(pool.num_threads()), 0);
  pool.ParallelFor(num_chunks, [&](int64_t chunk, int thread) {
    ++visits[static_cast<size_t>(chunk)];
    ++by_thread[static_cast<size_t>(thread)];
  });
  int64_t total = 0;
  for (const int64_t count : by_thread) total += count;
  ASSERT_EQ(total, num_chunks);
  for (const int count : visits) ASSERT_EQ(count, 1);
}

class ThreadPoolTest : public testing::TestWithParam<int> {};

TEST_P(ThreadPoolTest, EveryChunkOnceOverManyLoops) {
  ThreadPool pool(GetParam());
  EXPECT_EQ(pool.num_threads(), GetParam());
  for (int loop = 0; loop < 1000; ++loop) ExpectEveryChunkOnce(pool, loop % 9);
  ExpectEveryChunkOnce(pool, 10000);
}

// Long enough for the workers to fall asleep between two loops.
TEST_P(ThreadPoolTest, SleepingWorkersAreWoken) {
  ThreadPool pool(GetParam());
  for (int loop = 0; loop < 20; ++loop) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    ExpectEveryChunkOnce(pool, 50);
  }
}

// What one loop wrote, the next reads, on whatever thread.
TEST_P(ThreadPoolTest, LoopsSeeWhatEarlierLoopsWrote) {
  ThreadPool pool(GetParam());
  std::vector<int64_t> values(64, 0);
  for (int loop = 0; loop < 500; ++loop) {
    pool.ParallelFor(64, [&](int64_t chunk, int) {
      const auto i = static_cast<size_t>(chunk);
      values[i] += 1;
    });
    std::vector<int64_t> reversed(64);
    pool.ParallelFor(64, [&](int64_t chunk, int) {
      const auto i = static_cast<size_t>(chunk);
      reversed[i] = values[63 - i];
    });
    for (const int64_t value : reversed) ASSERT_EQ(value, loop + 1);
  }
}

TEST_P(ThreadPoolTest, StartsAndStopsQuickly) {
  for (int i = 0; i < 50; ++i) {
    ThreadPool pool(GetParam());
    if (i % 2 == 0) ExpectEveryChunkOnce(pool, 3);
  }
}

INSTANTIATE_TEST_SUITE_P(Threads, ThreadPoolTest, testing::Values(1, 2, 3, 8));

TEST(ThreadPoolSizeTest, AtLeastTheCaller) {
  ThreadPool none(0);
  EXPECT_EQ(none.num_threads(), 1);
  ExpectEveryChunkOnce(none, 5);
  EXPECT_GE(ThreadPool::AvailableProcessors(), 1);
}

}  // namespace
}  // namespace deixis
