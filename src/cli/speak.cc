#include "cli/speak.h"

#include <sstream>

#include "cli/interrupt.h"
#include "speech/audio_out.h"
#include "speech/voice.h"

namespace deixis::cli {

std::vector<std::string> WordsOf(const std::string& command) {
  std::istringstream stream(command);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

Result<Spoken> Speak(const std::string& text, const Arguments& arguments) {
  const std::string& audio = arguments.Text("audio");
  constexpr std::string_view kFile = "file:";
  if (audio.starts_with(kFile)) {
    DeclareOutput(audio.substr(kFile.size()));
  } else if (!audio.starts_with("alsa:")) {
    return UsageError("--audio: expected alsa:NAME or file:OUT.wav, found \"" + audio + "\"",
                      "for example: --audio file:label.wav");
  }
  VoiceOptions options;
  options.command = WordsOf(arguments.Text("voice"));
  if (options.command.empty()) {
    return UsageError("--voice: expected a command, found only spaces",
                      "for example: --voice \"espeak-ng --stdin --stdout\"");
  }
  DEIXIS_ASSIGN(const Sound sound, Synthesize(text, options));
  DEIXIS_RETURN_IF_ERROR(PlaySound(audio, sound));
  return Spoken{.text = SpokenForm(text),
                .audio = audio,
                .duration_ms = sound.duration_ms(),
                .sample_rate_hz = sound.sample_rate_hz};
}

}  // namespace deixis::cli
