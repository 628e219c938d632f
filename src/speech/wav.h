// Sound as 16-bit PCM, and the WAV files (RIFF, Microsoft and IBM, 1991) that a voice writes and a
// listener opens.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace deixis {

struct Sound {
  int64_t sample_rate_hz = 22050;
  int64_t num_channels = 1;
  std::vector<int16_t> samples = {};  // [frames, num_channels], interleaved

  int64_t num_frames() const { return static_cast<int64_t>(samples.size()) / num_channels; }
  double duration_ms() const {
    return 1000.0 * static_cast<double>(num_frames()) / static_cast<double>(sample_rate_hz);
  }
};

// The largest absolute sample, 0..32768; 0 for no samples.
int Peak(const Sound& sound);
// Root of the mean square over all samples, in the same unit; 0 for no samples.
double RootMeanSquare(const Sound& sound);

// Accepts 16-bit PCM (plain or "extensible"), 1 to 8 channels, 1 to 384 kHz; other chunks are
// skipped. A program that writes to a pipe cannot know its length when it writes the header, so a
// data length of 0, or from 0x7FFFF000 on, means "to the end". Any other length that the bytes do
// not hold is an error: kInvalidData, the message beginning with `name`.
Result<Sound> ParseWav(std::span<const std::byte> bytes, const std::string& name);
Result<Sound> ReadWav(const std::string& path);

// The old file or the new one, never half of one. kInvalidData for a sound that a WAV cannot hold.
Status WriteWav(const std::string& path, const Sound& sound);

}  // namespace deixis
