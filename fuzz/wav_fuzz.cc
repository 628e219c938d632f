// The WAV parser on any bytes: what a voice writes is not trusted.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "speech/wav.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  const auto sound = deixis::ParseWav(bytes, "fuzz");
  if (!sound.ok()) return 0;
  // Never more samples than there are bytes for, and whole frames only.
  if (sound->num_channels < 1 || 2 * sound->samples.size() > size) std::abort();
  if (sound->samples.size() % static_cast<size_t>(sound->num_channels) != 0) std::abort();
  if (deixis::Peak(*sound) > 32768 || !(deixis::RootMeanSquare(*sound) <= 32768)) std::abort();
  return 0;
}
