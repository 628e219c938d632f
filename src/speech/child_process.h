// Runs another program to its end with a bound on its time and on what it may write. The program
// gets an argument vector, never a shell, so nothing in a text is ever interpreted.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace deixis {

struct ChildLimits {
  int timeout_ms = 10'000;
  size_t max_output_bytes = size_t{64} << 20;
};

struct ChildOutput {
  int exit_status = 0;  // 128 + the signal's number when it was killed by one, as shells have it
  std::vector<std::byte> stdout_bytes;
  std::string stderr_text;  // the first 4 KiB
};

// Runs `arguments` (the program first, looked up in PATH) with `input` as its whole standard input.
// Blocks until it has ended, at most limits.timeout_ms; a program that takes longer or writes more
// is killed with everything it started that stayed in its process group. Safe to call from any
// thread.
//   kNotFound            no such program, or not executable
//   kDeviceUnavailable   it ran out of time or wrote too much
//   kResources           no process, pipe or memory to be had
Result<ChildOutput> RunChild(const std::vector<std::string>& arguments, std::string_view input,
                             const ChildLimits& limits = {});

}  // namespace deixis
