#include "base/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

namespace deixis {
namespace {

constexpr int kPollMs = 10;

// "process 4711", as the holder wrote it.
std::string Holder(int file) {
  char text[64] = {};
  const ssize_t size = ::pread(file, text, sizeof text - 1, 0);
  return size > 0 ? std::string(text) : "another process";
}

}  // namespace

Result<FileLock> FileLock::Acquire(const std::string& path, int wait_ms) {
  Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
  if (file.get() < 0) {
    return ResourceError(path + ": cannot open the lock: " + std::strerror(errno),
                         "check that you may write there");
  }
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(wait_ms);
  while (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) {
      return ResourceError(path + ": cannot be locked: " + std::strerror(errno));
    }
    if (std::chrono::steady_clock::now() >= end) {
      return Error{ErrorCode::kBusy, path + ": in use by " + Holder(file.get()),
                   "wait until it is done, or end it"};
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(kPollMs));
  }
  // For the message above; the lock holds without it.
  const std::string holder = "process " + std::to_string(::getpid());
  if (::ftruncate(file.get(), 0) == 0) {
    [[maybe_unused]] const ssize_t size = ::pwrite(file.get(), holder.data(), holder.size(), 0);
  }
  return FileLock(std::move(file));
}

}  // namespace deixis
