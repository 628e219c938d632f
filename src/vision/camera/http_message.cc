#include "vision/camera/http_message.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <utility>

namespace deixis::camera {
namespace {

std::string_view TextOf(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string_view Trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

std::optional<uint64_t> Number(std::string_view text, int base) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Where the lines of a head end, with the empty line: after CR LF CR LF, or LF LF of the careless.
// 0 while it does not.
size_t HeadLength(std::string_view text) {
  const size_t crlf = text.find("\r\n\r\n");
  const size_t lf = text.find("\n\n");
  if (crlf == std::string_view::npos && lf == std::string_view::npos) return 0;
  return crlf < lf ? crlf + 4 : lf + 2;
}

// "Name: value" of each line; others are passed over.
std::map<std::string, std::string, std::less<>> Fields(std::string_view lines) {
  std::map<std::string, std::string, std::less<>> fields;
  while (!lines.empty()) {
    const size_t end = std::min(lines.find('\n'), lines.size());
    const std::string_view line = lines.substr(0, end);
    const size_t colon = line.find(':');
    if (colon != std::string_view::npos) {
      fields.emplace(Lower(Trimmed(line.substr(0, colon))), Trimmed(line.substr(colon + 1)));
    }
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
  return fields;
}

}  // namespace

std::string HttpHead::Field(std::string_view name) const {
  const auto found = fields.find(name);
  return found == fields.end() ? std::string() : found->second;
}

Result<std::optional<ParsedHead>> ParseHttpHead(std::span<const std::byte> bytes) {
  const std::string_view text = TextOf(bytes);
  constexpr std::string_view kProtocol = "HTTP/1.";
  if (text.substr(0, kProtocol.size()) != kProtocol.substr(0, text.size())) {
    return InvalidData("expected an HTTP response, found something else");
  }
  const size_t length = HeadLength(text.substr(0, kMaxHeadBytes));
  if (length == 0) {
    if (text.size() < kMaxHeadBytes) return std::optional<ParsedHead>();
    return InvalidData("expected at most " + std::to_string(kMaxHeadBytes) +
                       " bytes of HTTP head, found more");
  }
  const size_t line_end = text.find('\n');
  const std::string_view line = Trimmed(text.substr(0, line_end));
  const size_t space = std::min(line.find(' '), line.size());
  const std::string_view rest = Trimmed(line.substr(space));
  const auto status = Number(rest.substr(0, 3), 10);
  if (!status || *status < 100 || *status > 599) {
    return InvalidData("expected an HTTP status, found \"" + std::string(line.substr(0, 40)) +
                       "\"");
  }
  ParsedHead parsed{.head = {.status = static_cast<int>(*status),
                             .reason = std::string(Trimmed(rest.substr(3))),
                             .fields = Fields(text.substr(line_end + 1, length - line_end - 1))},
                    .length_bytes = length};
  return std::optional(std::move(parsed));
}

std::string MultipartBoundary(std::string_view content_type) {
  constexpr std::string_view kName = "boundary=";
  const std::string lower = Lower(content_type);
  const size_t found = lower.find(kName);
  if (!lower.starts_with("multipart/") || found == std::string::npos) return {};
  std::string_view boundary = content_type.substr(found + kName.size());
  if (boundary.starts_with('"')) {
    boundary.remove_prefix(1);
    boundary = boundary.substr(0, boundary.find('"'));
  } else {
    boundary = Trimmed(boundary.substr(0, boundary.find(';')));
  }
  boundary.remove_prefix(std::min(boundary.find_first_not_of('-'), boundary.size()));
  return std::string(boundary.substr(0, 200));
}

Status ChunkedBody::Decode(std::span<const std::byte> bytes, std::vector<std::byte>& out) {
  while (!bytes.empty() && state_ != State::kEnded) {
    if (state_ == State::kData) {
      const size_t count = static_cast<size_t>(std::min<uint64_t>(left_bytes_, bytes.size()));
      out.insert(out.end(), bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(count));
      bytes = bytes.subspan(count);
      left_bytes_ -= count;
      if (left_bytes_ == 0) state_ = State::kDataEnd;
      continue;
    }
    const char c = static_cast<char>(bytes.front());
    bytes = bytes.subspan(1);
    if (c != '\n') {
      line_ += c;
      if (line_.size() > 256) return InvalidData("expected the size of a chunk, found a long line");
      continue;
    }
    const std::string_view line = Trimmed(std::string_view(line_).substr(0, line_.find(';')));
    if (state_ == State::kDataEnd) {
      if (!line.empty()) return InvalidData("expected the end of a chunk, found more of it");
      state_ = State::kSize;
    } else {
      const auto size = Number(line, 16);
      if (!size) {
        return InvalidData("expected the size of a chunk, found \"" +
                           std::string(line.substr(0, 40)) + "\"");
      }
      left_bytes_ = *size;
      state_ = *size == 0 ? State::kEnded : State::kData;
    }
    line_.clear();
  }
  return Ok();
}

void MultipartBody::Drop(size_t count) {
  begin_ += count;
  scanned_ = 0;
  // Seldom, so that a byte is moved a bounded number of times.
  if (begin_ < buffer_.size() / 2) return;
  buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<ptrdiff_t>(begin_));
  begin_ = 0;
}

Status MultipartBody::Append(std::span<const std::byte> bytes) {
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  for (;;) {
    DEIXIS_ASSIGN(const bool again, Advance());
    if (!again) return Ok();
  }
}

std::optional<std::vector<std::byte>> MultipartBody::TakePart() {
  if (parts_.empty()) return std::nullopt;
  std::vector<std::byte> part = std::move(parts_.front());
  parts_.erase(parts_.begin());
  return part;
}

Result<bool> MultipartBody::Advance() {
  switch (state_) {
    case State::kBetween:
      return SkipToDelimiter();
    case State::kHead:
      return ReadHead();
    case State::kSizedBody:
      return ReadSizedBody();
    case State::kOpenBody:
      return ReadOpenBody();
    case State::kEnded:
      buffer_.clear();
      begin_ = 0;
  }
  return false;
}

bool MultipartBody::SkipToDelimiter() {
  const std::string_view text = TextOf(buffer_).substr(begin_);
  const size_t found = text.find(delimiter_);
  if (found != std::string_view::npos) {
    Drop(found + delimiter_.size());
    state_ = State::kHead;
    return true;
  }
  if (text.size() >= delimiter_.size()) Drop(text.size() - delimiter_.size() + 1);
  return false;
}

Result<bool> MultipartBody::ReadHead() {
  const std::string_view text = TextOf(buffer_).substr(begin_);
  if (text.starts_with("--")) {
    state_ = State::kEnded;
    return true;
  }
  const size_t length = HeadLength(text.substr(0, kMaxPartHeadBytes));
  if (length == 0) {
    if (text.size() < kMaxPartHeadBytes) return false;
    return InvalidData("expected at most " + std::to_string(kMaxPartHeadBytes) +
                       " bytes before a picture, found more");
  }
  const auto fields = Fields(text.substr(0, length));
  const auto field = fields.find("content-length");
  const auto size = field == fields.end() ? std::nullopt : Number(field->second, 10);
  if (size && *size > kMaxPartBytes) {
    return InvalidData("expected a picture of at most " + std::to_string(kMaxPartBytes) +
                       " bytes, found " + std::to_string(*size));
  }
  // Some cameras say 0 when they mean "until the next boundary".
  state_ = size && *size > 0 ? State::kSizedBody : State::kOpenBody;
  part_bytes_ = static_cast<size_t>(size.value_or(0));
  Drop(length);
  return true;
}

bool MultipartBody::ReadSizedBody() {
  if (buffer_.size() - begin_ < part_bytes_) return false;
  const auto from = buffer_.begin() + static_cast<ptrdiff_t>(begin_);
  parts_.emplace_back(from, from + static_cast<ptrdiff_t>(part_bytes_));
  Drop(part_bytes_);
  state_ = State::kBetween;
  return true;
}

Result<bool> MultipartBody::ReadOpenBody() {
  const std::string_view text = TextOf(buffer_).substr(begin_);
  for (;;) {
    const size_t found = text.find(delimiter_, scanned_);
    if (found == std::string_view::npos) break;
    // A delimiter begins a line; it may have more dashes than were announced.
    size_t end = found;
    while (end > 0 && text[end - 1] == '-') --end;
    if (end > 0 && text[end - 1] == '\n') {
      end -= end > 1 && text[end - 2] == '\r' ? 2 : 1;
      const auto from = buffer_.begin() + static_cast<ptrdiff_t>(begin_);
      parts_.emplace_back(from, from + static_cast<ptrdiff_t>(end));
      Drop(found);
      state_ = State::kBetween;
      return true;
    }
    scanned_ = found + 1;
  }
  if (text.size() >= delimiter_.size()) {
    scanned_ = std::max(scanned_, text.size() - delimiter_.size() + 1);
  }
  if (text.size() <= kMaxPartBytes) return false;
  return InvalidData("expected a picture of at most " + std::to_string(kMaxPartBytes) +
                     " bytes, found more");
}

}  // namespace deixis::camera
