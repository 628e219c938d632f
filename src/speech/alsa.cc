#include "speech/alsa.h"

#include <mutex>
#include <vector>

#include "speech/audio_out.h"

namespace deixis {
namespace {

constexpr unsigned kLatencyUs = 100'000;
constexpr size_t kMaxListed = 6;

void IgnoreMessage(const char*, int, const char*, int, const char*, ...) {}

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

}  // namespace

void SilenceAlsa() {
  static std::once_flag once;
  std::call_once(once, [] { snd_lib_error_set_handler(IgnoreMessage); });
}

Error AlsaError(const std::string& uri, std::string_view what, long failure) {
  return Error{ErrorCode::kDeviceUnavailable,
               uri + ": " + std::string(what) + ": " + snd_strerror(static_cast<int>(failure)),
               Remedy()};
}

Error AlsaStuck(const std::string& uri) {
  return Error{ErrorCode::kDeviceUnavailable,
               uri + ": expected the device to take sound, found it stuck", Remedy()};
}

Result<std::unique_ptr<Pcm>> Pcm::Open(const std::string& uri, const std::string& name,
                                       int64_t num_channels, int64_t sample_rate_hz) {
  SilenceAlsa();
  snd_pcm_t* handle = nullptr;
  const int opened = snd_pcm_open(&handle, name.c_str(), SND_PCM_STREAM_PLAYBACK, SND_PCM_NONBLOCK);
  if (opened < 0) return AlsaError(uri, "cannot open the sound device", opened);
  auto pcm = std::make_unique<Pcm>(handle);
  const int configured =
      snd_pcm_set_params(handle, SND_PCM_FORMAT_S16, SND_PCM_ACCESS_RW_INTERLEAVED,
                         static_cast<unsigned>(num_channels), static_cast<unsigned>(sample_rate_hz),
                         /*soft_resample=*/1, kLatencyUs);
  if (configured < 0) return AlsaError(uri, "cannot play this format", configured);
  return pcm;
}

}  // namespace deixis
