// Where sound goes: a sound card through ALSA, or a WAV file.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "speech/wav.h"

namespace deixis {

// How the URI of a sound device begins (PlaySound).
inline constexpr std::string_view kAlsaPrefix = "alsa:";
inline constexpr std::string_view kFilePrefix = "file:";

struct AudioDevice {
  std::string name;         // as ALSA takes it: "default", "hw:0,0", "plughw:CARD=Device,DEV=0"
  std::string description;  // one line
};

// The playback devices that ALSA knows; may be empty. A listed device may still refuse to open.
std::vector<AudioDevice> ListAudioDevices();

// A playback device of a sound card, by the card's name, which it keeps when it is unplugged and
// plugged in again and when others come before it.
struct SoundCard {
  std::string name;         // as ALSA takes it: "plughw:CARD=Device,DEV=0"
  std::string card;         // "USB Audio Device"
  std::string description;  // of the device: "USB Audio"
  bool is_usb = false;
};

// In the order of their numbers; empty without sound.
std::vector<SoundCard> ListSoundCards();

// Plays `sound` to its end:
//   alsa:NAME   a playback device; Deixis never waits longer for it than the sound lasts plus two
//               seconds
//   file:PATH   a WAV file, replaced whole
// kUsage for another kind of URI; kDeviceUnavailable, with what devices there are, when the device
// is missing, busy or stuck; for files the errors of WriteWav.
Status PlaySound(const std::string& uri, const Sound& sound);

}  // namespace deixis
