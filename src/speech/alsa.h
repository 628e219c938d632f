// ALSA as the rest of speech uses it: playback devices that are opened without waiting and fail in
// words.
#pragma once

#include <alsa/asoundlib.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace deixis {

// Dropped, not drained, when it goes: closing would otherwise wait for what is queued.
class Pcm {
 public:
  // Non-blocking, so that neither opening nor writing can wait for another program or a dead
  // device. `uri` is for messages, `name` as ALSA takes it. kDeviceUnavailable with what devices
  // there are.
  static Result<std::unique_ptr<Pcm>> Open(const std::string& uri, const std::string& name,
                                           int64_t num_channels, int64_t sample_rate_hz);
  explicit Pcm(snd_pcm_t* handle) : handle_(handle) {}
  Pcm(const Pcm&) = delete;
  Pcm& operator=(const Pcm&) = delete;
  ~Pcm() {
    snd_pcm_drop(handle_);
    snd_pcm_close(handle_);
  }
  snd_pcm_t* get() const { return handle_; }

 private:
  snd_pcm_t* handle_;
};

// ALSA prints to stderr unless told otherwise; its findings come back as return values anyway.
void SilenceAlsa();

Error AlsaError(const std::string& uri, std::string_view what, long failure);
Error AlsaStuck(const std::string& uri);

}  // namespace deixis
