#include "cli/trigger.h"

#include <fcntl.h>
#include <linux/input.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace deixis::cli {

int64_t CountKeyPresses(std::span<const std::byte> records) {
  int64_t presses = 0;
  for (; records.size() >= sizeof(input_event); records = records.subspan(sizeof(input_event))) {
    input_event event;
    std::memcpy(&event, records.data(), sizeof(event));
    presses += event.type == EV_KEY && event.value == 1;
  }
  return presses;
}

Result<Trigger> Trigger::Open(const std::string& what) {
  if (what == "key") {
    Trigger trigger(Kind::kLines, "standard input");
    trigger.file_ = Descriptor(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
    return trigger;
  }
  struct stat status {};
  if (::stat(what.c_str(), &status) != 0) {
    return NotFound("--trigger " + what + ": " + std::strerror(errno),
                    "dwell, key, or a path: /dev/input/by-id/..., a FIFO, or the value of a pin");
  }
  const Kind kind = S_ISFIFO(status.st_mode)          ? Kind::kPipe
                    : what.starts_with("/dev/input/") ? Kind::kInputDevice
                                                      : Kind::kValue;
  Trigger trigger(kind, what);
  DEIXIS_RETURN_IF_ERROR(trigger.Reopen());
  return trigger;
}

Status Trigger::Reopen() {
  // A pipe that is open for writing too has no end when its writer goes.
  const int mode = kind_ == Kind::kPipe ? O_RDWR : O_RDONLY;
  file_ = Descriptor(::open(path_.c_str(), mode | O_NONBLOCK | O_CLOEXEC));
  if (file_.is_open()) return Ok();
  return Error{ErrorCode::kDeviceUnavailable, "--trigger " + path_ + ": " + std::strerror(errno),
               errno == EACCES ? "add yourself to the group input and log in again" : ""};
}

bool Trigger::ReadValue() {
  char text[16] = {};
  const ssize_t got = ::pread(file_.get(), text, sizeof(text) - 1, 0);
  if (got < 0) return false;
  const bool is_set = got > 0 && text[0] != '0' && text[0] != '\n';
  const bool rises = value_ && !*value_ && is_set;
  value_ = is_set;
  return rises;
}

bool Trigger::WasPressed(int64_t steady_ms) {
  if (has_ended_) return false;
  if (!file_.is_open()) {
    if (steady_ms < retry_ms_) return false;
    retry_ms_ = steady_ms + 1000;
    if (!Reopen().ok()) return false;
  }
  if (kind_ == Kind::kValue) return ReadValue();
  bool is_pressed = false;
  for (;;) {
    pollfd poll{file_.get(), POLLIN, 0};
    if (::poll(&poll, 1, 0) <= 0) return is_pressed;
    std::array<std::byte, 64 * sizeof(input_event)> block;
    const ssize_t got = ::read(file_.get(), block.data(), block.size());
    if (got <= 0) {
      if (got < 0 && (errno == EAGAIN || errno == EINTR)) return is_pressed;
      has_ended_ = kind_ == Kind::kLines;
      file_.Close();
      retry_ms_ = steady_ms + 1000;
      return is_pressed;
    }
    const std::span<const std::byte> bytes(block.data(), static_cast<size_t>(got));
    is_pressed = is_pressed ||
                 (kind_ == Kind::kInputDevice ? CountKeyPresses(bytes) > 0
                  : kind_ == Kind::kLines ? std::ranges::find(bytes, std::byte{'\n'}) != bytes.end()
                                          : true);
  }
}

}  // namespace deixis::cli
