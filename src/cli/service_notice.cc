#include "cli/service_notice.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>

#include "base/descriptor.h"

namespace deixis::cli {

ServiceNotice::ServiceNotice(const char* socket_path)
    : path_(socket_path == nullptr ? "" : socket_path) {
  if (path_.starts_with('@')) path_[0] = '\0';  // an abstract address
  if (path_.size() >= sizeof(sockaddr_un::sun_path)) path_.clear();
}

void ServiceNotice::Alive(int64_t steady_ms) {
  if (steady_ms - alive_ms_ < 1000) return;
  alive_ms_ = steady_ms;
  Send("WATCHDOG=1");
}

void ServiceNotice::Send(const std::string& message) const {
  if (path_.empty()) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path_.data(), path_.size());
  const Descriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  // Nobody to tell is no reason to stop.
  (void)::sendto(socket.get(), message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                 reinterpret_cast<const sockaddr*>(&address),
                 static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path_.size()));
}

}  // namespace deixis::cli
