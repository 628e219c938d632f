#include "format/printable.h"

#include <cstdint>

namespace deixis {

size_t Utf8SequenceLength(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  if ((lead == 0xE0 && byte(1) < 0xA0) || (lead == 0xED && byte(1) > 0x9F) ||
      (lead == 0xF0 && byte(1) < 0x90) || (lead == 0xF4 && byte(1) > 0x8F)) {
    return 0;
  }
  return length;
}
namespace {

// C0, DEL and the C1 controls U+0080..U+009F, which some terminals obey too.
bool IsControl(std::string_view sequence) {
  const auto lead = static_cast<uint8_t>(sequence[0]);
  if (sequence.size() == 1) return lead < 0x20 || lead == 0x7F;
  return lead == 0xC2 && static_cast<uint8_t>(sequence[1]) < 0xA0;
}

}  // namespace

std::string Printable(std::string_view text) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    size_t length = Utf8SequenceLength(text);
    const bool escaped = length == 0 || IsControl(text.substr(0, length));
    if (length == 0) length = 1;
    for (const char c : text.substr(0, length)) {
      if (!escaped) {
        result += c;
        continue;
      }
      result += "\\x";
      result += kDigits[static_cast<uint8_t>(c) >> 4];
      result += kDigits[static_cast<uint8_t>(c) & 15];
    }
    text.remove_prefix(length);
  }
  return result;
}

std::string Quoted(std::string_view text, size_t max_bytes) {
  if (text.size() <= max_bytes) return '"' + Printable(text) + '"';
  size_t end = max_bytes;  // not in the middle of a character
  while (end > 0 && (static_cast<uint8_t>(text[end]) & 0xC0) == 0x80) --end;
  return '"' + Printable(text.substr(0, end)) + "...\"";
}

}  // namespace deixis
