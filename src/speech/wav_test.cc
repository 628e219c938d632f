#include "speech/wav.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/rng.h"

namespace deixis {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Number(uint64_t value, int num_bytes) {
  std::string bytes;
  for (int i = 0; i < num_bytes; ++i) bytes += static_cast<char>(value >> (8 * i));
  return bytes;
}

std::string Chunk(std::string_view tag, const std::string& body) {
  return std::string(tag) + Number(body.size(), 4) + body + std::string(body.size() % 2, '\0');
}

std::string Fmt(int encoding = 1, int channels = 1, int rate = 22050, int bits = 16) {
  return Number(encoding, 2) + Number(channels, 2) + Number(rate, 4) +
         Number(rate * channels * bits / 8, 4) + Number(channels * bits / 8, 2) + Number(bits, 2);
}

std::string Wave(const std::string& chunks) {
  return "RIFF" + Number(chunks.size() + 4, 4) + "WAVE" + chunks;
}

Result<Sound> Parse(std::string_view bytes) {
  return ParseWav(std::as_bytes(std::span(bytes.data(), bytes.size())), "test.wav");
}

void ExpectRefused(const std::string& bytes, const std::string& in_message) {
  const auto sound = Parse(bytes);
  ASSERT_FALSE(sound.ok()) << in_message;
  EXPECT_EQ(sound.error().code, ErrorCode::kInvalidData);
  EXPECT_THAT(sound.error().message, HasSubstr(in_message));
  EXPECT_THAT(sound.error().message, HasSubstr("test.wav"));
}

const std::string kTwoSamples("\x01\x00\xFF\x7F", 4);  // 1, 32767

TEST(ParseWav, ReadsSamples) {
  const auto sound = Parse(Wave(Chunk("fmt ", Fmt(1, 1, 8000)) + Chunk("data", kTwoSamples)));
  ASSERT_TRUE(sound.ok()) << sound.error().message;
  EXPECT_EQ(sound->sample_rate_hz, 8000);
  EXPECT_EQ(sound->num_channels, 1);
  EXPECT_THAT(sound->samples, ElementsAre(1, 32767));
  EXPECT_DOUBLE_EQ(sound->duration_ms(), 0.25);
}

TEST(ParseWav, SkipsOtherChunksAndTheirPadding) {
  const auto sound = Parse(Wave(Chunk("LIST", "odd") + Chunk("fmt ", Fmt(1, 2)) +
                                Chunk("fact", "1234") + Chunk("data", kTwoSamples)));
  ASSERT_TRUE(sound.ok()) << sound.error().message;
  EXPECT_EQ(sound->num_channels, 2);
  EXPECT_EQ(sound->num_frames(), 1);
}

TEST(ParseWav, TakesAStreamsUnknownLengthAsToTheEnd) {
  for (const uint64_t length : {0u, 0x7FFFF000u, 0xFFFFFFFFu}) {
    const auto sound =
        Parse(Wave(Chunk("fmt ", Fmt())) + "data" + Number(length, 4) + kTwoSamples + "x");
    ASSERT_TRUE(sound.ok()) << sound.error().message;
    EXPECT_THAT(sound->samples, ElementsAre(1, 32767)) << length;
  }
}

TEST(ParseWav, ReadsTheExtensibleForm) {
  const std::string extensible = Fmt(0xFFFE) + Number(22, 2) + Number(16, 2) + Number(0, 4) +
                                 Number(1, 2) + std::string(14, 'g');
  EXPECT_TRUE(Parse(Wave(Chunk("fmt ", extensible) + Chunk("data", kTwoSamples))).ok());
}

TEST(ParseWav, RefusesOtherFiles) {
  ExpectRefused("", "found nothing");
  ExpectRefused("<html>not a sound</html>", "expected a WAV file");
  ExpectRefused("RIFF\x04\x00", "expected a WAV file");
  ExpectRefused(Wave(""), "expected a data chunk");
  ExpectRefused(Wave(Chunk("data", kTwoSamples)), "fmt chunk before the data");
  ExpectRefused(Wave(Chunk("fmt ", "short")), "at least 16 bytes, found 5");
  ExpectRefused(Wave(Chunk("fmt ", Fmt(3, 1, 22050, 32))), "found encoding 3 with 32 bits");
  ExpectRefused(Wave(Chunk("fmt ", Fmt(1, 1, 22050, 8))), "with 8 bits");
  ExpectRefused(Wave(Chunk("fmt ", Fmt(1, 0))), "found 0 in frames");
  ExpectRefused(Wave(Chunk("fmt ", Fmt(1, 9))), "found 9 in frames");
  ExpectRefused(Wave(Chunk("fmt ", Fmt(1, 1, 10))), "found 10 Hz");
  ExpectRefused(Wave(Chunk("fmt ", Fmt()) + "data" + Number(5000, 4) + kTwoSamples),
                "expected 5000 bytes, found 4");
  ExpectRefused(Wave("junk" + Number(0xFFFFFFF0, 4)), "expected 4294967280 bytes, found 0");
}

TEST(ParseWav, SurvivesEveryTruncationAndManyBitFlips) {
  const std::string whole = Wave(Chunk("LIST", "odd") + Chunk("fmt ", Fmt(1, 2)) +
                                 Chunk("data", kTwoSamples + kTwoSamples));
  for (size_t length = 0; length < whole.size(); ++length) {
    // In a heap block of exactly this size, so that a sanitizer sees any read beyond it.
    EXPECT_FALSE(Parse(std::string(whole, 0, length)).ok()) << length;
  }
  Rng rng(7);
  for (int i = 0; i < 20'000; ++i) {
    std::string flipped = whole;
    for (int flips = 0; flips < 3; ++flips) {
      flipped[rng.Below(flipped.size())] ^= static_cast<char>(1 << rng.Below(8));
    }
    const auto sound = Parse(flipped);
    if (sound.ok()) {
      EXPECT_EQ(static_cast<int64_t>(sound->samples.size()) % sound->num_channels, 0);
    }
  }
}

TEST(WriteWav, ReadsBack) {
  const std::string path = ::testing::TempDir() + "deixis_wav_" + std::to_string(::getpid());
  Sound sound{.sample_rate_hz = 48000, .num_channels = 2};
  for (int i = 0; i < 1000; ++i) sound.samples.push_back(static_cast<int16_t>(i * 37 - 18000));
  ASSERT_TRUE(WriteWav(path, sound).ok());
  const auto read = ReadWav(path);
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(read->samples, sound.samples);
  EXPECT_EQ(read->sample_rate_hz, 48000);
  EXPECT_EQ(read->num_channels, 2);
  EXPECT_EQ(std::filesystem::file_size(path), 44u + 2000u);
  std::filesystem::remove(path);
}

TEST(WriteWav, RefusesWhatAWavCannotHold) {
  const std::string path = ::testing::TempDir() + "deixis_wav_refused";
  EXPECT_FALSE(WriteWav(path, {.num_channels = 0}).ok());
  EXPECT_FALSE(WriteWav(path, {.sample_rate_hz = 1}).ok());
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(Loudness, OfKnownSamples) {
  EXPECT_EQ(Peak({}), 0);
  EXPECT_EQ(RootMeanSquare({}), 0);
  EXPECT_EQ(Peak({.samples = {5, -32768, 9}}), 32768);
  EXPECT_DOUBLE_EQ(RootMeanSquare({.samples = {3, -3, 3, -3}}), 3);
  EXPECT_DOUBLE_EQ(RootMeanSquare({.samples = {0, 7, 0, -7}}), std::sqrt(24.5));
}

}  // namespace
}  // namespace deixis
