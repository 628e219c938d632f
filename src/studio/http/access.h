// Who may ask: the guard of every request.
//
// A page of another site that a browser has open beside the studio must be able to do nothing: it
// cannot name this host (Host allow-list, against DNS rebinding), its writes carry another Origin,
// and the cookie is not sent along with them (SameSite=Strict). A program that reaches the port
// without the cookie or the token is told nothing.
#pragma once

#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "studio/http/message.h"

namespace deixis::studio {

// 32 bytes of the system's randomness in hex.
std::string RandomToken();

Problem Unauthenticated();

struct AccessOptions {
  bool secure = false;                     // TLS
  int port = 0;                            // that the names may carry
  std::vector<std::string> allowed_hosts;  // "localhost", "127.0.0.1", "[::1]", without port
  std::string bearer_token;
};

// Safe from any thread.
class Access {
 public:
  explicit Access(AccessOptions options) : options_(std::move(options)) {}

  // Before anything else is looked at: Host, and what a browser says about where it comes from.
  std::optional<Problem> CheckHead(const RequestHead& head) const;
  // Of a request that changes something.
  std::optional<Problem> CheckOrigin(const RequestHead& head, Caller caller) const;
  std::pair<Caller, std::string> Identify(const RequestHead& head) const;

  // A token for one link; the one before it is worthless from now on.
  std::string NewLinkToken();
  // The session that the token opens, once.
  std::optional<std::string> RedeemLink(std::string_view token);

  struct Pairing {
    std::string code;  // "1234-5678"
    int expires_s = 300;
  };
  Pairing NewPairing();
  void EndPairing();
  enum class Pairs { kYes, kWrong, kNone };
  // Five wrong codes end the pairing. Digits count, nothing else of `code`.
  Pairs RedeemPairing(std::string_view code, std::string& session);

  void EndSession(const std::string& session);

  // "Set-Cookie: ..." for a session; an empty one takes it away.
  std::string CookieHeader(const std::string& session) const;
  std::string_view scheme() const { return options_.secure ? "https" : "http"; }
  bool secure() const { return options_.secure; }
  void SetPort(int port) { options_.port = port; }
  int port() const { return options_.port; }

 private:
  std::string CookieName() const;
  bool IsAllowedHost(std::string_view host) const;
  std::string OpenSession();

  AccessOptions options_;
  mutable std::mutex mutex_;
  std::string link_token_;
  std::string pairing_code_;
  int pairing_tries_ = 0;
  std::chrono::steady_clock::time_point pairing_ends_;
  std::vector<std::string> sessions_;  // the oldest first
};

}  // namespace deixis::studio
