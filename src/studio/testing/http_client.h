// A client of raw bytes, for tests: what it sends need be no HTTP at all.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "base/descriptor.h"

namespace deixis::studio::testing {

struct Answer {
  int status = 0;                              // 0: the connection ended before an answer
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;

  nlohmann::ordered_json json() const {
    return nlohmann::ordered_json::parse(body, nullptr, /*allow_exceptions=*/false);
  }
  // "frame-gone"
  std::string problem() const {
    const auto document = json();
    if (!document.is_object() || !document.contains("type")) return {};
    return document["type"].get<std::string>().substr(std::string("/problems/").size());
  }
};

class Socket {
 public:
  explicit Socket(int port, int receive_buffer_bytes = 0)
      : descriptor_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (receive_buffer_bytes > 0) {
      setsockopt(descriptor_.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes,
                 sizeof receive_buffer_bytes);
    }
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    is_connected_ =
        ::connect(descriptor_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  bool is_connected() const { return is_connected_; }

  bool Send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t n = ::send(descriptor_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }

  // Reads until `text` holds `wanted`, the end, or `timeout_ms` have passed.
  bool ReadUntil(std::string_view wanted, int timeout_ms) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
    while (wanted.empty() || text.find(wanted) == std::string::npos) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
          end - std::chrono::steady_clock::now());
      pollfd waiting{.fd = descriptor_.get(), .events = POLLIN, .revents = 0};
      if (left.count() <= 0 || poll(&waiting, 1, static_cast<int>(left.count())) <= 0) return false;
      char bytes[65536];
      const ssize_t n = ::recv(descriptor_.get(), bytes, sizeof bytes, 0);
      if (n <= 0) {
        has_ended = true;
        return false;
      }
      text.append(bytes, static_cast<size_t>(n));
    }
    return true;
  }

  // The next answer; what comes after it stays in `text`.
  Answer ReadAnswer(bool has_body = true, int timeout_ms = 10'000) {
    Answer answer;
    if (!ReadUntil("\r\n\r\n", timeout_ms)) return answer;
    const size_t head_bytes = text.find("\r\n\r\n") + 4;
    std::string head = text.substr(0, head_bytes);
    text.erase(0, head_bytes);
    answer.status = std::atoi(head.c_str() + 9);
    head.erase(0, head.find("\r\n") + 2);
    for (size_t end = head.find("\r\n"); end != 0 && end != std::string::npos;
         end = head.find("\r\n")) {
      const size_t colon = head.find(':');
      std::string name = head.substr(0, colon);
      for (char& c : name) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
      answer.headers[name] = head.substr(colon + 2, end - colon - 2);
      head.erase(0, end + 2);
    }
    const auto length = answer.headers.find("content-length");
    if (!has_body || length == answer.headers.end()) return answer;
    const size_t bytes = std::strtoull(length->second.c_str(), nullptr, 10);
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
    while (text.size() < bytes && !has_ended && std::chrono::steady_clock::now() < end) {
      ReadUntil("", 100);
    }
    answer.body = text.substr(0, bytes);
    text.erase(0, bytes);
    return answer;
  }

  std::string text;  // received and not yet taken
  bool has_ended = false;

 private:
  Descriptor descriptor_;
  bool is_connected_ = false;
};

// One request on a connection of its own.
class Client {
 public:
  using Headers = std::map<std::string, std::string>;

  // Every request carries `headers`, unless it gives the same name itself; "Host" is there.
  explicit Client(int port, Headers headers = {}) : port_(port), headers_(std::move(headers)) {
    headers_.emplace("Host", "127.0.0.1:" + std::to_string(port));
  }

  std::string TextOf(const std::string& method, const std::string& target,
                     const std::string& body = {}, const Headers& more = {}) const {
    Headers headers = more;
    headers.insert(headers_.begin(), headers_.end());
    if (!body.empty()) {
      headers.emplace("Content-Length", std::to_string(body.size()));
      headers.emplace("Content-Type", "application/json");
    }
    std::string text = method + " " + target + " HTTP/1.1\r\n";
    for (const auto& [name, value] : headers) {
      if (!value.empty()) text += name + ": " + value + "\r\n";
    }
    return text + "\r\n" + body;
  }

  Answer Send(const std::string& method, const std::string& target, const std::string& body = {},
              const Headers& more = {}) const {
    Socket socket(port_);
    if (!socket.Send(TextOf(method, target, body, more))) {
      // Refused before all was sent: the answer may be there all the same.
    }
    return socket.ReadAnswer(method != "HEAD");
  }
  Answer Get(const std::string& target, const Headers& more = {}) const {
    return Send("GET", target, {}, more);
  }

 private:
  int port_;
  Headers headers_;
};

}  // namespace deixis::studio::testing
