// What a request and an answer are, apart from how they travel.
//
// A handler gives a Reply: it is made of a Response, of JSON, of an Error or of a Problem, so that
// DEIXIS_ASSIGN works inside handlers and every failure reaches the client as problem JSON
// (RFC 9457).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/descriptor.h"
#include "base/result.h"

namespace deixis::studio {

using Json = nlohmann::ordered_json;
using Bytes = std::vector<std::byte>;

// Who a request was found to come from.
enum class Caller { kNobody, kCookie, kBearer };

// The first line and the headers.
struct RequestHead {
  std::string method;
  std::string target;  // as sent
  std::string path;    // decoded segments are in Request::parameters; this is still encoded
  std::map<std::string, std::string> query;                  // decoded; of equal names the last
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::optional<int64_t> content_length;
  bool is_chunked = false;
  bool keep_alive = true;

  // The value of a header; empty when absent, or when it stands there twice (which nothing here
  // allows).
  std::string_view Header(std::string_view lower_case_name) const;
  bool has_body() const { return is_chunked || content_length.value_or(0) > 0; }
};

struct Request {
  RequestHead head;
  std::map<std::string, std::string> parameters;  // of the path, decoded
  std::string body;                               // empty where the body went to a file
  Json json;                // of a JSON body, checked against the route's fields
  std::string upload_path;  // where it went; its receiver removes it
  int64_t upload_bytes = 0;
  Caller caller = Caller::kNobody;
  std::string session;  // the cookie's value
  std::string peer;     // "192.168.1.7"

  const std::string& parameter(const std::string& name) const { return parameters.at(name); }
  // Of the query; empty when absent.
  std::string Query(const std::string& name) const;
};

// Of a path or a query: the whole of `text` as an integer, or nothing.
std::optional<int64_t> IntegerIn(std::string_view text);

// A member of a JSON object; `otherwise` when it is absent or of another kind.
std::string TextOf(const Json& json, const char* name, const std::string& otherwise = {});

struct FileBody {
  Descriptor file;
  int64_t bytes = 0;
};

// Where the bytes of an endless answer come from. Each reader has one; calls come from the server's
// thread alone, but for the callback.
class EventReader {
 public:
  virtual ~EventReader() = default;
  // Everything that has come since the last call; empty when nothing has.
  virtual std::string Take() = 0;
  // It did not keep up: what was kept for it is gone, and the connection ends.
  virtual bool has_overflowed() const = 0;
  // Called, from any thread, whenever something has come; an empty function ends that.
  virtual void OnMore(std::function<void()> callback) = 0;
};

struct Response {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers = {};
  // The body: text, bytes that others share, a file, or events without an end. A view is of
  // something that lives as long as the program.
  std::variant<std::string, std::string_view, std::shared_ptr<const Bytes>, FileBody,
               std::shared_ptr<EventReader>>
      body = {};
};

struct Problem {
  int status = 500;
  std::string type = "internal";  // after "/problems/"
  std::string title = {};
  std::string detail = {};
  std::string remedy = {};
  Json more = nullptr;                    // further members
  ErrorCode code = ErrorCode::kInternal;  // that the same failure has on the command line
  std::vector<std::pair<std::string, std::string>> headers = {};
};

// The problem that an error of the libraries is; its title and status follow from the code.
Problem ProblemOf(const Error& error);
Response ResponseOf(const Problem& problem);
Response JsonResponse(const Json& json, int status = 200);
std::string_view ErrorCodeName(ErrorCode code);

class Reply {
 public:
  Reply(Response response) : response_(std::move(response)) {}            // NOLINT: implicit
  Reply(const Json& json) : response_(JsonResponse(json)) {}              // NOLINT: implicit
  Reply(const Error& error) : response_(ResponseOf(ProblemOf(error))) {}  // NOLINT: implicit
  Reply(const Problem& problem) : response_(ResponseOf(problem)) {}       // NOLINT: implicit

  Response&& Take() && { return std::move(response_); }
  const Response& response() const { return response_; }

 private:
  Response response_;
};

inline Response Empty() { return Response{.status = 204}; }

// Frequent problems.
Problem BadRequest(std::string field, std::string detail, std::string remedy = {});
Problem NotThere(std::string detail, std::string remedy = {});
Problem Conflict(std::string detail, std::string remedy = {});

// "%41+b" is "A+b" (a path) or "A b" (a query); nothing for a malformed escape, a NUL or text that
// is no UTF-8.
std::optional<std::string> PercentDecoded(std::string_view text, bool plus_is_space);
// Well-formed UTF-8 (no overlong forms, no surrogates).
bool IsUtf8(std::string_view text);

}  // namespace deixis::studio
