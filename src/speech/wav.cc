#include "speech/wav.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>

#include "base/checked.h"
#include "base/file.h"

namespace deixis {
namespace {

constexpr int64_t kMaxChannels = 8;
constexpr int64_t kMinSampleRateHz = 1000;
constexpr int64_t kMaxSampleRateHz = 384000;
constexpr uint32_t kStreamedLength = 0x7FFFF000;  // what espeak-ng and sox write to a pipe, or more
constexpr uint16_t kFormatPcm = 1;
constexpr uint16_t kFormatExtensible = 0xFFFE;
constexpr size_t kHeaderBytes = 44;

uint16_t ReadU16(std::span<const std::byte> bytes, size_t offset) {
  return static_cast<uint16_t>(std::to_integer<uint16_t>(bytes[offset]) |
                               std::to_integer<uint16_t>(bytes[offset + 1]) << 8);
}

uint32_t ReadU32(std::span<const std::byte> bytes, size_t offset) {
  return static_cast<uint32_t>(ReadU16(bytes, offset)) |
         static_cast<uint32_t>(ReadU16(bytes, offset + 2)) << 16;
}

bool HasTag(std::span<const std::byte> bytes, size_t offset, std::string_view tag) {
  return RangeFits(offset, tag.size(), bytes.size()) &&
         std::memcmp(bytes.data() + offset, tag.data(), tag.size()) == 0;
}

struct Format {
  int64_t num_channels;
  int64_t sample_rate_hz;
};

Result<Format> ParseFormat(std::span<const std::byte> chunk, const std::string& name) {
  if (chunk.size() < 16) {
    return InvalidData(name + ": fmt chunk: expected at least 16 bytes, found " +
                       std::to_string(chunk.size()));
  }
  uint16_t encoding = ReadU16(chunk, 0);
  // Extensible: the encoding is the first two bytes of the sub-format's GUID.
  if (encoding == kFormatExtensible && chunk.size() >= 40) encoding = ReadU16(chunk, 24);
  const int64_t num_channels = ReadU16(chunk, 2);
  const int64_t sample_rate_hz = ReadU32(chunk, 4);
  const int64_t frame_bytes = ReadU16(chunk, 12);
  const int64_t bits = ReadU16(chunk, 14);
  if (encoding != kFormatPcm || bits != 16) {
    return InvalidData(name + ": expected 16-bit PCM, found encoding " + std::to_string(encoding) +
                           " with " + std::to_string(bits) + " bits",
                       "let the voice write 16-bit PCM");
  }
  if (num_channels < 1 || num_channels > kMaxChannels || frame_bytes != 2 * num_channels) {
    return InvalidData(name + ": expected 1 to 8 channels of 2 bytes, found " +
                       std::to_string(num_channels) + " in frames of " +
                       std::to_string(frame_bytes) + " bytes");
  }
  if (sample_rate_hz < kMinSampleRateHz || sample_rate_hz > kMaxSampleRateHz) {
    return InvalidData(name + ": expected a sample rate of 1 to 384 kHz, found " +
                       std::to_string(sample_rate_hz) + " Hz");
  }
  return Format{num_channels, sample_rate_hz};
}

Result<Sound> SamplesOf(std::span<const std::byte> bytes, size_t begin, uint32_t length,
                        const Format& format, const std::string& name) {
  const size_t available = bytes.size() - begin;
  const bool streamed = length == 0 || length >= kStreamedLength;
  if (!streamed && length > available) {
    return InvalidData(name + ": data chunk: expected " + std::to_string(length) +
                       " bytes, found " + std::to_string(available));
  }
  const auto frame_bytes = static_cast<size_t>(2 * format.num_channels);
  const size_t num_bytes = std::min<size_t>(streamed ? available : length, available);
  Sound sound{.sample_rate_hz = format.sample_rate_hz, .num_channels = format.num_channels};
  sound.samples.resize(num_bytes / frame_bytes * static_cast<size_t>(format.num_channels));
  for (size_t i = 0; i < sound.samples.size(); ++i) {
    sound.samples[i] = static_cast<int16_t>(ReadU16(bytes, begin + 2 * i));
  }
  return sound;
}

}  // namespace

int Peak(const Sound& sound) {
  int peak = 0;
  for (const int16_t sample : sound.samples) peak = std::max(peak, std::abs(int{sample}));
  return peak;
}

double RootMeanSquare(const Sound& sound) {
  if (sound.samples.empty()) return 0;
  double sum = 0;
  for (const int16_t sample : sound.samples) sum += double{static_cast<double>(sample)} * sample;
  return std::sqrt(sum / static_cast<double>(sound.samples.size()));
}

Result<Sound> ParseWav(std::span<const std::byte> bytes, const std::string& name) {
  if (!HasTag(bytes, 0, "RIFF") || !HasTag(bytes, 8, "WAVE")) {
    return InvalidData(name + ": expected a WAV file (RIFF ... WAVE), found " +
                       (bytes.empty() ? "nothing" : std::to_string(bytes.size()) + " other bytes"));
  }
  std::optional<Format> format;
  size_t offset = 12;
  while (RangeFits(offset, 8, bytes.size())) {
    const uint32_t length = ReadU32(bytes, offset + 4);
    const size_t begin = offset + 8;
    if (HasTag(bytes, offset, "data")) {
      if (!format) return InvalidData(name + ": expected a fmt chunk before the data");
      return SamplesOf(bytes, begin, length, *format, name);
    }
    if (!RangeFits(begin, length, bytes.size())) {
      return InvalidData(name + ": chunk at byte " + std::to_string(offset) + ": expected " +
                         std::to_string(length) + " bytes, found " +
                         std::to_string(bytes.size() - begin));
    }
    if (HasTag(bytes, offset, "fmt ")) {
      DEIXIS_ASSIGN(format, ParseFormat(bytes.subspan(begin, length), name));
    }
    offset = begin + length + (length & 1);  // chunks are padded to an even length
  }
  return InvalidData(name + ": expected a data chunk, found none");
}

Result<Sound> ReadWav(const std::string& path) {
  DEIXIS_ASSIGN(const auto file, MappedFile::Open(path));
  return ParseWav(file->bytes(), path);
}

Status WriteWav(const std::string& path, const Sound& sound) {
  const uint64_t data_bytes = uint64_t{2} * sound.samples.size();
  if (sound.num_channels < 1 || sound.num_channels > kMaxChannels ||
      sound.sample_rate_hz < kMinSampleRateHz || sound.sample_rate_hz > kMaxSampleRateHz ||
      data_bytes >= kStreamedLength) {
    return InvalidData(path + ": cannot hold " + std::to_string(sound.num_channels) +
                       " channels at " + std::to_string(sound.sample_rate_hz) + " Hz in " +
                       std::to_string(data_bytes) + " bytes");
  }
  std::vector<std::byte> bytes;
  bytes.reserve(kHeaderBytes + data_bytes);
  const auto tag = [&](std::string_view text) {
    for (const char c : text) bytes.push_back(static_cast<std::byte>(c));
  };
  const auto number = [&](int64_t value, int num_bytes) {
    for (int i = 0; i < num_bytes; ++i) bytes.push_back(static_cast<std::byte>(value >> (8 * i)));
  };
  const int64_t frame_bytes = 2 * sound.num_channels;
  tag("RIFF");
  number(static_cast<int64_t>(kHeaderBytes - 8 + data_bytes), 4);
  tag("WAVEfmt ");
  number(16, 4);
  number(kFormatPcm, 2);
  number(sound.num_channels, 2);
  number(sound.sample_rate_hz, 4);
  number(sound.sample_rate_hz * frame_bytes, 4);
  number(frame_bytes, 2);
  number(16, 2);
  tag("data");
  number(static_cast<int64_t>(data_bytes), 4);
  for (const int16_t sample : sound.samples) number(sample, 2);
  return WriteFileAtomically(path, bytes);
}

}  // namespace deixis
