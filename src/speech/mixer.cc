#include "speech/mixer.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

namespace deixis {
namespace {

constexpr int64_t kFadeFrames = kMixRateHz / 100;
constexpr double kLoweredBy = 0.35;  // speech under an earcon
constexpr double kEarconLevel = 0.25;

struct Tone {
  double hz;
  double from_ms;
  double to_ms;
};

int16_t ToSample(double value) {
  return static_cast<int16_t>(std::lrint(std::clamp(value, -32768.0, 32767.0)));
}

// Sines that rise and fall over 5 ms, so that nothing clicks.
Sound FromTones(const std::vector<Tone>& tones, double pan) {
  double length_ms = 0;
  for (const Tone& tone : tones) length_ms = std::max(length_ms, tone.to_ms);
  Sound sound{.sample_rate_hz = kMixRateHz, .num_channels = kMixChannels, .samples = {}};
  const auto num_frames = static_cast<int64_t>(length_ms * kMixRateHz / 1000);
  // Equal power: both ears together are as loud wherever it comes from.
  const double angle = (std::clamp(pan, -1.0, 1.0) + 1) * std::numbers::pi / 4;
  const double left = std::cos(angle);
  const double right = std::sin(angle);
  for (int64_t frame = 0; frame < num_frames; ++frame) {
    const double ms = 1000.0 * static_cast<double>(frame) / kMixRateHz;
    double value = 0;
    for (const Tone& tone : tones) {
      if (ms < tone.from_ms || ms >= tone.to_ms) continue;
      const double ramp = std::min({1.0, (ms - tone.from_ms) / 5, (tone.to_ms - ms) / 5});
      value += ramp * std::sin(2 * std::numbers::pi * tone.hz * (ms - tone.from_ms) / 1000);
    }
    value *= 32767 * kEarconLevel;
    sound.samples.push_back(ToSample(value * left));
    sound.samples.push_back(ToSample(value * right));
  }
  return sound;
}

}  // namespace

Sound ToMixFormat(const Sound& sound) {
  Sound mixed{.sample_rate_hz = kMixRateHz, .num_channels = kMixChannels, .samples = {}};
  const int64_t num_frames = sound.num_frames();
  const double step = static_cast<double>(sound.sample_rate_hz) / kMixRateHz;
  const auto count =
      static_cast<int64_t>(std::floor(static_cast<double>(num_frames) / step + 1e-9));
  mixed.samples.reserve(static_cast<size_t>(count * kMixChannels));
  for (int64_t i = 0; i < count; ++i) {
    const double place = static_cast<double>(i) * step;
    const auto before = static_cast<int64_t>(place);
    const int64_t after = std::min(before + 1, num_frames - 1);
    const double share = place - static_cast<double>(before);
    for (int64_t channel = 0; channel < kMixChannels; ++channel) {
      const int64_t from = std::min(channel, sound.num_channels - 1);
      const double a = sound.samples[before * sound.num_channels + from];
      const double b = sound.samples[after * sound.num_channels + from];
      mixed.samples.push_back(ToSample(a + share * (b - a)));
    }
  }
  return mixed;
}

Sound MakeEarcon(Earcon kind, double centrality, double pan) {
  switch (kind) {
    case Earcon::kFingerFound:
      return FromTones({{440 + 440 * std::clamp(centrality, 0.0, 1.0), 0, 60}}, pan);
    case Earcon::kLocked:
      return FromTones({{660, 0, 50}, {990, 50, 110}}, 0);
    case Earcon::kUnknown:
      return FromTones({{330, 0, 90}, {262, 90, 200}}, 0);
    case Earcon::kTooDark:
      return FromTones({{196, 0, 180}, {196, 230, 410}}, 0);
    case Earcon::kTooBlurred:
      return FromTones({{294, 0, 60}, {294, 90, 150}, {294, 180, 240}}, 0);
    case Earcon::kCameraLost:
      return FromTones({{523, 0, 120}, {392, 130, 250}, {262, 260, 500}}, 0);
  }
  return FromTones({}, 0);
}

void Mixer::Say(Sound utterance) {
  Silence();
  utterance_ = std::move(utterance);
  position_ = 0;
}

void Mixer::Play(Sound earcon) {
  earcon_ = std::move(earcon);
  earcon_position_ = 0;
}

void Mixer::Silence() {
  const int64_t rest = std::min(kFadeFrames, utterance_.num_frames() - position_);
  if (rest > 0) {
    fading_.clear();
    fading_position_ = 0;
    for (int64_t frame = 0; frame < rest; ++frame) {
      const double gain = 1 - static_cast<double>(frame + 1) / static_cast<double>(rest);
      for (int64_t channel = 0; channel < kMixChannels; ++channel) {
        fading_.push_back(
            ToSample(gain * utterance_.samples[(position_ + frame) * kMixChannels + channel]));
      }
    }
  }
  position_ = utterance_.num_frames();
}

void Mixer::Render(std::span<int16_t> block) {
  for (size_t i = 0; i < block.size(); i += kMixChannels) {
    const bool has_earcon = earcon_position_ < earcon_.num_frames();
    const double speech_gain = has_earcon ? kLoweredBy : 1;
    for (int64_t channel = 0; channel < kMixChannels; ++channel) {
      double value = 0;
      if (is_speaking()) {
        value += speech_gain * utterance_.samples[position_ * kMixChannels + channel];
      }
      const auto fading_at = static_cast<size_t>(fading_position_ * kMixChannels + channel);
      if (fading_at < fading_.size()) value += speech_gain * fading_[fading_at];
      if (has_earcon) value += earcon_.samples[earcon_position_ * kMixChannels + channel];
      block[i + static_cast<size_t>(channel)] = ToSample(volume_ * value);
    }
    if (is_speaking()) ++position_;
    if (has_earcon) ++earcon_position_;
    if (!fading_.empty() &&
        ++fading_position_ * kMixChannels >= static_cast<int64_t>(fading_.size())) {
      fading_.clear();
    }
  }
}

}  // namespace deixis
