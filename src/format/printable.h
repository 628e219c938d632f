// Text from a file, made fit for messages, terminals and JSON: a hostile name must not move the
// cursor, forge a line or break the encoding.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace deixis {

// The length of the valid UTF-8 sequence at the start of `text`, which is not empty, or 0. Overlong
// forms, surrogates and what lies beyond U+10FFFF are not valid (RFC 3629).
size_t Utf8SequenceLength(std::string_view text);

// The text with control characters, DEL and bytes that are not valid UTF-8 written as \xNN. Text
// without any of them is unchanged.
std::string Printable(std::string_view text);

// Printable text in double quotes, cut to about `max_bytes` (for error messages).
std::string Quoted(std::string_view text, size_t max_bytes = 120);

}  // namespace deixis
