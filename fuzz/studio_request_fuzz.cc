// The studio's way from bytes to a handler: the parser of requests, Host, Origin and session, the
// router with its decoded segments, and bodies held to a route's fields.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "studio/http/dispatcher.h"
#include "studio/http/request_reader.h"

namespace {

using namespace deixis::studio;

Router MakeRouter() {
  Router router;
  const auto handle = [](const Request& request) -> Reply {
    // No parameter may leave its place, whatever it was made of.
    for (const auto& [name, value] : request.parameters) {
      if (value.empty() || value == ".." || value.find('/') != std::string::npos) std::abort();
    }
    return request.json;
  };
  router.Add(
      {.method = "GET", .path = "/", .summary = "page", .handle = handle, .is_public = true});
  router.Add({.method = "GET", .path = "/api/v1/a/{x}/b/{y}", .summary = "get", .handle = handle});
  router.Add(
      {.method = "POST",
       .path = "/api/v1/a/{x}",
       .summary = "post",
       .handle = handle,
       .body = BodyKind::kJson,
       .fields = {{.name = "text", .required = true, .minimum = 1, .maximum = 8},
                  {.name = "number", .kind = FieldKind::kInteger, .minimum = 0, .maximum = 9},
                  {.name = "choice", .nullable = true, .allowed = "a|b"},
                  {.name = "list", .kind = FieldKind::kIntegers, .nullable = true},
                  {.name = "points", .kind = FieldKind::kObjects}},
       .is_public = true});
  return router;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Router router = MakeRouter();
  static Access access({.port = 80,
                        .allowed_hosts = {"localhost", "[::1]"},
                        .bearer_token = "0123456789abcdef0123456789abcdef"});
  static const Dispatcher dispatcher(&router, &access, {.json_bytes = 4096});
  if (size == 0) return 0;
  // The first byte says in what pieces the rest comes.
  const size_t piece = 1 + data[0] % 64;
  std::string buffer;
  RequestReader reader;
  Dispatcher::Admission admission;
  for (size_t at = 1; at < size; at += piece) {
    buffer.append(reinterpret_cast<const char*>(data) + at, std::min(piece, size - at));
    while (true) {
      const auto step = reader.Advance(buffer);
      if (step == RequestReader::Step::kError) {
        (void)ResponseOf(reader.problem());
        return 0;
      }
      if (step == RequestReader::Step::kMore) break;
      if (step == RequestReader::Step::kBody) {
        admission.request.body += reader.TakeBody();
        continue;
      }
      if (step == RequestReader::Step::kHead) {
        auto admitted = dispatcher.Admit(std::move(reader.head()), "127.0.0.1");
        if (std::holds_alternative<Problem>(admitted)) return 0;
        admission = std::move(std::get<Dispatcher::Admission>(admitted));
        reader.AllowBody(admission.max_body_bytes);
        continue;
      }
      dispatcher.Run(*admission.route, std::move(admission.request), [](Response) {});
      return 0;
    }
  }
  return 0;
}
