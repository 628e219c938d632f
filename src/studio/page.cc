#include "studio/page.h"

#include <string>

#include "studio/http/access.h"

namespace deixis::studio {
namespace {

constexpr std::string_view kContentSecurityPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "font-src 'self'; connect-src 'self'; media-src 'self' blob:; manifest-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

std::string_view MediaTypeOf(std::string_view path) {
  static constexpr std::pair<std::string_view, std::string_view> kTypes[] = {
      {".html", "text/html; charset=utf-8"},
      {".js", "text/javascript; charset=utf-8"},
      {".css", "text/css; charset=utf-8"},
      {".svg", "image/svg+xml"},
      {".png", "image/png"},
      {".woff2", "font/woff2"},
      {".json", "application/json"},
      {".webmanifest", "application/manifest+json"},
      {".txt", "text/plain; charset=utf-8"}};
  for (const auto& [ending, type] : kTypes) {
    if (path.ends_with(ending)) return type;
  }
  return "application/octet-stream";
}

// Of "gzip, deflate, br;q=1.0", whether gzip is among them and not refused.
bool TakesGzip(std::string_view header) {
  const size_t at = header.find("gzip");
  return at != std::string_view::npos && !header.substr(at).starts_with("gzip;q=0");
}

Response Serve(const PageFile& file, const Request& request) {
  const std::string tag = "\"" + std::string(file.digest) + "\"";
  Response response;
  response.headers = {{"Content-Type", std::string(MediaTypeOf(file.path))},
                      {"Content-Security-Policy", std::string(kContentSecurityPolicy)},
                      {"ETag", tag},
                      {"Vary", "Accept-Encoding"},
                      {"Cache-Control", "no-cache"}};
  if (request.head.Header("if-none-match") == tag) {
    response.status = 304;
    return response;
  }
  const bool gzipped =
      TakesGzip(request.head.Header("accept-encoding")) && file.gzipped.size() < file.bytes.size();
  if (gzipped) response.headers.emplace_back("Content-Encoding", "gzip");
  response.body = gzipped ? file.gzipped : file.bytes;
  return response;
}

// A link opened: signed in, and the token gone from the address.
Reply Enter(Access* access, const PageFile& index, const Request& request) {
  const std::string token = request.Query("token");
  if (token.empty()) return Serve(index, request);
  const auto session = access->RedeemLink(token);
  // A link that was used before: the page says what to do, unless the browser is in already.
  Response response{.status = 303, .headers = {{"Location", session ? "/" : "/#/signin"}}};
  if (request.caller == Caller::kCookie) response.headers = {{"Location", "/"}};
  if (session) response.headers.emplace_back("Set-Cookie", access->CookieHeader(*session));
  return response;
}

}  // namespace

void AddPageRoutes(Access* access, Router& router) {
  for (const PageFile& file : PageFiles()) {
    const bool is_index = file.path == "/index.html";
    Route route{.method = "GET",
                .path = is_index ? "/" : std::string(file.path),
                .summary = "the page",
                .is_public = true,
                .answers = std::string(MediaTypeOf(file.path))};
    if (is_index) {
      route.handle = [access, &file](const Request& request) {
        return Enter(access, file, request);
      };
    } else {
      route.handle = [&file](const Request& request) -> Reply { return Serve(file, request); };
    }
    router.Add(std::move(route));
  }
}

}  // namespace deixis::studio
