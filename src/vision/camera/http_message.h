// What a camera on the network says, byte by byte as it comes: the head of an HTTP response
// (RFC 9112), a body in chunks, and a body of many parts (RFC 2046, as multipart/x-mixed-replace),
// each of which is a picture. No socket; everything is bounded, so that a server that never stops
// talking costs no memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace deixis::camera {

inline constexpr size_t kMaxHeadBytes = 32 << 10;
inline constexpr size_t kMaxPartHeadBytes = 8 << 10;
inline constexpr size_t kMaxPartBytes = 32 << 20;

struct HttpHead {
  int status = 0;
  std::string reason = {};
  std::map<std::string, std::string, std::less<>> fields = {};  // names in small letters

  // Empty without such a field.
  std::string Field(std::string_view name) const;
};

// The head at the front of `bytes` and its length; nothing while it is incomplete. kInvalidData for
// what is no HTTP response, and for a head that is longer than kMaxHeadBytes.
struct ParsedHead {
  HttpHead head;
  size_t length_bytes = 0;
};
Result<std::optional<ParsedHead>> ParseHttpHead(std::span<const std::byte> bytes);

// The boundary of a "multipart/...; boundary=X", without quotes and leading dashes, which some
// cameras give and some do not; empty for any other media type.
std::string MultipartBoundary(std::string_view content_type);

// Transfer-Encoding: chunked, undone.
class ChunkedBody {
 public:
  // Appends to `out` what `bytes` hold of the body. kInvalidData for what are no chunks.
  Status Decode(std::span<const std::byte> bytes, std::vector<std::byte>& out);
  bool has_ended() const { return state_ == State::kEnded; }

 private:
  enum class State { kSize, kData, kDataEnd, kEnded };
  State state_ = State::kSize;
  std::string line_;
  uint64_t left_bytes_ = 0;
};

// The parts of a body, whole. What stands between parts is passed over.
class MultipartBody {
 public:
  explicit MultipartBody(const std::string& boundary) : delimiter_("--" + boundary) {}

  // kInvalidData for a part whose head or body is longer than the limits. Amortised O(bytes).
  Status Append(std::span<const std::byte> bytes);
  // The oldest part that nobody took yet.
  std::optional<std::vector<std::byte>> TakePart();
  bool has_ended() const { return state_ == State::kEnded; }

 private:
  enum class State { kBetween, kHead, kSizedBody, kOpenBody, kEnded };
  // One step; false when more bytes are needed.
  Result<bool> Advance();
  bool SkipToDelimiter();
  Result<bool> ReadHead();
  bool ReadSizedBody();
  Result<bool> ReadOpenBody();
  void Drop(size_t count);

  std::string delimiter_;
  State state_ = State::kBetween;
  std::vector<std::byte> buffer_;
  size_t begin_ = 0;    // of what has not been used
  size_t scanned_ = 0;  // after begin_: holds no end of the open body
  size_t part_bytes_ = 0;
  std::vector<std::vector<std::byte>> parts_;
};

}  // namespace deixis::camera
