#include "vision/camera/http_source.h"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "base/descriptor.h"
#include "vision/camera/http_message.h"
#include "vision/codecs.h"

namespace deixis::camera {
namespace {

std::string PercentDecoded(std::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(&text[i + 1], &text[i + 1] + 2, value, 16).ptr == &text[i + 1] + 2) {
      decoded += static_cast<char>(value);
      i += 2;
    } else {
      decoded += text[i];
    }
  }
  return decoded;
}

// RFC 4648.
std::string Base64(std::string_view text) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string encoded;
  for (size_t i = 0; i < text.size(); i += 3) {
    uint32_t bits = 0;
    const size_t count = std::min<size_t>(3, text.size() - i);
    for (size_t j = 0; j < 3; ++j) {
      bits = bits << 8 | (j < count ? static_cast<uint8_t>(text[i + j]) : 0);
    }
    for (size_t j = 0; j < 4; ++j) {
      encoded += j <= count ? kDigits[bits >> (18 - 6 * j) & 63] : '=';
    }
  }
  return encoded;
}

class HttpFrames final : public FrameSource {
 public:
  HttpFrames(std::string name, HttpAddress address, const HttpSourceOptions& options)
      : name_(std::move(name)), address_(std::move(address)), options_(options) {}

  Status Open() override {
    Close();
    const int64_t deadline_ms = SteadyNowMs() + options_.connect_timeout_ms;
    DEIXIS_RETURN_IF_ERROR(Connect(deadline_ms));
    DEIXIS_RETURN_IF_ERROR(Request(deadline_ms));
    return ReadHead(deadline_ms);
  }

  Result<ReadOutcome> Read(int64_t timeout_ms, SourceFrame& frame) override {
    const int64_t begin_ms = SteadyNowMs();
    std::optional<std::vector<std::byte>> newest;
    for (;;) {
      while (auto part = body_->TakePart()) newest = std::move(part);
      const int64_t passed_ms = SteadyNowMs() - begin_ms;
      if (newest && passed_ms >= kCatchUpMs) break;
      if (body_->has_ended() || (is_chunked_ && chunks_.has_ended())) {
        if (newest) break;
        return Unavailable("the server has ended the stream");
      }
      const int64_t left_ms = newest ? 0 : std::max<int64_t>(timeout_ms - passed_ms, 0);
      DEIXIS_ASSIGN(const bool is_ready, WaitFor(POLLIN, SteadyNowMs() + left_ms));
      if (!is_ready) {
        if (newest) break;
        return ReadOutcome::kNothing;
      }
      std::vector<std::byte> bytes;
      const Status received = Receive(bytes);
      // What has come is worth having; the error comes again.
      if (!received.ok() && newest) break;
      DEIXIS_RETURN_IF_ERROR(received);
      DEIXIS_RETURN_IF_ERROR(Take(bytes));
    }
    frame.captured_ms = SteadyNowMs();
    auto decoded = internal::DecodeJpeg(*newest);
    if (!decoded.ok()) return ReadOutcome::kDamaged;
    frame.image = std::move(decoded->image);
    return ReadOutcome::kFrame;
  }

  void Close() override {
    socket_ = Descriptor();
    body_.reset();
    chunks_ = {};
    received_.clear();
  }

  void Cancel() override { is_cancelled_ = true; }

  std::string Device() const override { return name_; }
  std::string Identity() const override { return name_; }
  std::string PixelFormat() const override { return "MJPEG"; }

 private:
  Error Unavailable(const std::string& what) const {
    return Error{ErrorCode::kDeviceUnavailable, name_ + ": " + what,
                 "open the address in a browser on this machine"};
  }

  // Whether the socket is ready before the deadline.
  Result<bool> WaitFor(short events, int64_t deadline_ms) {
    for (;;) {
      pollfd poll{socket_.get(), events, 0};
      const int64_t left_ms = std::max<int64_t>(deadline_ms - SteadyNowMs(), 0);
      const int ready = ::poll(&poll, 1, static_cast<int>(std::min(left_ms, kGlanceMs)));
      if (ready < 0 && errno != EINTR) return Unavailable(std::strerror(errno));
      if (ready > 0) return true;
      if (is_cancelled_ || left_ms <= kGlanceMs) return false;
    }
  }

  Status Connect(int64_t deadline_ms) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const int failure = ::getaddrinfo(address_.host.c_str(), address_.port.c_str(), &hints, &found);
    if (failure != 0) return Unavailable(std::string("cannot be found: ") + gai_strerror(failure));
    int error_number = EHOSTUNREACH;
    for (const addrinfo* info = found; info != nullptr && !socket_.is_open();
         info = info->ai_next) {
      error_number = TryConnect(*info, deadline_ms);
      if (error_number != 0) socket_.Close();
    }
    ::freeaddrinfo(found);
    if (error_number == 0) return Ok();
    return Unavailable(std::string("cannot connect: ") + std::strerror(error_number));
  }

  int TryConnect(const addrinfo& info, int64_t deadline_ms) {
    socket_ =
        Descriptor(::socket(info.ai_family, info.ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket_.is_open()) return errno;
    if (::connect(socket_.get(), info.ai_addr, info.ai_addrlen) == 0) return 0;
    if (errno != EINPROGRESS) return errno;
    const auto is_ready = WaitFor(POLLOUT, deadline_ms);
    if (!is_ready.ok() || !*is_ready) return ETIMEDOUT;
    int error_number = 0;
    socklen_t size = sizeof(error_number);
    ::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error_number, &size);
    return error_number;
  }

  Status Request(int64_t deadline_ms) {
    const bool is_ipv6 = address_.host.find(':') != std::string::npos;
    const std::string host = is_ipv6 ? "[" + address_.host + "]" : address_.host;
    // 1.0: the connection carries one stream and ends with it.
    std::string request = "GET " + address_.path + " HTTP/1.0\r\nHost: " + host +
                          (address_.port == "80" ? "" : ":" + address_.port) +
                          "\r\nUser-Agent: deixis\r\nAccept: multipart/x-mixed-replace, image/jpeg"
                          "\r\nConnection: close\r\n";
    if (!address_.user_and_password.empty()) {
      request += "Authorization: Basic " + Base64(address_.user_and_password) + "\r\n";
    }
    request += "\r\n";
    std::string_view rest = request;
    while (!rest.empty()) {
      const ssize_t sent = ::send(socket_.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
      if (sent > 0) {
        rest.remove_prefix(static_cast<size_t>(sent));
        continue;
      }
      if (errno != EAGAIN && errno != EINTR) return Unavailable(std::strerror(errno));
      DEIXIS_ASSIGN(const bool is_ready, WaitFor(POLLOUT, deadline_ms));
      if (!is_ready) return Unavailable("takes no request");
    }
    return Ok();
  }

  Status ReadHead(int64_t deadline_ms) {
    for (;;) {
      auto parsed = ParseHttpHead(received_);
      if (!parsed.ok()) return std::move(parsed).error().WithContext(name_);
      if (*parsed) {
        DEIXIS_RETURN_IF_ERROR(Judge((*parsed)->head));
        const std::vector<std::byte> rest(
            received_.begin() + static_cast<ptrdiff_t>((*parsed)->length_bytes), received_.end());
        received_.clear();
        return Take(rest);
      }
      DEIXIS_ASSIGN(const bool is_ready, WaitFor(POLLIN, deadline_ms));
      if (!is_ready || SteadyNowMs() >= deadline_ms) {
        return Unavailable("no answer within " +
                           std::to_string(options_.connect_timeout_ms / 1000) + " s");
      }
      DEIXIS_RETURN_IF_ERROR(Receive(received_));
    }
  }

  Status Judge(const HttpHead& head) {
    const std::string answer = std::to_string(head.status) + " " + head.reason;
    if (head.status == 401 || head.status == 403) {
      return Error{ErrorCode::kAuthentication, name_ + ": the server refuses: " + answer,
                   "put the name and password into the address: http://NAME:PASSWORD@HOST/...; "
                   "for a server that wants more than Basic add #with=ffmpeg"};
    }
    if (head.status >= 300 && head.status < 400) {
      return InvalidData(name_ + ": the stream is elsewhere: " + answer,
                         "use the address it names: " + WithoutSecrets(head.Field("location")));
    }
    if (head.status == 404) return NotFound(name_ + ": the server has no such page", "");
    if (head.status != 200) return Unavailable("the server answers " + answer);
    const std::string type = head.Field("content-type");
    const std::string boundary = MultipartBoundary(type);
    if (boundary.empty()) {
      return InvalidData(name_ + ": expected multipart/x-mixed-replace (MJPEG), found \"" +
                             type.substr(0, 80) + "\"",
                         "give the address of the stream itself, not of a page that shows it; "
                         "with #with=ffmpeg other kinds of video are read");
    }
    is_chunked_ = head.Field("transfer-encoding").find("chunked") != std::string::npos;
    body_.emplace(boundary);
    return Ok();
  }

  Status Receive(std::vector<std::byte>& bytes) {
    std::array<std::byte, 65536> block;
    const ssize_t got = ::recv(socket_.get(), block.data(), block.size(), 0);
    if (got > 0) {
      bytes.insert(bytes.end(), block.begin(), block.begin() + got);
    } else if (got == 0) {
      return Unavailable("the server has closed the connection");
    } else if (errno != EAGAIN && errno != EINTR) {
      return Unavailable(std::strerror(errno));
    }
    return Ok();
  }

  Status Take(const std::vector<std::byte>& bytes) {
    std::vector<std::byte> unpacked;
    if (is_chunked_) {
      const Status decoded = chunks_.Decode(bytes, unpacked);
      if (!decoded.ok()) return decoded.error().WithContext(name_);
    }
    const Status appended = body_->Append(is_chunked_ ? unpacked : bytes);
    if (!appended.ok()) return appended.error().WithContext(name_);
    return Ok();
  }

  std::string name_;
  HttpAddress address_;
  HttpSourceOptions options_;
  std::atomic<bool> is_cancelled_ = false;
  Descriptor socket_;
  std::vector<std::byte> received_;  // of the head
  bool is_chunked_ = false;
  ChunkedBody chunks_;
  std::optional<MultipartBody> body_;  // once the head is there
};

}  // namespace

Result<HttpAddress> ParseHttpAddress(const CameraUri& uri) {
  HttpAddress address;
  std::string_view rest = uri.place;
  rest.remove_prefix(std::min(rest.find("://") + 3, rest.size()));
  const size_t path = std::min(rest.find_first_of("/?"), rest.size());
  std::string_view authority = rest.substr(0, path);
  if (path < rest.size())
    address.path = (rest[path] == '?' ? "/" : "") + std::string(rest.substr(path));
  const size_t at = authority.rfind('@');
  if (at != std::string_view::npos) {
    address.user_and_password = PercentDecoded(authority.substr(0, at));
    authority.remove_prefix(at + 1);
  }
  const bool is_bracketed = authority.starts_with('[');
  const size_t end = is_bracketed ? authority.find(']') : authority.rfind(':');
  const size_t colon =
      is_bracketed && end != std::string_view::npos ? authority.find(':', end) : end;
  if (colon != std::string_view::npos) address.port = authority.substr(colon + 1);
  address.host = is_bracketed ? authority.substr(1, std::min(end, authority.size()) - 1)
                              : authority.substr(0, colon);
  // Nothing that could end a line of the request.
  const bool is_plain =
      std::ranges::all_of(address.host + address.path, [](char c) { return c > ' ' && c < 127; });
  const bool is_port =
      !address.port.empty() && address.port.size() <= 5 &&
      std::ranges::all_of(address.port, [](char c) { return c >= '0' && c <= '9'; });
  if (address.host.empty() || !is_port || !is_plain) {
    return UsageError("camera \"" + uri.text + "\": expected http://HOST[:PORT]/PATH",
                      "spaces and letters beyond ASCII are written as %20 and so on");
  }
  return address;
}

Result<std::unique_ptr<FrameSource>> HttpSource(const CameraUri& uri,
                                                const HttpSourceOptions& options) {
  DEIXIS_ASSIGN(HttpAddress address, ParseHttpAddress(uri));
  return std::unique_ptr<FrameSource>(
      std::make_unique<HttpFrames>(uri.text, std::move(address), options));
}

}  // namespace deixis::camera
