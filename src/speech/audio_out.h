// Where sound goes: a sound card through ALSA, or a WAV file.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "speech/wav.h"

namespace deixis {

struct AudioDevice {
  std::string name;         // as ALSA takes it: "default", "hw:0,0", "plughw:CARD=Device,DEV=0"
  std::string description;  // one line
};

// The playback devices that ALSA knows; may be empty. A listed device may still refuse to open.
std::vector<AudioDevice> ListAudioDevices();

// Plays `sound` to its end:
//   alsa:NAME   a playback device; Deixis never waits longer for it than the sound lasts plus two
//               seconds
//   file:PATH   a WAV file, replaced whole
// kUsage for another kind of URI; kDeviceUnavailable, with what devices there are, when the device
// is missing, busy or stuck; for files the errors of WriteWav.
Status PlaySound(const std::string& uri, const Sound& sound);

}  // namespace deixis
