// Speaking as commands do it: the flags, and what they lead to.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "pipeline/phrases.h"
#include "speech/voice.h"

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
inline constexpr Flag kLanguageFlag = {
    .name = "language",
    .kind = ValueKind::kChoice,
    .value_name = "TAG",
    .help = "What is spoken: English or Mandarin with traditional characters",
    .default_value = "en",
    .environment = "DEIXIS_LANGUAGE",
    .allowed = "en|zh-Hant",
    .example = "zh-Hant",
};
inline constexpr Flag kRateFlag = {
    .name = "rate",
    .kind = ValueKind::kInteger,
    .value_name = "WPM",
    .help = "How fast the voice speaks, in words a minute",
    .default_note = "the voice's own, 175 for espeak-ng",
    .environment = "DEIXIS_RATE",
    .example = "140",
    .minimum = 80,
    .maximum = 450,
};
inline constexpr Flag kVolumeFlag = {
    .name = "volume",
    .kind = ValueKind::kInteger,
    .value_name = "PERCENT",
    .help = "How loud, of what the sound card gives",
    .default_value = "100",
    .environment = "DEIXIS_VOLUME",
    .example = "60",
    .minimum = 0,
    .maximum = 100,
};

struct Spoken {
  std::string text;  // as it was pronounced
  std::string audio;
  double duration_ms = 0;
  int64_t sample_rate_hz = 0;
};

// The voice that kVoiceFlag names, told the language and the rate: espeak-ng by its own options,
// any other by the words {language} and {rate} in the command. kUsage for a command that is empty,
// or that has no place for a rate that somebody gave.
Result<VoiceOptions> VoiceOf(const Arguments& arguments);

// kUsage unless kAudioFlag is alsa:NAME or file:PATH. A file is declared as an output.
Status CheckAudio(const Arguments& arguments);

// Says `text` as kVoiceFlag, kLanguageFlag, kRateFlag, kVolumeFlag and kAudioFlag have it, and
// returns when it has been heard or written.
Result<Spoken> Speak(const std::string& text, const Arguments& arguments);

Language LanguageOf(const Arguments& arguments);

// The words of a command line without quoting: "a  b" is {"a", "b"}.
std::vector<std::string> WordsOf(const std::string& command);

}  // namespace deixis::cli
