// A fixed set of threads that run the chunks of one loop at a time.
//
// Batch-1 inference is some twenty loops of a few hundred microseconds, one after the other, so the
// workers spin for a moment before they sleep: waking a sleeping thread would cost more than the
// gap between two layers.
//
// With DEIXIS_SINGLE_THREAD, for chips without threads, the only thread is the caller's.
#pragma once

#ifdef DEIXIS_SINGLE_THREAD

#include <cstdint>

namespace deixis {

class ThreadPool {
 public:
  int num_threads() const { return 1; }

  template <typename Body>
  void ParallelFor(int64_t num_chunks, const Body& body) {
    for (int64_t chunk = 0; chunk < num_chunks; ++chunk) body(chunk, 0);
  }
};

}  // namespace deixis

#else

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

namespace deixis {

class ThreadPool {
 public:
  // `num_threads` counts the caller too: 1 makes no thread at all. At least 1.
  explicit ThreadPool(int num_threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int num_threads() const { return static_cast<int>(workers_.size()) + 1; }

  // Calls body(chunk, thread) for every chunk in [0, num_chunks), 0 <= thread < num_threads(), and
  // returns when all are done. Each thread has an equal share of consecutive chunks, the same in
  // every loop of as many chunks, so that what it wrote in one loop is in its cache in the next;
  // it takes them in order, and whoever has none left helps another. The body must not throw and
  // must not call the pool again. Does not allocate. Only one caller at a time.
  template <typename Body>
  void ParallelFor(int64_t num_chunks, const Body& body) {
    const auto call = [](const void* context, int64_t chunk, int thread) {
      (*static_cast<const Body*>(context))(chunk, thread);
    };
    Run(num_chunks, call, &body);
  }

  // The number of processors that this process may run on.
  static int AvailableProcessors();

 private:
  // What is left of a thread's share.
  struct alignas(64) Share {
    std::atomic<int64_t> next{0};
    int64_t end = 0;
  };

  using Call = void (*)(const void* context, int64_t chunk, int thread);
  void Run(int64_t num_chunks, Call call, const void* context);
  void Work(int thread);
  void Stop();
  void TakeChunks(int thread);

  std::unique_ptr<Share[]> shares_;  // by thread
  std::vector<std::thread> workers_;
  // The loop that is running. Written by the caller before epoch_ is advanced.
  Call call_ = nullptr;
  const void* context_ = nullptr;
  alignas(64) std::atomic<uint64_t> epoch_{0};  // advanced once per loop, and once to stop
  alignas(64) std::atomic<int> num_busy_{0};    // workers that have not finished this epoch
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::condition_variable wake_;
  std::atomic<int> num_asleep_{0};
};

}  // namespace deixis

#endif  // DEIXIS_SINGLE_THREAD
