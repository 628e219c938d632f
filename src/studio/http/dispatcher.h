// From a request's head to its answer: is it let in, where does it go, what may its body be, and
// what every answer carries. Knows nothing of sockets, so the whole path can be tested and fuzzed
// with bytes.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "studio/http/access.h"
#include "studio/http/message.h"
#include "studio/http/router.h"

namespace deixis::studio {

struct BodyLimits {
  int64_t json_bytes = int64_t{1} << 20;
  int64_t picture_bytes = int64_t{32} << 20;
  int64_t file_bytes = int64_t{4'000'000'000};
};

class Dispatcher {
 public:
  // Both must outlive it.
  Dispatcher(const Router* router, Access* access, const BodyLimits& limits)
      : router_(router), access_(access), limits_(limits) {}

  struct Admission {
    const Route* route = nullptr;
    Request request;  // without its body
    int64_t max_body_bytes = 0;
  };
  // Everything that can be said before the body: wrong Host, foreign Origin, nobody signed in, no
  // such route, a body too long or of the wrong kind.
  std::variant<Admission, Problem> Admit(RequestHead head, const std::string& peer) const;

  // Reads the body as the route wants it and calls the handler; an exception becomes a 500. The
  // answer is complete with the headers that all have.
  void Run(const Route& route, Request request, std::function<void(Response)> answer) const;

  // The headers that every answer carries.
  void Finish(Response& response) const;

 private:
  std::optional<Problem> WrongBody(const Route& route, const RequestHead& head,
                                   int64_t& max_bytes) const;

  const Router* router_;
  Access* access_;
  BodyLimits limits_;
};

}  // namespace deixis::studio
