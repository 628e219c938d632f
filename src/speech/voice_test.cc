// The voice and its sound: measured on the real program where it is installed, and on programs that
// misbehave in every way we could think of.
#include "speech/voice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "speech/audio_out.h"

namespace deixis {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

bool HaveEspeak() { return RunChild({"espeak-ng", "--version"}, "").ok(); }

VoiceOptions Shell(const std::string& script, int timeout_ms = 5000) {
  return {.command = {"sh", "-c", script}, .limits = {.timeout_ms = timeout_ms}};
}

double ElapsedMs(std::chrono::steady_clock::time_point since) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - since)
      .count();
}

void ExpectUnavailable(const Result<Sound>& sound, const std::string& in_message) {
  ASSERT_FALSE(sound.ok());
  EXPECT_EQ(sound.error().code, ErrorCode::kDeviceUnavailable);
  EXPECT_THAT(sound.error().message, HasSubstr(in_message));
  EXPECT_THAT(sound.error().remedy, Not(IsEmpty()));
}

TEST(SpokenForm, ReplacesWhatIsNotSpoken) {
  EXPECT_EQ(SpokenForm("great_white_shark"), "great white shark");
  EXPECT_EQ(SpokenForm("  cup\t\n"), "cup");
  EXPECT_EQ(SpokenForm("t-shirt, red"), "t-shirt, red");
  EXPECT_EQ(SpokenForm(std::string_view("a\0b", 3)), "a b");
  EXPECT_EQ(SpokenForm("caf\xC3\xA9"), "caf\xC3\xA9");
  EXPECT_EQ(SpokenForm("a\xFF\xC0\xAFz"), "a z");
  EXPECT_EQ(SpokenForm("7"), "7");
}

TEST(SpokenForm, IsEmptyForTheUnspeakable) {
  for (const char* label : {"", " ", "___", "...", "-!?", "\x01\x02", "\xFF\xFE", "\xC2\x85"}) {
    EXPECT_EQ(SpokenForm(label), "") << label;
  }
}

TEST(Synthesize, SpeaksWithEspeak) {
  if (!HaveEspeak()) GTEST_SKIP() << "espeak-ng is not installed";
  const auto sound = Synthesize("great_white_shark");
  ASSERT_TRUE(sound.ok()) << sound.error().message;
  EXPECT_EQ(sound->sample_rate_hz, 22050);
  EXPECT_EQ(sound->num_channels, 1);
  EXPECT_GT(sound->duration_ms(), 500);
  EXPECT_LT(sound->duration_ms(), 4000);
  EXPECT_GT(RootMeanSquare(*sound), 500);
  // Three words last longer than one.
  const auto shorter = Synthesize("shark");
  ASSERT_TRUE(shorter.ok());
  EXPECT_GT(sound->duration_ms(), shorter->duration_ms() + 200);
}

TEST(Synthesize, SpeaksATextThatLooksLikeAnOption) {
  if (!HaveEspeak()) GTEST_SKIP() << "espeak-ng is not installed";
  for (const char* text : {"--version", "-f/etc/passwd", "$(reboot)", "; ls"}) {
    const auto sound = Synthesize(text);
    ASSERT_TRUE(sound.ok()) << sound.error().message;
    EXPECT_GT(sound->duration_ms(), 200) << text;
    EXPECT_LT(sound->duration_ms(), 6000) << text;
  }
}

TEST(Synthesize, RefusesTheUnspeakable) {
  ExpectUnavailable(Synthesize(""), "expected a letter or a digit");
  ExpectUnavailable(Synthesize("..."), "\"...\"");
  ExpectUnavailable(Synthesize("\x01\x02"), "\"??\"");
  ExpectUnavailable(Synthesize(std::string(1 << 20, 'a')), "found 1048576");
}

TEST(Synthesize, NamesAMissingVoice) {
  const auto sound = Synthesize("cup", {.command = {"no-such-voice-program"}});
  ExpectUnavailable(sound, "no-such-voice-program");
  EXPECT_THAT(sound.error().remedy, HasSubstr("apt-get install espeak-ng"));
  ExpectUnavailable(Synthesize("cup", {.command = {"/etc/hostname"}}), "/etc/hostname");
}

TEST(Synthesize, StopsAVoiceThatHangs) {
  const auto start = std::chrono::steady_clock::now();
  ExpectUnavailable(Synthesize("cup", Shell("sleep 60", 200)), "within 200 ms");
  // The child closes its output and hangs; a grandchild holds the output open.
  ExpectUnavailable(Synthesize("cup", Shell("exec >&- 2>&-; sleep 60", 200)), "within 200 ms");
  ExpectUnavailable(Synthesize("cup", Shell("sleep 60 & exit 0", 200)), "within 200 ms");
  ExpectUnavailable(Synthesize("cup", Shell("trap '' TERM INT HUP; sleep 60", 200)), "within");
  EXPECT_LT(ElapsedMs(start), 20'000);
}

TEST(Synthesize, StopsAVoiceThatNeverStopsWriting) {
  VoiceOptions options{.command = {"yes"}};
  options.limits = {.timeout_ms = 20'000, .max_output_bytes = 1 << 20};
  ExpectUnavailable(Synthesize("cup", options), "at most 1048576 bytes");
  // Endless complaints on stderr do not fill the memory; the time limit ends them.
  ExpectUnavailable(Synthesize("cup", Shell("exec yes >&2", 300)), "within 300 ms");
}

TEST(Synthesize, RefusesWhatIsNotSpeech) {
  ExpectUnavailable(Synthesize("cup", Shell("echo hello")), "expected a WAV file");
  ExpectUnavailable(Synthesize("cup", Shell("true")), "found nothing");
  ExpectUnavailable(Synthesize("cup", Shell("echo broken >&2; exit 3")), "found 3: broken");
  ExpectUnavailable(Synthesize("cup", Shell("kill -9 $$")), "found 137");
}

TEST(Synthesize, RefusesSilence) {
  const std::string path = ::testing::TempDir() + "deixis_silence_" + std::to_string(::getpid());
  ASSERT_TRUE(WriteWav(path, {.samples = std::vector<int16_t>(2000, 3)}).ok());
  ExpectUnavailable(Synthesize("cup", {.command = {"cat", path}}), "found silence");
  std::filesystem::remove(path);
}

TEST(PlaySound, WritesAFile) {
  const std::string path = ::testing::TempDir() + "deixis_play_" + std::to_string(::getpid());
  const Sound sound{.sample_rate_hz = 16000, .samples = {1, -2, 32767, -32768}};
  ASSERT_TRUE(PlaySound("file:" + path, sound).ok());
  const auto read = ReadWav(path);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->samples, sound.samples);
  EXPECT_EQ(read->sample_rate_hz, 16000);
  std::filesystem::remove(path);
}

TEST(PlaySound, RefusesOtherUris) {
  for (const char* uri : {"", "alsa:", "file:", "out.wav", "pulse:default"}) {
    const Status status = PlaySound(uri, {});
    ASSERT_FALSE(status.ok()) << uri;
    EXPECT_EQ(status.error().code, ErrorCode::kUsage) << uri;
  }
  EXPECT_EQ(PlaySound("file:/no/such/folder/out.wav", {}).error().code, ErrorCode::kNotFound);
}

TEST(PlaySound, NamesAMissingDevice) {
  const auto start = std::chrono::steady_clock::now();
  const Status status = PlaySound("alsa:hw:31,7", {.samples = std::vector<int16_t>(100, 1000)});
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kDeviceUnavailable);
  EXPECT_THAT(status.error().message, HasSubstr("alsa:hw:31,7"));
  EXPECT_THAT(status.error().remedy, HasSubstr("file:OUT.wav"));
  EXPECT_FALSE(PlaySound("alsa:no such device", {}).ok());
  EXPECT_LT(ElapsedMs(start), 5000);
}

TEST(PlaySound, PlaysToAlsasNullDevice) {
  // The null device of ALSA takes any sound at once: the whole path without a sound card.
  const Status status = PlaySound("alsa:null", {.samples = std::vector<int16_t>(22050, 1000)});
  EXPECT_TRUE(status.ok()) << status.error().message;
}

}  // namespace
}  // namespace deixis
