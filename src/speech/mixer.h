// What the wearer hears, sample by sample: one utterance slot, where a new name takes the place of
// the one that is being said and nothing queues, and short earcons over it. No device, no clock:
// whoever owns a sound card asks for the next block.
#pragma once

#include <cstdint>
#include <span>

#include "base/result.h"
#include "speech/wav.h"

namespace deixis {

// Of everything that is mixed.
inline constexpr int64_t kMixRateHz = 22050;
inline constexpr int64_t kMixChannels = 2;

// The sound at the mixer's rate and channels: channels beyond two are left out, one becomes both;
// another rate is interpolated linearly (speech holds little above 8 kHz). O(samples).
Sound ToMixFormat(const Sound& sound);

enum class Earcon {
  kFingerFound,
  kLocked,
  kUnknown,
  kTooDark,
  kTooBlurred,
  kCameraLost,
};

// Short tones that can be told apart. `centrality` (0 at the frame's edge, 1 at its centre) raises
// the pitch of kFingerFound; `pan` (-1 left, 1 right) moves it between the ears. Mix format.
Sound MakeEarcon(Earcon kind, double centrality = 1, double pan = 0);

// Not thread-safe.
class Mixer {
 public:
  // 0..1 of full scale.
  void SetVolume(double volume) { volume_ = volume; }

  // Takes the slot, from the next block on; what was being said fades out over 10 ms. Mix format.
  void Say(Sound utterance);
  // Heard over what is being said, which is lowered meanwhile; a new one takes the place of
  // another.
  void Play(Sound earcon);
  void Silence();

  bool is_speaking() const { return position_ < utterance_.num_frames(); }
  bool is_idle() const {
    return !is_speaking() && fading_.empty() && earcon_position_ >= earcon_.num_frames();
  }

  // The next block, interleaved: block.size() is a multiple of kMixChannels. Silence when there is
  // nothing to say. Does not allocate.
  void Render(std::span<int16_t> block);

 private:
  double volume_ = 1;
  Sound utterance_{.sample_rate_hz = kMixRateHz, .num_channels = kMixChannels};
  int64_t position_ = 0;
  std::vector<int16_t> fading_;  // the rest of what was interrupted, already faded
  int64_t fading_position_ = 0;
  Sound earcon_{.sample_rate_hz = kMixRateHz, .num_channels = kMixChannels};
  int64_t earcon_position_ = 0;
};

}  // namespace deixis
