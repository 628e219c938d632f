#include "speech/audio_out.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <string_view>
#include <thread>
#include <utility>

#include "speech/alsa.h"

namespace deixis {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kPatienceMs = 2000;

Status PlayOnAlsa(const std::string& uri, const std::string& name, const Sound& sound) {
  DEIXIS_ASSIGN(const auto pcm, Pcm::Open(uri, name, sound.num_channels, sound.sample_rate_hz));

  const auto deadline = Clock::now() + std::chrono::milliseconds(
                                           static_cast<int64_t>(sound.duration_ms() + kPatienceMs));
  int64_t frame = 0;
  while (frame < sound.num_frames()) {
    const snd_pcm_sframes_t written =
        snd_pcm_writei(pcm->get(), sound.samples.data() + frame * sound.num_channels,
                       static_cast<snd_pcm_uframes_t>(sound.num_frames() - frame));
    if (written > 0) {
      frame += written;
    } else if (Clock::now() >= deadline) {
      return AlsaStuck(uri);
    } else if (written == -EAGAIN || written == 0) {
      snd_pcm_wait(pcm->get(), kPatienceMs / 10);
    } else if (const int recovered = snd_pcm_recover(pcm->get(), static_cast<int>(written), 1);
               recovered < 0) {
      return AlsaError(uri, "playing failed", recovered);
    }
  }
  while (snd_pcm_drain(pcm->get()) == -EAGAIN) {
    if (Clock::now() >= deadline) return AlsaStuck(uri);
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

std::vector<SoundCard> ListSoundCards() {
  SilenceAlsa();
  std::vector<SoundCard> cards;
  for (int card = -1; snd_card_next(&card) == 0 && card >= 0;) {
    snd_ctl_t* control = nullptr;
    if (snd_ctl_open(&control, ("hw:" + std::to_string(card)).c_str(), SND_CTL_NONBLOCK) < 0) {
      continue;
    }
    snd_ctl_card_info_t* card_info = nullptr;
    snd_pcm_info_t* pcm_info = nullptr;
    snd_ctl_card_info_malloc(&card_info);
    snd_pcm_info_malloc(&pcm_info);
    const bool is_known = snd_ctl_card_info(control, card_info) == 0;
    for (int device = -1;
         is_known && snd_ctl_pcm_next_device(control, &device) == 0 && device >= 0;) {
      snd_pcm_info_set_device(pcm_info, static_cast<unsigned>(device));
      snd_pcm_info_set_subdevice(pcm_info, 0);
      snd_pcm_info_set_stream(pcm_info, SND_PCM_STREAM_PLAYBACK);
      if (snd_ctl_pcm_info(control, pcm_info) < 0) continue;  // it only records
      cards.push_back(
          {.name = std::string("plughw:CARD=") + snd_ctl_card_info_get_id(card_info) +
                   ",DEV=" + std::to_string(device),
           .card = snd_ctl_card_info_get_name(card_info),
           .description = snd_pcm_info_get_name(pcm_info),
           .is_usb = std::string_view(snd_ctl_card_info_get_driver(card_info)) == "USB-Audio"});
    }
    snd_pcm_info_free(pcm_info);
    snd_ctl_card_info_free(card_info);
    snd_ctl_close(control);
  }
  return cards;
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
