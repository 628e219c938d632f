#include "vision/picture_hash.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <numbers>

namespace deixis {
namespace {

constexpr int kSidePx = 32;
constexpr int kFrequencies = 16;

// cos(pi (2i + 1) k / 2n) in 14 fractional bits: rounded so coarsely that every library of
// mathematics gives the same.
using CosineTable = std::array<std::array<int64_t, kSidePx>, kFrequencies>;
const CosineTable& Cosines() {
  static const CosineTable table = [] {
    CosineTable cosines{};
    for (int k = 0; k < kFrequencies; ++k) {
      for (int i = 0; i < kSidePx; ++i) {
        cosines[k][i] =
            std::llround(16384.0 * std::cos(std::numbers::pi * (2 * i + 1) * k / (2.0 * kSidePx)));
      }
    }
    return cosines;
  }();
  return table;
}

}  // namespace

PictureHash HashPicture(const Image& image) {
  const Image small = Resize(image, kSidePx, kSidePx);
  const CosineTable& cosines = Cosines();
  // Rows first: at most 32 * 255 * 1000 * 2^14 fits twice over.
  std::array<std::array<int64_t, kFrequencies>, kSidePx> rows{};
  for (int y = 0; y < kSidePx; ++y) {
    for (int x = 0; x < kSidePx; ++x) {
      const uint8_t* rgb = &small.pixels[static_cast<size_t>(3 * (y * kSidePx + x))];
      const int64_t brightness = 299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2];
      for (int k = 0; k < kFrequencies; ++k) rows[y][k] += brightness * cosines[k][x];
    }
  }
  std::array<int64_t, kFrequencies * kFrequencies> spectrum{};
  for (int v = 0; v < kFrequencies; ++v) {
    for (int k = 0; k < kFrequencies; ++k) {
      int64_t sum = 0;
      for (int y = 0; y < kSidePx; ++y) sum += (rows[y][k] >> 14) * cosines[v][y];
      spectrum[v * kFrequencies + k] = sum;
    }
  }
  auto sorted = spectrum;
  const auto middle = sorted.begin() + 1 + (sorted.size() - 1) / 2;
  std::nth_element(sorted.begin() + 1, middle, sorted.end());
  PictureHash hash;
  for (size_t i = 1; i < spectrum.size(); ++i) {
    if (spectrum[i] > *middle) hash.bits[i / 64] |= uint64_t{1} << (i % 64);
  }
  return hash;
}

int Distance(const PictureHash& a, const PictureHash& b) {
  int distance = 0;
  for (size_t i = 0; i < a.bits.size(); ++i) distance += std::popcount(a.bits[i] ^ b.bits[i]);
  return distance;
}

std::string ToHex(const PictureHash& hash) {
  std::string text;
  for (const uint64_t word : hash.bits) {
    for (int shift = 60; shift >= 0; shift -= 4) text += "0123456789abcdef"[(word >> shift) & 15];
  }
  return text;
}

std::optional<PictureHash> PictureHashFromHex(std::string_view text) {
  PictureHash hash;
  if (text.size() != 16 * hash.bits.size()) return std::nullopt;
  for (size_t i = 0; i < hash.bits.size(); ++i) {
    const std::string_view digits = text.substr(16 * i, 16);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), hash.bits[i], 16);
    if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  }
  return hash;
}

}  // namespace deixis
