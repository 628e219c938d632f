#include "studio/http/message.h"

#include <charconv>
#include <cstdlib>

#include "format/printable.h"

namespace deixis::studio {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

struct Kind {
  int status;
  const char* type;
  const char* title;
};

Kind KindOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kUsage:
      return {400, "bad-request", "The request does not fit"};
    case ErrorCode::kNotFound:
      return {404, "not-found", "There is no such thing"};
    case ErrorCode::kInvalidData:
      return {422, "invalid-data", "The data cannot be used"};
    case ErrorCode::kDeviceUnavailable:
      return {503, "device-unavailable", "The device is not available"};
    case ErrorCode::kBusy:
      return {409, "conflict", "It is in use"};
    case ErrorCode::kAuthentication:
      return {401, "unauthenticated", "Sign in first"};
    case ErrorCode::kQualityMissed:
      return {422, "invalid-data", "The aim was missed"};
    case ErrorCode::kResources:
      return {507, "no-room", "Memory or disk is full"};
    case ErrorCode::kInterrupted:
      return {409, "conflict", "It was interrupted"};
    case ErrorCode::kInternal:
      break;
  }
  return {500, "internal", "Something went wrong in the studio"};
}

}  // namespace

std::string_view RequestHead::Header(std::string_view lower_case_name) const {
  const std::string* found = nullptr;
  for (const auto& [name, value] : headers) {
    if (name != lower_case_name) continue;
    if (found != nullptr) return {};
    found = &value;
  }
  return found == nullptr ? std::string_view{} : std::string_view(*found);
}

std::string Request::Query(const std::string& name) const {
  const auto found = head.query.find(name);
  return found == head.query.end() ? std::string() : found->second;
}

std::optional<int64_t> IntegerIn(std::string_view text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string TextOf(const Json& json, const char* name, const std::string& otherwise) {
  const auto found = json.find(name);
  return found != json.end() && found->is_string() ? found->get<std::string>() : otherwise;
}

std::string_view ErrorCodeName(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInternal:
      return "INTERNAL";
    case ErrorCode::kUsage:
      return "USAGE";
    case ErrorCode::kNotFound:
      return "NOT_FOUND";
    case ErrorCode::kInvalidData:
      return "INVALID_DATA";
    case ErrorCode::kDeviceUnavailable:
      return "DEVICE_UNAVAILABLE";
    case ErrorCode::kBusy:
      return "BUSY";
    case ErrorCode::kAuthentication:
      return "AUTHENTICATION";
    case ErrorCode::kQualityMissed:
      return "QUALITY_MISSED";
    case ErrorCode::kResources:
      return "RESOURCES";
    case ErrorCode::kInterrupted:
      return "INTERRUPTED";
  }
  return "INTERNAL";
}

Problem ProblemOf(const Error& error) {
  const Kind kind = KindOf(error.code);
  return {.status = kind.status,
          .type = kind.type,
          .title = kind.title,
          .detail = error.message,
          .remedy = error.remedy,
          .code = error.code};
}

Response ResponseOf(const Problem& problem) {
  Json json{{"type", "/problems/" + problem.type},
            {"title", problem.title},
            {"status", problem.status},
            {"detail", problem.detail},
            {"remedy", problem.remedy},
            {"code", ErrorCodeName(problem.code)}};
  if (problem.more.is_object()) json.update(problem.more);
  Response response = JsonResponse(json, problem.status);
  response.headers = problem.headers;
  response.headers.emplace_back("Content-Type", "application/problem+json");
  return response;
}

Response JsonResponse(const Json& json, int status) {
  // What was read from files or programs may be no UTF-8; it must not end the program.
  return {.status = status,
          .headers = {{"Content-Type", "application/json"}},
          .body = json.dump(-1, ' ', false, Json::error_handler_t::replace)};
}

Problem BadRequest(std::string field, std::string detail, std::string remedy) {
  Problem problem{
      .status = 400,
      .type = "bad-request",
      .title = "The request does not fit",
      .detail = std::move(detail),
      .remedy = remedy.empty() ? "docs/studio-api.md says what belongs here" : std::move(remedy),
      .code = ErrorCode::kUsage};
  if (!field.empty()) problem.more = Json{{"field", std::move(field)}};
  return problem;
}

Problem NotThere(std::string detail, std::string remedy) {
  return ProblemOf(NotFound(std::move(detail), std::move(remedy)));
}

Problem Conflict(std::string detail, std::string remedy) {
  return {.status = 409,
          .type = "conflict",
          .title = "That does not go as things are",
          .detail = std::move(detail),
          .remedy = std::move(remedy),
          .code = ErrorCode::kBusy};
}

std::optional<std::string> PercentDecoded(std::string_view text, bool plus_is_space) {
  std::string decoded;
  decoded.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '+' && plus_is_space) c = ' ';
    if (c == '%') {
      if (i + 2 >= text.size()) return std::nullopt;
      const int high = HexDigit(text[i + 1]);
      const int low = HexDigit(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high << 4 | low);
      i += 2;
    }
    if (c == '\0') return std::nullopt;
    decoded += c;
  }
  if (!IsUtf8(decoded)) return std::nullopt;
  return decoded;
}

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = Utf8SequenceLength(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace deixis::studio
