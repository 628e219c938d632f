#include "studio/http/dispatcher.h"

#include <algorithm>
#include <exception>
#include <new>

namespace deixis::studio {
namespace {

// "application/json; charset=utf-8" is "application/json".
std::string MediaType(std::string_view header) {
  std::string type(header.substr(0, header.find(';')));
  while (!type.empty() && (type.back() == ' ' || type.back() == '\t')) type.pop_back();
  std::transform(type.begin(), type.end(), type.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return type;
}

bool IsMediaTypeOf(BodyKind kind, const std::string& type) {
  switch (kind) {
    case BodyKind::kNone:
      return true;
    case BodyKind::kJson:
      return type == "application/json";
    case BodyKind::kPicture:
      return type == "image/jpeg" || type == "image/png" || type == "image/webp";
    case BodyKind::kFile:
      return type == "application/octet-stream" || type == "application/zip";
  }
  return false;
}

std::string_view WantedMediaTypes(BodyKind kind) {
  switch (kind) {
    case BodyKind::kPicture:
      return "image/jpeg, image/png or image/webp";
    case BodyKind::kFile:
      return "application/octet-stream or application/zip";
    default:
      return "application/json";
  }
}

Problem TooLarge(int64_t max_bytes) {
  return {.status = 413,
          .type = "too-large",
          .title = "The body is too long",
          .detail = "at most " + std::to_string(max_bytes) + " bytes are taken here",
          .remedy = "Send less at once.",
          .code = ErrorCode::kUsage};
}

bool HasHeader(const Response& response, std::string_view wanted) {
  return std::any_of(response.headers.begin(), response.headers.end(),
                     [&](const auto& header) { return header.first == wanted; });
}

Problem FromException(const char* what) {
  return {.status = 500,
          .type = "internal",
          .title = "Something went wrong in the studio",
          .detail = what,
          .remedy = "This is a bug of deixis: please report what you did.",
          .code = ErrorCode::kInternal};
}

}  // namespace

std::optional<Problem> Dispatcher::WrongBody(const Route& route, const RequestHead& head,
                                             int64_t& max_bytes) const {
  switch (route.body) {
    case BodyKind::kNone:
      max_bytes = 1024;
      break;  // some clients send {} with everything
    case BodyKind::kJson:
      max_bytes = limits_.json_bytes;
      break;
    case BodyKind::kPicture:
      max_bytes = limits_.picture_bytes;
      break;
    case BodyKind::kFile:
      max_bytes = limits_.file_bytes;
      break;
  }
  if (!head.has_body()) return std::nullopt;
  if (head.content_length.value_or(0) > max_bytes) return TooLarge(max_bytes);
  if (!IsMediaTypeOf(route.body, MediaType(head.Header("content-type")))) {
    return Problem{.status = 415,
                   .type = "wrong-content-type",
                   .title = "The body is of the wrong kind",
                   .detail = "Content-Type must be " + std::string(WantedMediaTypes(route.body)),
                   .remedy = "Say with Content-Type what the body is.",
                   .code = ErrorCode::kUsage};
  }
  return std::nullopt;
}

std::variant<Dispatcher::Admission, Problem> Dispatcher::Admit(RequestHead head,
                                                               const std::string& peer) const {
  if (auto problem = access_->CheckHead(head)) return *std::move(problem);
  auto found = router_->Find(head.method, head.path);
  auto [caller, session] = access_->Identify(head);
  if (auto* problem = std::get_if<Problem>(&found)) {
    // What is there and what is not is nobody's business who has not signed in.
    if (caller == Caller::kNobody && head.path.starts_with("/api/")) return Unauthenticated();
    return std::move(*problem);
  }
  auto& match = std::get<Router::Match>(found);
  if (!match.route->is_public && caller == Caller::kNobody) return Unauthenticated();
  if (auto problem = access_->CheckOrigin(head, caller)) return *std::move(problem);
  Admission admission{.route = match.route, .request = {}, .max_body_bytes = 0};
  if (auto problem = WrongBody(*match.route, head, admission.max_body_bytes)) {
    return *std::move(problem);
  }
  admission.request.parameters = std::move(match.parameters);
  admission.request.head = std::move(head);
  admission.request.caller = caller;
  admission.request.session = std::move(session);
  admission.request.peer = peer;
  return admission;
}

void Dispatcher::Run(const Route& route, Request request,
                     std::function<void(Response)> answer) const {
  const auto finish = [this, answer = std::move(answer)](Reply reply) {
    Response response = std::move(reply).Take();
    Finish(response);
    answer(std::move(response));
  };
  try {
    if (route.body == BodyKind::kJson) {
      auto read = ReadJsonBody(request.body, route.fields);
      if (auto* problem = std::get_if<Problem>(&read)) return finish(*problem);
      request.json = std::move(std::get<Json>(read));
      request.body = {};
    }
    if (route.handle_late) return route.handle_late(request, finish);
    finish(route.handle(request));
  } catch (const std::bad_alloc&) {
    finish(ResourceError("out of memory", "Free some memory; a smaller picture may go."));
  } catch (const std::exception& exception) {
    finish(FromException(exception.what()));
  }
}

void Dispatcher::Finish(Response& response) const {
  const auto add = [&](const char* name, const char* value) {
    if (!HasHeader(response, name)) response.headers.emplace_back(name, value);
  };
  add("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox");
  add("Cache-Control", "no-store");
  add("X-Content-Type-Options", "nosniff");
  add("X-Frame-Options", "DENY");
  add("Referrer-Policy", "no-referrer");
  add("Cross-Origin-Opener-Policy", "same-origin");
  add("Cross-Origin-Resource-Policy", "same-origin");
  add("Permissions-Policy", "camera=(), microphone=(), geolocation=()");
}

}  // namespace deixis::studio
