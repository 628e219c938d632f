// A log of what was said: one JSON object on each line, with the time of day, at most two files of
// ten megabytes.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "cli/console.h"

namespace deixis::cli {

class SaidLog {
 public:
  // The file need not exist; its folder must.
  explicit SaidLog(std::string path, int64_t max_bytes = 10'000'000)
      : path_(std::move(path)), max_bytes_(max_bytes) {}

  // Appends the entry as a whole, with "time" (UTC) before it; a file that has grown too long
  // becomes PATH.1. kNotFound without the folder, kResources when it cannot be written.
  Status Append(const Json& entry) const;

 private:
  std::string path_;
  int64_t max_bytes_;
};

}  // namespace deixis::cli
