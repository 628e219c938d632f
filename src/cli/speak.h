// Speaking as commands do it: the flags, and what they lead to.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "cli/arguments.h"
#include "cli/command.h"

namespace deixis::cli {

inline constexpr Flag kAudioFlag = {
    .name = "audio",
    .kind = ValueKind::kText,
    .value_name = "URI",
    .help = "Where the sound goes: alsa:NAME or file:OUT.wav",
    .default_value = "alsa:default",
    .environment = "DEIXIS_AUDIO",
    .example = "file:label.wav",
};
inline constexpr Flag kVoiceFlag = {
    .name = "voice",
    .kind = ValueKind::kText,
    .value_name = "COMMAND",
    .help = "The program that speaks: text on its stdin, a WAV file on its stdout",
    .default_value = "espeak-ng --stdin --stdout",
    .environment = "DEIXIS_VOICE",
    .example = "\"espeak-ng -v de --stdin --stdout\"",
};

struct Spoken {
  std::string text;  // as it was pronounced
  std::string audio;
  double duration_ms = 0;
  int64_t sample_rate_hz = 0;
};

// Says `text` with the voice and to the place that kVoiceFlag and kAudioFlag hold, and returns when
// it has been heard or written.
Result<Spoken> Speak(const std::string& text, const Arguments& arguments);

// The words of a command line without quoting: "a  b" is {"a", "b"}.
std::vector<std::string> WordsOf(const std::string& command);

}  // namespace deixis::cli
