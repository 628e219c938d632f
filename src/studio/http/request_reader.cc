#include "studio/http/request_reader.h"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <limits>
#include <utility>

namespace deixis::studio {
namespace {

namespace http = boost::beast::http;
using BeastError = boost::beast::error_code;
using View = boost::beast::string_view;

std::string ToString(View view) { return {view.data(), view.size()}; }

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return text;
}

// "/path?a=b" in its parts; false when it is no such thing.
bool SplitTarget(RequestHead& head) {
  const std::string_view target = head.target;
  if (!target.starts_with('/') || target.find('#') != std::string_view::npos) return false;
  const size_t mark = target.find('?');
  head.path = target.substr(0, mark);
  if (mark == std::string_view::npos) return true;
  std::string_view rest = target.substr(mark + 1);
  while (!rest.empty()) {
    const size_t end = rest.find('&');
    const std::string_view pair = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    if (pair.empty()) continue;
    const size_t equals = pair.find('=');
    const auto name = PercentDecoded(pair.substr(0, equals), true);
    const auto value = PercentDecoded(
        equals == std::string_view::npos ? std::string_view{} : pair.substr(equals + 1), true);
    if (!name || !value) return false;
    head.query[*name] = *value;
  }
  return true;
}

}  // namespace

struct RequestReader::Parser : http::basic_parser<true> {
  RequestHead head;
  std::string piece;
  int64_t body_bytes = 0;
  int64_t max_body_bytes = 0;
  bool head_is_done = false;
  bool is_finished = false;
  bool is_too_large = false;

  using Base = http::basic_parser<true>;

  void on_request_impl(http::verb, View method, View target, int, BeastError&) override {
    head.method = ToString(method);
    head.target = ToString(target);
  }
  void on_response_impl(int, View, int, BeastError&) override {}
  void on_field_impl(http::field, View name, View value, BeastError&) override {
    // What follows a chunked body is not looked at.
    if (!head_is_done) head.headers.emplace_back(Lower(ToString(name)), ToString(value));
  }
  void on_header_impl(BeastError&) override { head_is_done = true; }
  void on_body_init_impl(const boost::optional<uint64_t>&, BeastError&) override {}
  size_t Take(View body, BeastError& error) {
    body_bytes += static_cast<int64_t>(body.size());
    if (body_bytes > max_body_bytes) {
      is_too_large = true;
      error = http::error::body_limit;
      return 0;
    }
    piece.append(body.data(), body.size());
    return body.size();
  }
  size_t on_body_impl(View body, BeastError& error) override { return Take(body, error); }
  void on_chunk_header_impl(uint64_t, View, BeastError&) override {}
  size_t on_chunk_body_impl(uint64_t, View body, BeastError& error) override {
    return Take(body, error);
  }
  void on_finish_impl(BeastError&) override { is_finished = true; }
};

RequestReader::RequestReader() : parser_(std::make_unique<Parser>()) {
  parser_->header_limit(kMaxHeadBytes);
  // Counted here, by what the route allows.
  parser_->body_limit(std::numeric_limits<uint64_t>::max());
}

RequestReader::~RequestReader() = default;

RequestHead& RequestReader::head() { return parser_->head; }

void RequestReader::AllowBody(int64_t max_bytes) { parser_->max_body_bytes = max_bytes; }

std::string RequestReader::TakeBody() { return std::exchange(parser_->piece, {}); }

RequestReader::Step RequestReader::Fail(int status, std::string type, std::string detail,
                                        std::string remedy) {
  has_failed_ = true;
  problem_ = {.status = status,
              .type = std::move(type),
              .title = "The request cannot be read",
              .detail = std::move(detail),
              .remedy = std::move(remedy),
              .code = ErrorCode::kUsage};
  return Step::kError;
}

RequestReader::Step RequestReader::Advance(std::string& buffer) {
  if (has_failed_) return Step::kError;
  if (parser_->is_finished && head_is_told_) return Step::kDone;
  if (!buffer.empty()) is_fresh_ = false;
  while (true) {
    if (buffer.empty()) return Step::kMore;
    BeastError error;
    const size_t used = parser_->put({buffer.data(), buffer.size()}, error);
    buffer.erase(0, used);
    if (error == http::error::need_more) return Step::kMore;
    if (parser_->is_too_large) {
      return Fail(413, "too-large",
                  "the body is longer than " + std::to_string(parser_->max_body_bytes) + " bytes",
                  "Send less at once.");
    }
    if (error == http::error::header_limit) {
      return Fail(431, "bad-request", "the headers are longer than 16 KiB", "Send fewer.");
    }
    if (error) {
      return Fail(400, "bad-request", "this is no HTTP/1.1 request: " + error.message(),
                  "Use a browser, or a client that speaks HTTP/1.1.");
    }
    if (parser_->head_is_done && !head_is_told_) {
      head_is_told_ = true;
      RequestHead& head = parser_->head;
      head.keep_alive = parser_->keep_alive();
      head.is_chunked = parser_->chunked();
      if (const auto length = parser_->content_length()) {
        if (*length > uint64_t{1} << 50) {
          return Fail(413, "too-large", "nothing is that long", "Send less at once.");
        }
        head.content_length = static_cast<int64_t>(*length);
      }
      if (!SplitTarget(head)) {
        return Fail(400, "bad-request", "the address is malformed",
                    "It must be a path that begins with a slash, its escapes UTF-8.");
      }
      return Step::kHead;
    }
    if (!parser_->piece.empty()) return Step::kBody;
    if (parser_->is_finished) return Step::kDone;
  }
}

}  // namespace deixis::studio
