#include "speech/voice.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <utility>

namespace deixis {
namespace {

// Below this no sample of a sound is audible: a five-hundredth of full scale.
constexpr int kSilentPeak = 64;
constexpr size_t kQuotedBytes = 40;

Error Unspeakable(std::string message, std::string remedy) {
  return Error{ErrorCode::kDeviceUnavailable, std::move(message), std::move(remedy)};
}

// The length of the well-formed UTF-8 character at the front (RFC 3629), 0 when there is none.
size_t Utf8Length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(0);
  if (first < 0x80) return 1;
  const size_t length = first < 0xC2   ? 0
                        : first < 0xE0 ? 2
                        : first < 0xF0 ? 3
                        : first < 0xF5 ? 4
                                       : 0;
  if (length == 0 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const uint8_t second = byte(1);
  if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
      (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F)) {
    return 0;
  }
  return length;
}

std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (size_t i = 0; i < text.size() && i < kQuotedBytes; ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    quoted += c < 0x20 || c >= 0x7F ? '?' : text[i];
  }
  return quoted + (text.size() > kQuotedBytes ? "...\"" : "\"");
}

std::string FirstLine(std::string_view text) {
  return std::string(text.substr(0, std::min(text.find('\n'), kMaxSpokenBytes / 10)));
}

}  // namespace

std::string SpokenForm(std::string_view label) {
  std::string spoken;
  bool speakable = false;
  bool space_due = false;
  while (!label.empty()) {
    const size_t length = Utf8Length(label);
    const auto first = static_cast<unsigned char>(label[0]);
    // U+0080 to U+009F, encoded C2 80 to C2 9F, are control characters too.
    const bool control = length == 0 || first < 0x20 || first == 0x7F ||
                         (first == 0xC2 && static_cast<unsigned char>(label[1]) < 0xA0);
    if (control || first == '_' || first == ' ') {
      space_due = true;
    } else {
      if (space_due && !spoken.empty()) spoken += ' ';
      space_due = false;
      spoken += label.substr(0, length);
      speakable = speakable || length > 1 || std::isalnum(first);
    }
    label.remove_prefix(length == 0 ? 1 : length);
  }
  return speakable ? spoken : std::string();
}

Result<Sound> Synthesize(std::string_view text, const VoiceOptions& options) {
  if (text.size() > kMaxSpokenBytes) {
    return Unspeakable("text to say: expected at most " + std::to_string(kMaxSpokenBytes) +
                           " bytes, found " + std::to_string(text.size()),
                       "say it in shorter pieces");
  }
  const std::string spoken = SpokenForm(text);
  if (spoken.empty()) {
    return Unspeakable("text to say: expected a letter or a digit, found " + Quoted(text),
                       "give the category a name that can be spoken");
  }
  auto child = RunChild(options.command, spoken, options.limits);
  if (!child.ok()) {
    Error error = std::move(child).error().WithContext("voice");
    if (error.code == ErrorCode::kNotFound) {
      error.remedy = "install the default voice with: apt-get install espeak-ng";
    }
    error.code = ErrorCode::kDeviceUnavailable;
    return error;
  }
  const std::string name = "voice: " + options.command[0];
  if (child->exit_status != 0) {
    return Unspeakable(name + ": expected exit status 0, found " +
                           std::to_string(child->exit_status) + ": " +
                           FirstLine(child->stderr_text),
                       "run the program by hand with the same text");
  }
  auto sound = ParseWav(child->stdout_bytes, name);
  if (!sound.ok()) {
    return Unspeakable(std::move(sound).error().message,
                       "the voice must write a 16-bit PCM WAV file to its standard output");
  }
  if (Peak(*sound) < kSilentPeak) {
    return Unspeakable(name + ": expected speech for " + Quoted(text) + ", found silence",
                       "give the category a name that this voice can pronounce");
  }
  return sound;
}

}  // namespace deixis
