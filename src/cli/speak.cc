#include "cli/speak.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <sstream>

#include "cli/interrupt.h"
#include "speech/audio_out.h"

namespace deixis::cli {
namespace {

// Puts `value` where `name` stands in the words; whether it stood there.
bool Replace(std::vector<std::string>& words, std::string_view name, const std::string& value) {
  bool found = false;
  for (std::string& word : words) {
    const size_t at = word.find(name);
    if (at == std::string::npos) continue;
    word.replace(at, name.size(), value);
    found = true;
  }
  return found;
}

}  // namespace

std::vector<std::string> WordsOf(const std::string& command) {
  std::istringstream stream(command);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

Language LanguageOf(const Arguments& arguments) {
  return LanguageFromTag(arguments.Text("language")).value_or(Language::kEnglish);
}

Result<VoiceOptions> VoiceOf(const Arguments& arguments) {
  VoiceOptions options;
  options.command = WordsOf(arguments.Text("voice"));
  if (options.command.empty()) {
    return UsageError("--voice: expected a command, found only spaces",
                      "for example: --voice \"espeak-ng --stdin --stdout\"");
  }
  const std::string program = std::filesystem::path(options.command[0]).filename().string();
  const bool is_espeak = program == "espeak-ng" || program == "espeak";
  const auto has = [&](std::string_view flag) {
    return std::ranges::find(options.command, flag) != options.command.end();
  };
  const Language language = LanguageOf(arguments);
  const bool tells_language =
      Replace(options.command, "{language}", std::string(LanguageTag(language)));
  if (!tells_language && is_espeak && language != Language::kEnglish && !has("-v")) {
    options.command.insert(options.command.begin() + 1, {"-v", std::string(EspeakVoice(language))});
  }
  if (!arguments.Has("rate")) {
    Replace(options.command, "{rate}", "175");
    return options;
  }
  const std::string rate = std::to_string(arguments.Integer("rate"));
  if (Replace(options.command, "{rate}", rate)) return options;
  if (!is_espeak) {
    return UsageError("--rate: the voice \"" + arguments.Text("voice") + "\" has no place for it",
                      "write {rate} into --voice where the number belongs");
  }
  options.command.insert(options.command.begin() + 1, {"-s", rate});
  return options;
}

Status CheckAudio(const Arguments& arguments) {
  const std::string& audio = arguments.Text("audio");
  constexpr std::string_view kFile = "file:";
  constexpr std::string_view kAlsa = "alsa:";
  if (audio.starts_with(kFile) && audio.size() > kFile.size()) {
    DeclareOutput(audio.substr(kFile.size()));
    return Ok();
  }
  if (audio.starts_with(kAlsa) && audio.size() > kAlsa.size()) return Ok();
  return UsageError("--audio: expected alsa:NAME or file:OUT.wav, found \"" + audio + "\"",
                    "`deixis audio list` shows the sound cards; or: --audio file:label.wav");
}

Result<Spoken> Speak(const std::string& text, const Arguments& arguments) {
  const std::string& audio = arguments.Text("audio");
  DEIXIS_RETURN_IF_ERROR(CheckAudio(arguments));
  DEIXIS_ASSIGN(const VoiceOptions options, VoiceOf(arguments));
  DEIXIS_ASSIGN(Sound sound, Synthesize(text, options));
  const double gain = static_cast<double>(arguments.Integer("volume")) / 100;
  for (int16_t& sample : sound.samples) sample = static_cast<int16_t>(std::lrint(gain * sample));
  DEIXIS_RETURN_IF_ERROR(PlaySound(audio, sound));
  return Spoken{.text = SpokenForm(text),
                .audio = audio,
                .duration_ms = sound.duration_ms(),
                .sample_rate_hz = sound.sample_rate_hz};
}

}  // namespace deixis::cli
