// `deixis say`: the voice alone, to hear whether it works.
#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/speak.h"
#include "format/printable.h"

namespace deixis::cli {
namespace {

Status RunSay(const Arguments& arguments, Console& console) {
  const std::string& text = arguments.words().front();
  DEIXIS_ASSIGN(const Spoken spoken, Speak(text, arguments));
  console.SetResult("say", Json{{"text", text},
                                {"spoken", spoken.text},
                                {"audio", spoken.audio},
                                {"duration_ms", spoken.duration_ms},
                                {"sample_rate_hz", spoken.sample_rate_hz}});
  console.Print("\"" + Printable(spoken.text) + "\"  " + FormatSeconds(spoken.duration_ms / 1000) +
                "  " + Printable(spoken.audio) + "\n");
  return Ok();
}

constexpr Positional kPositionals[] = {
    {.name = "TEXT", .kind = ValueKind::kText, .help = "A few words; put them in quotes"},
};
constexpr Flag kFlags[] = {kAudioFlag, kVoiceFlag, kLanguageFlag, kRateFlag, kVolumeFlag};
constexpr Example kExamples[] = {
    {"say \"coffee mug\"", "speak through the default sound device"},
    {"say \"coffee mug\" --audio file:mug.wav", "write what would be heard"},
    {"say \"coffee mug\" --rate 140 --volume 60", "slowly and softly"},
    {"say Tasse --voice \"espeak-ng -v de --stdin --stdout\"", "another voice"},
};

}  // namespace

constinit const Command kSayCommand = {
    .name = "say",
    .summary = "speak a few words, or write them to a WAV file",
    .description =
        "The voice is a separate program: any command that takes text on its standard input and "
        "writes a WAV file to its standard output. Underscores are spoken as spaces.",
    .positionals = kPositionals,
    .flags = kFlags,
    .examples = kExamples,
    .run = RunSay,
};

}  // namespace deixis::cli
