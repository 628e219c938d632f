#include "speech/audio_out.h"

#include <alsa/asoundlib.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <string_view>
#include <thread>
#include <utility>

namespace deixis {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view kAlsaPrefix = "alsa:";
constexpr std::string_view kFilePrefix = "file:";
constexpr unsigned kLatencyUs = 100'000;
constexpr int kPatienceMs = 2000;
constexpr size_t kMaxListed = 6;

// ALSA prints to stderr unless told otherwise; its findings come back as return values anyway.
void IgnoreMessage(const char*, int, const char*, int, const char*, ...) {}

void SilenceAlsa() {
  static std::once_flag once;
  std::call_once(once, [] { snd_lib_error_set_handler(IgnoreMessage); });
}

std::string Remedy() {
  const std::vector<AudioDevice> devices = ListAudioDevices();
  if (devices.empty()) {
    return "no sound device was found: connect one, or write a file with file:OUT.wav";
  }
  std::string remedy = "choose one of:";
  for (size_t i = 0; i < devices.size() && i < kMaxListed; ++i) {
    remedy += " alsa:" + devices[i].name;
  }
  return remedy + (devices.size() > kMaxListed ? " ...," : ",") +
         " or write a file with file:OUT.wav";
}

Error DeviceError(const std::string& uri, std::string_view what, long failure) {
  return Error{ErrorCode::kDeviceUnavailable,
               uri + ": " + std::string(what) + ": " + snd_strerror(static_cast<int>(failure)),
               Remedy()};
}

class Pcm {
 public:
  explicit Pcm(snd_pcm_t* handle) : handle_(handle) {}
  Pcm(const Pcm&) = delete;
  Pcm& operator=(const Pcm&) = delete;
  ~Pcm() {
    snd_pcm_drop(handle_);  // closing would otherwise wait for what is queued
    snd_pcm_close(handle_);
  }
  snd_pcm_t* get() const { return handle_; }

 private:
  snd_pcm_t* handle_;
};

Error Stuck(const std::string& uri) {
  return Error{ErrorCode::kDeviceUnavailable,
               uri + ": expected the device to take sound, found it stuck", Remedy()};
}

Status PlayOnAlsa(const std::string& uri, const std::string& name, const Sound& sound) {
  SilenceAlsa();
  snd_pcm_t* handle = nullptr;
  // Non-blocking, so that neither opening nor writing can wait for another program or a dead
  // device.
  const int opened = snd_pcm_open(&handle, name.c_str(), SND_PCM_STREAM_PLAYBACK, SND_PCM_NONBLOCK);
  if (opened < 0) return DeviceError(uri, "cannot open the sound device", opened);
  const Pcm pcm(handle);
  const int configured = snd_pcm_set_params(
      pcm.get(), SND_PCM_FORMAT_S16, SND_PCM_ACCESS_RW_INTERLEAVED,
      static_cast<unsigned>(sound.num_channels), static_cast<unsigned>(sound.sample_rate_hz),
      /*soft_resample=*/1, kLatencyUs);
  if (configured < 0) return DeviceError(uri, "cannot play this format", configured);

  const auto deadline = Clock::now() + std::chrono::milliseconds(
                                           static_cast<int64_t>(sound.duration_ms() + kPatienceMs));
  int64_t frame = 0;
  while (frame < sound.num_frames()) {
    const snd_pcm_sframes_t written =
        snd_pcm_writei(pcm.get(), sound.samples.data() + frame * sound.num_channels,
                       static_cast<snd_pcm_uframes_t>(sound.num_frames() - frame));
    if (written > 0) {
      frame += written;
    } else if (Clock::now() >= deadline) {
      return Stuck(uri);
    } else if (written == -EAGAIN || written == 0) {
      snd_pcm_wait(pcm.get(), kPatienceMs / 10);
    } else if (const int recovered = snd_pcm_recover(pcm.get(), static_cast<int>(written), 1);
               recovered < 0) {
      return DeviceError(uri, "playing failed", recovered);
    }
  }
  while (snd_pcm_drain(pcm.get()) == -EAGAIN) {
    if (Clock::now() >= deadline) return Stuck(uri);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return Ok();
}

}  // namespace

std::vector<AudioDevice> ListAudioDevices() {
  SilenceAlsa();
  std::vector<AudioDevice> devices;
  void** hints = nullptr;
  if (snd_device_name_hint(-1, "pcm", &hints) < 0) return devices;
  for (void** hint = hints; *hint != nullptr; ++hint) {
    const auto text = [&](const char* key) {
      char* value = snd_device_name_get_hint(*hint, key);
      std::string copy = value == nullptr ? "" : value;
      std::free(value);
      std::replace(copy.begin(), copy.end(), '\n', ' ');
      return copy;
    };
    // No direction means both; "null" plays to nobody.
    if (text("IOID") == "Input" || text("NAME") == "null") continue;
    devices.push_back({.name = text("NAME"), .description = text("DESC")});
  }
  snd_device_name_free_hint(hints);
  return devices;
}

Status PlaySound(const std::string& uri, const Sound& sound) {
  if (uri.starts_with(kFilePrefix) && uri.size() > kFilePrefix.size()) {
    return WriteWav(uri.substr(kFilePrefix.size()), sound);
  }
  if (uri.starts_with(kAlsaPrefix) && uri.size() > kAlsaPrefix.size()) {
    return PlayOnAlsa(uri, uri.substr(kAlsaPrefix.size()), sound);
  }
  return UsageError("audio \"" + uri + "\": expected alsa:NAME or file:PATH",
                    "for instance alsa:default or file:out.wav");
}

}  // namespace deixis
