#include "cli/said_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <utility>

#include "base/descriptor.h"

namespace deixis::cli {
namespace {

// "2026-11-22T17:20:00.123Z".
std::string TimeOfDay() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  tm parts{};
  ::gmtime_r(&now.tv_sec, &parts);
  char seconds[32];
  std::strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", &parts);
  char text[48];
  std::snprintf(text, sizeof(text), "%s.%03ldZ", seconds, now.tv_nsec / 1'000'000);
  return text;
}

}  // namespace

Status SaidLog::Append(const Json& entry) const {
  Json whole{{"time", TimeOfDay()}};
  whole.update(entry);
  const std::string line = whole.dump() + "\n";
  struct stat status {};
  if (::stat(path_.c_str(), &status) == 0 && status.st_size >= max_bytes_) {
    (void)std::rename(path_.c_str(), (path_ + ".1").c_str());
  }
  const Descriptor file(::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640));
  // In one piece: a program that is killed leaves whole lines.
  if (file.is_open() &&
      ::write(file.get(), line.data(), line.size()) == static_cast<ssize_t>(line.size())) {
    return Ok();
  }
  const std::string message = path_ + ": cannot write the log: " + std::strerror(errno);
  if (errno == ENOENT) return NotFound(message, "create the folder first");
  return ResourceError(message, "choose a file that may be written");
}

}  // namespace deixis::cli
