// Other programs: run to their end with a bound on their time and on what they may write, or
// running on while their output is read. A program gets an argument vector, never a shell, so
// nothing in a text is ever interpreted.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/descriptor.h"
#include "base/result.h"

namespace deixis {

// Where the program `name` is: itself when it names a path, else in the first folder of PATH that
// has it. Nothing when it is not there or may not be run.
std::optional<std::string> FindProgram(const std::string& name);

// A running program in a process group of its own; killed and collected by the destructor at the
// latest, with everything it started that stayed in its group. Used by one thread at a time.
class ChildProcess {
 public:
  // `arguments`: the program first, looked up in PATH. `input` is its whole standard input.
  // kNotFound without such a program, kResources without a process or pipe to be had.
  static Result<ChildProcess> Start(const std::vector<std::string>& arguments,
                                    std::string_view input = {});

  ChildProcess(ChildProcess&& other) noexcept
      : program_(std::move(other.program_)),
        pid_(std::exchange(other.pid_, -1)),
        output_(std::move(other.output_)),
        error_(std::move(other.error_)),
        stderr_text_(std::move(other.stderr_text_)),
        exit_status_(other.exit_status_) {}
  ChildProcess& operator=(ChildProcess&&) = delete;
  ~ChildProcess();

  enum class Reading {
    kSome,     // something came, maybe only on its standard error
    kNothing,  // within the time given
    kEnd,      // it has closed its outputs
  };
  // Waits at most `timeout_ms` for output and appends to `bytes` what has come, at most 64 KiB.
  Result<Reading> Read(std::vector<std::byte>& bytes, int64_t timeout_ms);
  // The exit status once it has ended, as ChildOutput's; nothing when it has not in that time.
  std::optional<int> Wait(int64_t timeout_ms);
  // To its whole process group.
  void Signal(int signal) const;

  // The first 4 KiB that it wrote to its standard error.
  const std::string& stderr_text() const { return stderr_text_; }

 private:
  ChildProcess(std::string program, pid_t pid, Descriptor output, Descriptor error)
      : program_(std::move(program)),
        pid_(pid),
        output_(std::move(output)),
        error_(std::move(error)) {}

  std::string program_;
  pid_t pid_;  // -1 once it has been collected
  Descriptor output_;
  Descriptor error_;
  std::string stderr_text_;
  int exit_status_ = 0;
};

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
