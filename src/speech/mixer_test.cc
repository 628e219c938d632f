#include "speech/mixer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>
#include <vector>

namespace deixis {
namespace {

Sound Constant(int16_t value, int64_t num_frames) {
  return {.sample_rate_hz = kMixRateHz,
          .num_channels = kMixChannels,
          .samples = std::vector<int16_t>(static_cast<size_t>(num_frames * kMixChannels), value)};
}

std::vector<int16_t> Render(Mixer& mixer, int64_t num_frames) {
  std::vector<int16_t> block(static_cast<size_t>(num_frames * kMixChannels), 77);
  mixer.Render(block);
  return block;
}

// Loudness of one frequency in a channel: the magnitude of its Fourier coefficient.
double Loudness(const Sound& sound, double hz, int64_t channel) {
  std::complex<double> sum = 0;
  for (int64_t frame = 0; frame < sound.num_frames(); ++frame) {
    const double angle = -2 * std::numbers::pi * hz * static_cast<double>(frame) /
                         static_cast<double>(sound.sample_rate_hz);
    sum += std::polar(1.0, angle) *
           double{static_cast<double>(sound.samples[frame * sound.num_channels + channel])};
  }
  return std::abs(sum) / static_cast<double>(sound.num_frames());
}

TEST(Mixer, SilenceWhenThereIsNothingToSay) {
  Mixer mixer;
  EXPECT_TRUE(mixer.is_idle());
  EXPECT_EQ(Render(mixer, 100), std::vector<int16_t>(200, 0));
}

TEST(Mixer, SaysAllOfAnUtteranceFromItsFirstSample) {
  Mixer mixer;
  mixer.Say(Constant(1000, 150));
  EXPECT_TRUE(mixer.is_speaking());
  EXPECT_EQ(Render(mixer, 100), std::vector<int16_t>(200, 1000));
  const std::vector<int16_t> rest = Render(mixer, 100);
  EXPECT_EQ(std::ranges::count(rest, 1000), 100);
  EXPECT_EQ(std::ranges::count(rest, 0), 100);
  EXPECT_TRUE(mixer.is_idle());
}

TEST(Mixer, ANewNameTakesTheSlotAndNothingQueues) {
  Mixer mixer;
  mixer.Say(Constant(1000, 100'000));
  Render(mixer, 100);
  mixer.Say(Constant(-5000, 1000));
  const std::vector<int16_t> block = Render(mixer, 2000);
  // The old one is gone after 10 ms, and does not come back.
  EXPECT_EQ(block[0] > -5000, true);
  EXPECT_EQ(block[2 * (kMixRateHz / 100)], -5000);
  EXPECT_EQ(block[2 * 999], -5000);
  EXPECT_EQ(block[2 * 1000], 0);
  EXPECT_TRUE(mixer.is_idle());
}

TEST(Mixer, AnInterruptedNameFadesWithoutAStep) {
  Mixer mixer;
  mixer.Say(Constant(10'000, 100'000));
  Render(mixer, 10);
  mixer.Silence();
  const std::vector<int16_t> block = Render(mixer, 400);
  int last = 10'000;
  for (size_t i = 0; i < block.size(); i += 2) {
    EXPECT_LE(std::abs(block[i] - last), 100) << i;
    last = block[i];
  }
  EXPECT_EQ(block.back(), 0);
  EXPECT_TRUE(mixer.is_idle());
}

TEST(Mixer, AnEarconLowersSpeechAndLeavesItsLength) {
  Mixer mixer;
  mixer.Say(Constant(10'000, 1000));
  mixer.Play(Constant(500, 100));
  const std::vector<int16_t> block = Render(mixer, 1000);
  EXPECT_EQ(block[0], 4000);
  EXPECT_EQ(block[2 * 100], 10'000);
  EXPECT_EQ(block.back(), 10'000);
}

TEST(Mixer, LoudSoundsAreClippedAndVolumeApplies) {
  Mixer mixer;
  mixer.Say(Constant(32'000, 10));
  mixer.Play(Constant(32'000, 10));
  EXPECT_EQ(Render(mixer, 10)[0], 32'767);
  mixer.SetVolume(0.5);
  mixer.Say(Constant(1000, 10));
  EXPECT_EQ(Render(mixer, 10)[0], 500);
}

TEST(ToMixFormat, KeepsLengthAndPitch) {
  for (const int64_t rate : {8000, 16'000, 22'050, 44'100, 48'000}) {
    for (const int64_t channels : {1, 2, 3}) {
      Sound tone{.sample_rate_hz = rate, .num_channels = channels, .samples = {}};
      for (int64_t frame = 0; frame < rate / 2; ++frame) {
        const double angle =
            2 * std::numbers::pi * 440 * static_cast<double>(frame) / static_cast<double>(rate);
        for (int64_t c = 0; c < channels; ++c) {
          tone.samples.push_back(static_cast<int16_t>(10'000 * std::sin(angle)));
        }
      }
      const Sound mixed = ToMixFormat(tone);
      EXPECT_EQ(mixed.num_channels, kMixChannels);
      EXPECT_NEAR(mixed.duration_ms(), 500, 0.1);
      EXPECT_NEAR(Loudness(mixed, 440, 0), 5000, 100) << rate;
      EXPECT_NEAR(Loudness(mixed, 440, 1), 5000, 100) << rate;
      EXPECT_LT(Loudness(mixed, 620, 0), 100) << rate;
    }
  }
  EXPECT_EQ(ToMixFormat({.sample_rate_hz = 8000, .num_channels = 1, .samples = {}}).num_frames(),
            0);
}

TEST(Earcons, PitchAndPanFollowThePosition) {
  const Sound centre = MakeEarcon(Earcon::kFingerFound, 1, 0);
  EXPECT_GT(Loudness(centre, 880, 0), 5 * Loudness(centre, 440, 0));
  EXPECT_NEAR(Loudness(centre, 880, 0), Loudness(centre, 880, 1), 10);
  const Sound edge = MakeEarcon(Earcon::kFingerFound, 0, 0);
  EXPECT_GT(Loudness(edge, 440, 0), 5 * Loudness(edge, 880, 0));
  const Sound left = MakeEarcon(Earcon::kFingerFound, 1, -1);
  EXPECT_GT(Loudness(left, 880, 0), 1000);
  EXPECT_LT(Loudness(left, 880, 1), 1);
}

TEST(Earcons, AreShortNeverClipAndEndInSilence) {
  for (const Earcon kind : {Earcon::kFingerFound, Earcon::kLocked, Earcon::kUnknown,
                            Earcon::kTooDark, Earcon::kTooBlurred, Earcon::kCameraLost}) {
    const Sound sound = MakeEarcon(kind);
    EXPECT_GT(sound.duration_ms(), 40);
    EXPECT_LT(sound.duration_ms(), 520);
    EXPECT_LT(Peak(sound), 32'000);
    EXPECT_GT(RootMeanSquare(sound), 500);
    EXPECT_LT(std::abs(sound.samples.front()), 100);
    EXPECT_LT(std::abs(sound.samples.back()), 1000);
  }
}

}  // namespace
}  // namespace deixis
