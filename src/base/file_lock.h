// A lock that one process holds at a time, whatever happens to it: the kernel gives it up when the
// process ends.
#pragma once

#include <string>

#include "base/descriptor.h"
#include "base/result.h"

namespace deixis {

class FileLock {
 public:
  // Waits up to `wait_ms` for whoever holds the lock on `path`, a file that is made where it is
  // missing and stays. kBusy names that process; kResources when the file cannot be made.
  // Two locks in one process exclude each other as well.
  static Result<FileLock> Acquire(const std::string& path, int wait_ms);

 private:
  explicit FileLock(Descriptor file) : file_(std::move(file)) {}
  Descriptor file_;
};

}  // namespace deixis
