#include "base/thread_pool.h"

#include <sched.h>

#include <algorithm>

namespace deixis {
namespace {

// About 50 µs on a processor of a few GHz: longer than the gap between two layers, shorter than
// anyone would notice on a battery.
constexpr int kSpins = 2000;

inline void SpinOnce() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
  asm volatile("yield");
#else
  std::atomic_signal_fence(std::memory_order_seq_cst);
#endif
}

}  // namespace

ThreadPool::ThreadPool(int num_threads)
    : shares_(std::make_unique<Share[]>(static_cast<size_t>(num_threads))) {
  try {
    for (int thread = 1; thread < num_threads; ++thread) {
      workers_.emplace_back([this, thread] { Work(thread); });
    }
  } catch (...) {
    // No memory for another thread. Those that run must end before they are destroyed.
    Stop();
    throw;
  }
}

ThreadPool::~ThreadPool() { Stop(); }

void ThreadPool::Stop() {
  stopping_.store(true);
  {
    const std::lock_guard lock(mutex_);
    epoch_.fetch_add(1);
  }
  wake_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

int ThreadPool::AvailableProcessors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof(set), &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

void ThreadPool::Run(int64_t num_chunks, Call call, const void* context) {
  if (workers_.empty() || num_chunks <= 1) {
    for (int64_t chunk = 0; chunk < num_chunks; ++chunk) call(context, chunk, 0);
    return;
  }
  call_ = call;
  context_ = context;
  for (int thread = 0; thread < num_threads(); ++thread) {
    shares_[thread].next.store(num_chunks * thread / num_threads(), std::memory_order_relaxed);
    shares_[thread].end = num_chunks * (thread + 1) / num_threads();
  }
  num_busy_.store(static_cast<int>(workers_.size()), std::memory_order_relaxed);
  epoch_.fetch_add(1);  // publishes the loop
  if (num_asleep_.load() > 0) {
    // Taking the lock orders this wake-up after the sleeper's own look at epoch_.
    { const std::lock_guard lock(mutex_); }
    wake_.notify_all();
  }
  TakeChunks(0);
  for (int spins = 0; num_busy_.load(std::memory_order_acquire) > 0; ++spins) {
    if (spins < kSpins) {
      SpinOnce();
    } else {
      std::this_thread::yield();  // a worker may be waiting for this very processor
    }
  }
}

void ThreadPool::TakeChunks(int thread) {
  for (int i = 0; i < num_threads(); ++i) {
    Share& share = shares_[(thread + i) % num_threads()];
    while (true) {
      const int64_t chunk = share.next.fetch_add(1, std::memory_order_relaxed);
      if (chunk >= share.end) break;
      call_(context_, chunk, thread);
    }
  }
}

void ThreadPool::Work(int thread) {
  uint64_t seen_epoch = 0;
  while (true) {
    int spins = 0;
    while (epoch_.load(std::memory_order_acquire) == seen_epoch) {
      if (++spins < kSpins) {
        SpinOnce();
        continue;
      }
      std::unique_lock lock(mutex_);
      num_asleep_.fetch_add(1);
      wake_.wait(lock, [&] { return epoch_.load() != seen_epoch; });
      num_asleep_.fetch_sub(1);
    }
    if (stopping_.load()) return;
    seen_epoch = epoch_.load(std::memory_order_acquire);
    TakeChunks(thread);
    num_busy_.fetch_sub(1, std::memory_order_release);
  }
}

}  // namespace deixis
