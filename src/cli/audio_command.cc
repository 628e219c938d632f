// `deixis audio`: which sound cards there are, and whether one can be heard.
#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/speak.h"
#include "format/printable.h"
#include "speech/audio_out.h"
#include "speech/mixer.h"

namespace deixis::cli {
namespace {

Status List(Console& console) {
  Json devices = Json::array();
  std::string text;
  for (const SoundCard& card : ListSoundCards()) {
    const std::string uri = "alsa:" + card.name;
    devices.push_back(Json{
        {"uri", uri}, {"card", card.card}, {"device", card.description}, {"usb", card.is_usb}});
    Facts facts;
    facts.Add("sound card", console.style().Bold(Printable(card.card)));
    facts.Add("open with", Printable(uri));
    facts.Add("device", Printable(card.description) + (card.is_usb ? "  (USB)" : ""));
    text += (text.empty() ? "" : "\n") + facts.Render(console.style());
  }
  if (text.empty()) text = "No sound card. Plug one in, or write a file: --audio file:OUT.wav\n";
  console.Print(text);
  console.SetResult("audio list", Json{{"devices", std::move(devices)}});
  return Ok();
}

void Append(Sound& sound, const Sound& more, int64_t pause_ms) {
  sound.samples.insert(sound.samples.end(), more.samples.begin(), more.samples.end());
  sound.samples.resize(sound.samples.size() + kMixChannels * kMixRateHz * pause_ms / 1000);
}

// A tone on the left, one on the right, those of an answer, and a voice: what can be wrong with a
// card can be heard in them.
Status Test(const Arguments& arguments, Console& console) {
  DEIXIS_RETURN_IF_ERROR(CheckAudio(arguments));
  DEIXIS_ASSIGN(const VoiceOptions voice, VoiceOf(arguments));
  Sound sound{.sample_rate_hz = kMixRateHz, .num_channels = kMixChannels, .samples = {}};
  Append(sound, MakeEarcon(Earcon::kFingerFound, 0.5, -1), 300);
  Append(sound, MakeEarcon(Earcon::kFingerFound, 1, 1), 300);
  Append(sound, MakeEarcon(Earcon::kLocked), 300);
  const bool is_english = LanguageOf(arguments) == Language::kEnglish;
  const auto spoken = Synthesize(is_english ? "this is Deixis" : "這是聲音測試", voice);
  if (spoken.ok()) {
    Append(sound, ToMixFormat(*spoken), 100);
  } else {
    console.Warn(spoken.error().message + "; only tones are played");
  }
  const double gain = static_cast<double>(arguments.Integer("volume")) / 100;
  for (int16_t& sample : sound.samples) sample = static_cast<int16_t>(gain * sample);
  const std::string& audio = arguments.Text("audio");
  DEIXIS_RETURN_IF_ERROR(PlaySound(audio, sound));
  console.SetResult(
      "audio test",
      Json{{"audio", audio}, {"voice", spoken.ok()}, {"duration_ms", sound.duration_ms()}});
  console.Print("played to " + Printable(audio) + ": left, right, the tones of an answer" +
                (spoken.ok() ? ", and the voice" : "") + "\n");
  return Ok();
}

Status RunAudio(const Arguments& arguments, Console& console) {
  return arguments.words().front() == "list" ? List(console) : Test(arguments, console);
}

constexpr Positional kPositionals[] = {
    {.name = "ACTION",
     .kind = ValueKind::kChoice,
     .help = "list the sound cards, or test one by tones and the voice",
     .allowed = "list|test"},
};
constexpr Flag kFlags[] = {kAudioFlag, kVoiceFlag, kLanguageFlag, kRateFlag, kVolumeFlag};
constexpr Example kExamples[] = {
    {"audio list", "what is there, and how to name it"},
    {"audio test --audio alsa:plughw:CARD=Device,DEV=0", "hear one"},
    {"audio test --audio file:heard.wav", "what would be heard"},
};

}  // namespace

constinit const Command kAudioCommand = {
    .name = "audio",
    .summary = "list the sound cards, or hear one",
    .description =
        "A card is named by what it is called, not by its number: the name stays the same when it "
        "is unplugged and plugged in again. `test` plays a tone on the left, one on the right, the "
        "tones of an answer, and a few words.",
    .positionals = kPositionals,
    .flags = kFlags,
    .examples = kExamples,
    .run = RunAudio,
};

}  // namespace deixis::cli
