// The mixer, heard: a sound device that stays open, so that no first syllable is cut off, or a WAV
// file that becomes what a listener would have heard.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "speech/mixer.h"

namespace deixis {

// A recording longer than this is cut there.
inline constexpr int64_t kMaxRecordedMs = 30 * 60 * 1000;

// Safe from any thread.
class Speaker {
 public:
  virtual ~Speaker() = default;

  // See Mixer; both come in the mix format and return at once.
  virtual void Say(Sound utterance) = 0;
  virtual void Play(Sound earcon) = 0;
  virtual void SetVolume(double volume) = 0;
  // For a file: that time has come this far, on any clock that does not go back; what lies between
  // two calls is written as it sounds. A device minds its own time.
  virtual void Advance(int64_t now_ms) = 0;
  // Waits until all has been heard, at most as long as it lasts and two seconds, and closes. For a
  // file the errors of WriteWav.
  virtual Status Finish() = 0;
  // Why nothing can be heard, if that is so: a device that was unplugged is tried again every
  // second.
  virtual Status Problem() const = 0;
};

// alsa:NAME or file:PATH, as PlaySound(). A device that cannot be opened is no error here, but a
// Problem(): sound may come later. kUsage for another kind of URI.
Result<std::unique_ptr<Speaker>> OpenSpeaker(const std::string& uri);

}  // namespace deixis
