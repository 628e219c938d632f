// What the wearer asks by, beside holding still: a line on the standard input, a key or button that
// Linux knows as an input device, a pipe that something is written to, or the value of a pin.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/descriptor.h"
#include "base/result.h"

namespace deixis::cli {

class Trigger {
 public:
  // "key": each line of the standard input. Else a path: below /dev/input/ each press of a key of
  // that device; a FIFO, whatever is written to it; any other file, when what it begins with
  // changes from 0 to something else (/sys/class/gpio/gpio17/value). kNotFound without such a file,
  // kDeviceUnavailable when it may not be opened.
  static Result<Trigger> Open(const std::string& what);

  // Whether it was pressed since the last call. Does not wait. A device that went away is opened
  // again, at most once a second.
  bool WasPressed(int64_t steady_ms);

 private:
  enum class Kind { kLines, kInputDevice, kPipe, kValue };
  Trigger(Kind kind, std::string path) : kind_(kind), path_(std::move(path)) {}
  Status Reopen();
  bool ReadValue();

  Kind kind_;
  std::string path_;
  Descriptor file_;
  bool has_ended_ = false;
  std::optional<bool> value_;  // kValue: as last read
  int64_t retry_ms_ = 0;
};

// How many key presses are among these records of an input device (struct input_event); releases
// and repeats do not count.
int64_t CountKeyPresses(std::span<const std::byte> records);

}  // namespace deixis::cli
