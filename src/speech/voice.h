// Turns a label into sound. The voice is a program of its own, by default espeak-ng: any command
// that takes text on its standard input and gives a WAV file on its standard output will do, so a
// voice can be replaced without touching this code, and its licence and its crashes stay outside.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/child_process.h"
#include "base/result.h"
#include "speech/wav.h"

namespace deixis {

// Longer texts are refused: a label is a few words.
inline constexpr size_t kMaxSpokenBytes = 2000;

// What is said for a label: "great_white_shark" becomes "great white shark". Underscores, control
// characters and bytes that are not UTF-8 become spaces, runs of spaces one. Empty when nothing
// speakable is left: no letter, no digit and no character beyond ASCII.
std::string SpokenForm(std::string_view label);

struct VoiceOptions {
  // The text comes on standard input, so one that begins with '-' is text all the same.
  std::vector<std::string> command = {"espeak-ng", "--stdin", "--stdout"};
  // At most 16 MiB: six minutes of espeak-ng's mono at 22,050 Hz.
  ChildLimits limits = {.timeout_ms = 10'000, .max_output_bytes = size_t{16} << 20};
};

// The spoken form of `text` as sound. Blocks for as long as the program runs, at most the timeout.
// Safe to call from any thread. Every failure is kDeviceUnavailable, with a remedy: no such
// program, out of time, failed, no WAV on its output, nothing to say, or silence.
Result<Sound> Synthesize(std::string_view text, const VoiceOptions& options = {});

}  // namespace deixis
