// What a speaker writes, sample by sample; a device is ALSA's null device, which takes sound and
// plays it to nobody.
#include "speech/speaker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <string>

namespace deixis {
namespace {

namespace fs = std::filesystem;

Sound Constant(int16_t value, int64_t duration_ms) {
  return {.sample_rate_hz = kMixRateHz,
          .num_channels = kMixChannels,
          .samples = std::vector<int16_t>(
              static_cast<size_t>(duration_ms * kMixRateHz / 1000 * kMixChannels), value)};
}

class FileSpeakerTest : public ::testing::Test {
 protected:
  const std::string path_ = ::testing::TempDir() + "speaker_" + std::to_string(::getpid()) + ".wav";
  void TearDown() override { fs::remove(path_); }
  static int16_t At(const Sound& sound, int64_t ms) {
    return sound.samples.at(static_cast<size_t>(ms * kMixRateHz / 1000 * kMixChannels));
  }
};

TEST_F(FileSpeakerTest, WritesWhatWouldHaveBeenHeardWhen) {
  auto speaker = OpenSpeaker("file:" + path_);
  ASSERT_TRUE(speaker.ok()) << speaker.error().message;
  (*speaker)->Advance(5000);
  (*speaker)->Advance(6000);
  (*speaker)->Say(Constant(1000, 500));
  (*speaker)->Advance(6200);
  (*speaker)->Say(Constant(-2000, 300));  // interrupts
  (*speaker)->Advance(9000);
  (*speaker)->Say(Constant(3000, 400));
  ASSERT_TRUE((*speaker)->Finish().ok());
  const auto sound = ReadWav(path_);
  ASSERT_TRUE(sound.ok()) << sound.error().message;
  EXPECT_EQ(At(*sound, 900), 0);
  EXPECT_EQ(At(*sound, 1100), 1000);
  EXPECT_EQ(At(*sound, 1300), -2000);
  EXPECT_EQ(At(*sound, 1600), 0);
  EXPECT_EQ(At(*sound, 4200), 3000);
  EXPECT_NEAR(sound->duration_ms(), 4400, 25);
}

TEST_F(FileSpeakerTest, AFileThatCannotBeWrittenIsAnErrorAtTheEnd) {
  auto speaker = OpenSpeaker("file:/no/such/folder/out.wav");
  ASSERT_TRUE(speaker.ok());
  EXPECT_FALSE((*speaker)->Finish().ok());
}

TEST(AlsaSpeaker, PlaysToTheNullDeviceAndEnds) {
  auto speaker = OpenSpeaker("alsa:null");
  ASSERT_TRUE(speaker.ok());
  (*speaker)->SetVolume(0.5);
  (*speaker)->Play(MakeEarcon(Earcon::kLocked));
  (*speaker)->Say(Constant(1000, 200));
  EXPECT_TRUE((*speaker)->Finish().ok());
}

TEST(AlsaSpeaker, AMissingDeviceIsAProblemAndNoCrash) {
  auto speaker = OpenSpeaker("alsa:plughw:CARD=NoSuchCard,DEV=0");
  ASSERT_TRUE(speaker.ok());
  (*speaker)->Say(Constant(1000, 200));
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while ((*speaker)->Problem().ok() && std::chrono::steady_clock::now() < deadline) {
  }
  const Status problem = (*speaker)->Finish();
  ASSERT_FALSE(problem.ok());
  EXPECT_EQ(problem.error().code, ErrorCode::kDeviceUnavailable);
  EXPECT_THAT(problem.error().message, ::testing::HasSubstr("NoSuchCard"));
}

TEST(Speaker, RefusesOtherPlaces) {
  EXPECT_FALSE(OpenSpeaker("loud").ok());
  EXPECT_FALSE(OpenSpeaker("file:").ok());
  EXPECT_FALSE(OpenSpeaker("alsa:").ok());
}

}  // namespace
}  // namespace deixis
