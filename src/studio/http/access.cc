#include "studio/http/access.h"

#include <sys/random.h>

#include <algorithm>
#include <cstdlib>

namespace deixis::studio {
namespace {

constexpr size_t kMaxSessions = 64;
constexpr int kMaxPairingTries = 5;

void FillWithRandomness(unsigned char* bytes, size_t count) {
  // At most 256 bytes never come in parts, and without them there is no safe way on.
  if (getrandom(bytes, count, 0) != static_cast<ssize_t>(count)) std::abort();
}

// In a time that does not tell where they differ.
bool SameSecret(std::string_view a, std::string_view b) {
  if (a.size() != b.size() || a.empty()) return false;
  unsigned difference = 0;
  for (size_t i = 0; i < a.size(); ++i) difference |= static_cast<unsigned char>(a[i] ^ b[i]);
  return difference == 0;
}

std::string DigitsOf(std::string_view text) {
  std::string digits;
  for (const char c : text) {
    if (c >= '0' && c <= '9') digits += c;
  }
  return digits;
}

std::string CookieValue(std::string_view header, std::string_view name) {
  while (!header.empty()) {
    const size_t end = header.find(';');
    std::string_view pair = header.substr(0, end);
    header = end == std::string_view::npos ? std::string_view{} : header.substr(end + 1);
    while (pair.starts_with(' ')) pair.remove_prefix(1);
    const size_t equals = pair.find('=');
    if (equals != std::string_view::npos && pair.substr(0, equals) == name) {
      return std::string(pair.substr(equals + 1));
    }
  }
  return {};
}

Problem Foreign(std::string detail) {
  return {.status = 403,
          .type = "foreign-origin",
          .title = "Another site asks",
          .detail = std::move(detail),
          .remedy = "Use the studio's own page; a script sends its token as Authorization: Bearer.",
          .code = ErrorCode::kAuthentication};
}

bool ChangesNothing(const std::string& method) { return method == "GET" || method == "HEAD"; }

}  // namespace

std::string RandomToken() {
  unsigned char bytes[32];
  FillWithRandomness(bytes, sizeof bytes);
  std::string text;
  for (const unsigned char byte : bytes) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

Problem Unauthenticated() {
  return {.status = 401,
          .type = "unauthenticated",
          .title = "Sign in first",
          .detail = "nothing says who asks",
          .remedy =
              "Open the link that `deixis studio` printed (Enter there prints another), type "
              "a pairing code, or send the token as Authorization: Bearer.",
          .code = ErrorCode::kAuthentication,
          .headers = {{"WWW-Authenticate", "Bearer realm=\"deixis\""}}};
}

bool Access::IsAllowedHost(std::string_view host) const {
  // The port, if any, must be ours: "[::1]:8480", "localhost:8480", "localhost".
  const size_t bracket = host.rfind(']');
  const size_t colon = host.find(':', bracket == std::string_view::npos ? 0 : bracket);
  const std::string_view name = host.substr(0, colon);
  const std::string default_port = options_.secure ? "443" : "80";
  const std::string_view port =
      colon == std::string_view::npos ? std::string_view(default_port) : host.substr(colon + 1);
  if (port != std::to_string(options_.port)) return false;
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return std::find(options_.allowed_hosts.begin(), options_.allowed_hosts.end(), lower) !=
         options_.allowed_hosts.end();
}

std::optional<Problem> Access::CheckHead(const RequestHead& head) const {
  if (!IsAllowedHost(head.Header("host"))) {
    return Problem{.status = 421,
                   .type = "wrong-host",
                   .title = "This studio has another name",
                   .detail = "the request is for \"" + std::string(head.Header("host")) + "\"",
                   .remedy =
                       "Use the address that `deixis studio` printed, or start it with "
                       "--allow-host NAME.",
                   .code = ErrorCode::kAuthentication};
  }
  const std::string_view site = head.Header("sec-fetch-site");
  // A link from elsewhere may open the page; it shows nothing without the cookie.
  const bool opens_page = head.Header("sec-fetch-mode") == "navigate" &&
                          ChangesNothing(head.method) && head.path == "/";
  if ((site == "cross-site" || site == "same-site") && !opens_page) {
    return Foreign("the browser says that another site sent this request");
  }
  return std::nullopt;
}

std::optional<Problem> Access::CheckOrigin(const RequestHead& head, Caller caller) const {
  if (ChangesNothing(head.method)) return std::nullopt;
  const std::string_view origin = head.Header("origin");
  if (origin.empty() && caller == Caller::kBearer) return std::nullopt;
  const std::string own = std::string(scheme()) + "://" + std::string(head.Header("host"));
  if (origin == own) return std::nullopt;
  return Foreign(origin.empty() ? "the request has no Origin"
                                : "the request comes from " + std::string(origin));
}

std::pair<Caller, std::string> Access::Identify(const RequestHead& head) const {
  static constexpr std::string_view kBearer = "Bearer ";
  const std::string_view authorization = head.Header("authorization");
  if (authorization.starts_with(kBearer) &&
      SameSecret(authorization.substr(kBearer.size()), options_.bearer_token)) {
    return {Caller::kBearer, {}};
  }
  const std::string session = CookieValue(head.Header("cookie"), CookieName());
  const std::lock_guard lock(mutex_);
  // 256 random bits: what a lookup's time tells is of no use.
  if (std::find(sessions_.begin(), sessions_.end(), session) != sessions_.end()) {
    return {Caller::kCookie, session};
  }
  return {Caller::kNobody, {}};
}

std::string Access::OpenSession() {
  // Somebody who signs in again and again must not fill the memory: the oldest go.
  if (sessions_.size() >= kMaxSessions) sessions_.erase(sessions_.begin());
  std::string session = RandomToken();
  sessions_.push_back(session);
  return session;
}

std::string Access::NewLinkToken() {
  const std::lock_guard lock(mutex_);
  link_token_ = RandomToken();
  return link_token_;
}

std::optional<std::string> Access::RedeemLink(std::string_view token) {
  const std::lock_guard lock(mutex_);
  if (!SameSecret(token, link_token_)) return std::nullopt;
  link_token_.clear();
  return OpenSession();
}

Access::Pairing Access::NewPairing() {
  uint32_t number = 0;
  do {
    FillWithRandomness(reinterpret_cast<unsigned char*>(&number), sizeof number);
  } while (number >= 4'200'000'000u);  // so that no code is likelier than another
  std::string digits = std::to_string(number % 100'000'000u);
  digits.insert(0, 8 - digits.size(), '0');
  const std::lock_guard lock(mutex_);
  pairing_code_ = digits;
  pairing_tries_ = 0;
  pairing_ends_ = std::chrono::steady_clock::now() + std::chrono::seconds(300);
  return {.code = digits.substr(0, 4) + "-" + digits.substr(4)};
}

void Access::EndPairing() {
  const std::lock_guard lock(mutex_);
  pairing_code_.clear();
}

Access::Pairs Access::RedeemPairing(std::string_view code, std::string& session) {
  const std::lock_guard lock(mutex_);
  if (pairing_code_.empty() || std::chrono::steady_clock::now() > pairing_ends_) {
    pairing_code_.clear();
    return Pairs::kNone;
  }
  const bool fits = SameSecret(DigitsOf(code), pairing_code_);
  if (fits || ++pairing_tries_ >= kMaxPairingTries) pairing_code_.clear();
  if (!fits) return Pairs::kWrong;
  session = OpenSession();
  return Pairs::kYes;
}

void Access::EndSession(const std::string& session) {
  const std::lock_guard lock(mutex_);
  std::erase(sessions_, session);
}

std::string Access::CookieName() const {
  // Browsers do not tell the ports of a host apart: two studios would take each other's cookie.
  return (options_.secure ? "__Host-deixis_session_" : "deixis_session_") +
         std::to_string(options_.port);
}

std::string Access::CookieHeader(const std::string& session) const {
  return CookieName() + "=" + session + "; Path=/; HttpOnly; SameSite=Strict" +
         (options_.secure ? "; Secure" : "") + (session.empty() ? "; Max-Age=0" : "");
}

}  // namespace deixis::studio
