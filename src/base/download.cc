#include "base/download.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/child_process.h"
#include "base/descriptor.h"

namespace deixis {
namespace {

constexpr size_t kMaxHeadBytes = 64 * 1024;
constexpr int64_t kReadMs = 500;
constexpr int64_t kEndMs = 10'000;

// Of the answer that is followed by the file.
struct Head {
  int status = 0;
  int64_t start = 0;                  // of the first byte, within the file
  std::optional<int64_t> total = {};  // bytes of the whole file
};

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return lower;
}

std::optional<int64_t> ToInteger(std::string_view text) {
  int64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end == text.data() || value < 0) return std::nullopt;
  return value;
}

// "HTTP/1.1 206 Partial Content", then a field on each line.
Head ParseHead(std::string_view text) {
  Head head;
  bool is_first = true;
  while (!text.empty()) {
    const size_t end = text.find("\r\n");
    const std::string line = Lower(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 2);
    if (is_first) {
      is_first = false;
      const size_t space = line.find(' ');
      if (space != std::string::npos) {
        head.status = static_cast<int>(ToInteger(line.substr(space + 1)).value_or(0));
      }
      continue;
    }
    const size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::string_view name = std::string_view(line).substr(0, colon);
    std::string_view value = std::string_view(line).substr(colon + 1);
    value.remove_prefix(std::min(value.find_first_not_of(" \t"), value.size()));
    if (name == "content-length" && !head.total) head.total = ToInteger(value);
    if (name == "content-range" && value.starts_with("bytes ")) {
      // "bytes 100-199/200", or "bytes */200" when there is nothing from there on.
      head.start = ToInteger(value.substr(6)).value_or(-1);
      head.total = ToInteger(value.substr(std::min(value.find('/') + 1, value.size())));
    }
  }
  return head;
}

// Takes curl's output apart: heads, of redirects too, then the file.
class Answer {
 public:
  // The bytes of the file among `bytes`; nothing while the head is not whole.
  Result<std::span<const std::byte>> Take(std::vector<std::byte>& bytes) {
    while (!has_head_) {
      const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      const size_t end = text.find("\r\n\r\n");
      if (end == std::string_view::npos) {
        if (bytes.size() <= kMaxHeadBytes) return std::span<const std::byte>{};
        return Error{
            ErrorCode::kDeviceUnavailable, "the server's answer has no end to its head", {}};
      }
      head_ = ParseHead(text.substr(0, end));
      bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(end) + 4);
      // Another head follows what only tells of one.
      has_head_ = head_.status >= 200 && (head_.status < 300 || head_.status >= 400);
    }
    return std::span<const std::byte>(bytes);
  }
  bool has_head() const { return has_head_; }
  const Head& head() const { return head_; }

 private:
  bool has_head_ = false;
  Head head_;
};

constexpr std::string_view kGoOn = "what has come is kept: the same command goes on from there";

Error Broken(const std::string& address, const std::string& why) {
  return {ErrorCode::kDeviceUnavailable, address + ": " + why, std::string(kGoOn)};
}

Error Refused(const std::string& address, int status) {
  if (status == 404 || status == 410) {
    return NotFound(address + ": the server has no such file (" + std::to_string(status) + ")",
                    "check the address");
  }
  return Broken(address, "expected the file, found the answer " + std::to_string(status));
}

// The first line, without the program's name.
std::string Reason(const ChildProcess& curl, int exit_status) {
  std::string text = curl.stderr_text().substr(0, curl.stderr_text().find('\n'));
  if (text.starts_with("curl: ")) text.erase(0, 6);
  return text.empty() ? "curl ended with " + std::to_string(exit_status) : text;
}

Error CannotWrite(const std::string& path) {
  const int failure = errno;
  return ResourceError(path + ": cannot write: " + std::strerror(failure));
}

Status WriteAll(int file, std::span<const std::byte> bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return CannotWrite(path);
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  return Ok();
}

// One connection. True when the file is whole as far as the server says; false when what lies in
// `path` is not a beginning of it, and has been removed.
Result<bool> Attempt(const std::string& address, const std::string& path,
                     const DownloadOptions& options) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  if (!file.is_open()) return CannotWrite(path);
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    return Error{ErrorCode::kBusy, path + ": another process is fetching it", "wait for it to end"};
  }
  int64_t done = ::lseek(file.get(), 0, SEEK_END);
  const int64_t had = done;
  const std::string protocols = address.starts_with("https://") ? "=https" : "=http,https";
  std::vector<std::string> command = {"curl",
                                      "--silent",
                                      "--show-error",
                                      "--location",
                                      "--include",
                                      "--suppress-connect-headers",
                                      "--no-buffer",
                                      "--globoff",
                                      "--proto",
                                      protocols,
                                      "--proto-redir",
                                      protocols,
                                      "--connect-timeout",
                                      "20",
                                      "--speed-limit",
                                      "1",
                                      "--speed-time",
                                      std::to_string(options.stalled_s)};
  if (had > 0) command.insert(command.end(), {"--range", std::to_string(had) + "-"});
  command.insert(command.end(), {"--", address});
  auto started = ChildProcess::Start(command);
  if (!started.ok() && started.error().code == ErrorCode::kNotFound) {
    return NotFound(started.error().message, "install it: apt-get install curl");
  }
  if (!started.ok()) return started.error();
  ChildProcess& curl = *started;

  Answer answer;
  std::vector<std::byte> bytes;
  while (true) {
    DEIXIS_ASSIGN(const ChildProcess::Reading reading, curl.Read(bytes, kReadMs));
    if (reading == ChildProcess::Reading::kEnd) break;
    const bool is_new = !answer.has_head();
    auto body = answer.Take(bytes);
    if (!body.ok()) return Broken(address, body.error().message);
    if (!answer.has_head()) continue;
    const Head& head = answer.head();
    if (is_new) {
      if (head.status == 416) {
        if (had > 0 && head.total == had) return true;
        if (had == 0) return Refused(address, head.status);
        if (::ftruncate(file.get(), 0) != 0) return CannotWrite(path);
        return false;
      }
      if (head.status != 200 && head.status != 206) return Refused(address, head.status);
      if (head.status == 200 && had > 0) {  // all of it, from the beginning
        if (::ftruncate(file.get(), 0) != 0) return CannotWrite(path);
        done = ::lseek(file.get(), 0, SEEK_SET);
      }
      if (head.status == 206 && head.start != had) {
        return Broken(address, "asked from byte " + std::to_string(had) + ", found byte " +
                                   std::to_string(head.start));
      }
    }
    DEIXIS_RETURN_IF_ERROR(WriteAll(file.get(), *body, path));
    done += static_cast<int64_t>(body->size());
    bytes.clear();
    if (options.progress) options.progress(done, head.total.value_or(0));
  }
  const int exit_status = curl.Wait(kEndMs).value_or(-1);
  if (exit_status != 0) return Broken(address, Reason(curl, exit_status));
  if (!answer.has_head()) return Broken(address, "no answer");
  if (answer.head().total && *answer.head().total != done) {
    return Broken(address, "expected " + std::to_string(*answer.head().total) + " bytes, found " +
                               std::to_string(done));
  }
  if (::fsync(file.get()) != 0) return CannotWrite(path);
  return true;
}

}  // namespace

Status Download(const std::string& address, const std::string& path,
                const DownloadOptions& options) {
  if (!address.starts_with("https://") && !address.starts_with("http://")) {
    return UsageError("\"" + address + "\" is no address of a file",
                      "an address begins with https:// or http://");
  }
  for (int attempt = 0; attempt < 2; ++attempt) {
    DEIXIS_ASSIGN(const bool is_whole, Attempt(address, path, options));
    if (is_whole) return Ok();
  }
  return Broken(address, "the server cannot send the file from its beginning");
}

}  // namespace deixis
