#include "vision/camera/picture_stream.h"

#include <charconv>
#include <string>
#include <string_view>
#include <utility>

#include "vision/codecs.h"

namespace deixis::camera {
namespace {

constexpr size_t kMaxPpmHeadBytes = 64;

struct PpmHead {
  PictureExtents extents;
  size_t length_bytes = 0;
};

Error NoPpm(std::string_view text) {
  std::string shown;
  for (const char c : text.substr(0, 16)) shown += c >= ' ' && c < 127 ? c : '?';
  return InvalidData("expected a picture (PPM), found \"" + shown + "\"");
}

bool IsSpace(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

// "P6 WIDTH HEIGHT 255" with one space of any kind after it; nothing while it is incomplete.
Result<std::optional<PpmHead>> ReadPpmHead(std::string_view text) {
  constexpr std::string_view kMagic = "P6";
  text = text.substr(0, kMaxPpmHeadBytes);
  if (text.substr(0, 2) != kMagic.substr(0, text.size())) return NoPpm(text);
  if (text.size() <= kMagic.size()) return std::optional<PpmHead>();
  int64_t numbers[3] = {};
  size_t at = 2;
  for (int64_t& number : numbers) {
    const size_t space = at;
    while (at < text.size() && IsSpace(text[at])) ++at;
    const size_t begin = at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
    if (at == text.size()) {
      if (text.size() == kMaxPpmHeadBytes) return NoPpm(text);
      return std::optional<PpmHead>();
    }
    const auto [end, error] = std::from_chars(&text[begin], &text[at], number);
    if (begin == space || begin == at || error != std::errc()) return NoPpm(text);
  }
  if (numbers[2] != 255 || !IsSpace(text[at])) return NoPpm(text);
  return std::optional(PpmHead{{.height_px = numbers[1], .width_px = numbers[0]}, at + 1});
}

}  // namespace

Result<std::optional<Image>> PictureStream::Take() {
  PpmHead head;
  if (extents_) {
    head.extents = *extents_;
  } else {
    DEIXIS_ASSIGN(const auto read,
                  ReadPpmHead({reinterpret_cast<const char*>(bytes_.data()), bytes_.size()}));
    if (!read) return std::optional<Image>();
    head = *read;
  }
  const auto [height_px, width_px] = head.extents;
  DEIXIS_RETURN_IF_ERROR(internal::CheckExtents(height_px, width_px));
  const size_t size = static_cast<size_t>(height_px * width_px * 3);
  if (bytes_.size() < head.length_bytes + size) return std::optional<Image>();
  const auto* first = reinterpret_cast<const uint8_t*>(bytes_.data() + head.length_bytes);
  Image image{.height_px = height_px,
              .width_px = width_px,
              .pixels = std::vector<uint8_t>(first, first + size)};
  bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<ptrdiff_t>(head.length_bytes + size));
  return std::optional(std::move(image));
}

}  // namespace deixis::camera
