// Tells systemd how a service gets on (sd_notify(3)): a datagram to the socket that NOTIFY_SOCKET
// names. Does nothing for a program that was started by hand.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace deixis::cli {

class ServiceNotice {
 public:
  // From NOTIFY_SOCKET, which may be null.
  explicit ServiceNotice(const char* socket_path);

  void Ready() { Send("READY=1"); }
  // One line that `systemctl status` shows.
  void Status(std::string_view text) { Send("STATUS=" + std::string(text)); }
  // To be called often: tells at most once a second that the program has not got stuck.
  void Alive(int64_t steady_ms);

 private:
  void Send(const std::string& message) const;

  std::string path_;
  int64_t alive_ms_ = -1000;
};

}  // namespace deixis::cli
