// A server on this machine that does with each connection what a test wants.
#pragma once

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "base/descriptor.h"

namespace deixis::camera {

class LoopbackServer {
 public:
  // One client of the server. A client that goes away ends what is sent to it.
  class Client {
   public:
    Client(int socket, const std::atomic<bool>& shall_end) : socket_(socket), end_(shall_end) {}

    // False when nobody takes it any more.
    bool Send(std::string_view text) {
      while (!text.empty()) {
        if (end_) return false;
        const ssize_t sent = ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0) {
          text.remove_prefix(static_cast<size_t>(sent));
        } else if (errno == EAGAIN) {
          Pause(1);
        } else {
          return false;
        }
      }
      return true;
    }
    void Pause(int64_t ms) const { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }
    // Until the client has gone or the test is over: a server that says nothing.
    void Hang() {
      while (!end_) {
        char byte;
        if (::recv(socket_, &byte, 1, MSG_DONTWAIT) == 0) return;
        Pause(1);
      }
    }
    bool is_over() const { return end_; }

   private:
    int socket_;
    const std::atomic<bool>& end_;
  };

  // `serve` is called with each connection, counted from 0, once its request has come.
  explicit LoopbackServer(std::function<void(Client&, int connection)> serve)
      : serve_(std::move(serve)),
        listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
        thread_([this] { Run(); }) {
    while (port_ == 0) std::this_thread::yield();
  }
  ~LoopbackServer() {
    shall_end_ = true;
    thread_.join();
  }

  std::string Uri(const std::string& path, const std::string& user = "") const {
    return "http://" + user + "127.0.0.1:" + std::to_string(port_) + path;
  }
  int connections() const { return connections_; }
  std::string last_request() const {
    const std::lock_guard lock(mutex_);
    return last_request_;
  }

 private:
  void Run() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    ::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size);
    ::listen(listener_.get(), 8);
    ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    while (!shall_end_) {
      pollfd poll{listener_.get(), POLLIN, 0};
      if (::poll(&poll, 1, 10) <= 0) continue;
      const Descriptor socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      std::string request;
      char block[4096];
      while (request.find("\r\n\r\n") == std::string::npos) {
        const ssize_t got = ::recv(socket.get(), block, sizeof(block), 0);
        if (got <= 0) break;
        request.append(block, static_cast<size_t>(got));
      }
      {
        const std::lock_guard lock(mutex_);
        last_request_ = request;
      }
      Client client(socket.get(), shall_end_);
      serve_(client, connections_++);
    }
  }

  std::function<void(Client&, int)> serve_;
  Descriptor listener_;
  std::atomic<int> port_ = 0;
  std::atomic<int> connections_ = 0;
  std::atomic<bool> shall_end_ = false;
  mutable std::mutex mutex_;
  std::string last_request_;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace deixis::camera
