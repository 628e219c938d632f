// What a picture looks like, coarsely, in 256 bits: near duplicates differ in few of them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "vision/image.h"

namespace deixis {

// The signs of the 255 lowest frequencies of a picture's brightness about their median: a cosine
// transform of 32x32 pixels, its 16x16 lowest but for the mean (after Zauner, "Implementation and
// Benchmarking of Perceptual Image Hash Functions", 2010). Scaling, compression and a change of
// brightness flip few of them.
struct PictureHash {
  std::array<uint64_t, 4> bits{};
  friend bool operator==(const PictureHash&, const PictureHash&) = default;
};

// In integers: the same on every platform. O(pixels).
PictureHash HashPicture(const Image& image);

// Bits in which two hashes differ, 0..255; about 128 for pictures that have nothing in common.
int Distance(const PictureHash& a, const PictureHash& b);

// 64 lower-case hexadecimal digits, and back.
std::string ToHex(const PictureHash& hash);
std::optional<PictureHash> PictureHashFromHex(std::string_view text);

}  // namespace deixis
