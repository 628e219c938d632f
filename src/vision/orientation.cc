// EXIF's Orientation tag: finding it, and turning the picture as it says.

#include <cstring>
#include <optional>
#include <utility>

#include "base/checked.h"
#include "vision/codecs.h"

namespace deixis::internal {
namespace {

// Numbers of a TIFF structure in the byte order that its first two bytes name.
class TiffReader {
 public:
  TiffReader(std::span<const std::byte> bytes, bool is_big_endian)
      : bytes_(bytes), is_big_endian_(is_big_endian) {}

  std::optional<uint32_t> Read(uint64_t offset, int num_bytes) const {
    if (!RangeFits(offset, static_cast<uint64_t>(num_bytes), bytes_.size())) return std::nullopt;
    uint32_t value = 0;
    for (int i = 0; i < num_bytes; ++i) {
      const int place = is_big_endian_ ? i : num_bytes - 1 - i;
      value = value << 8 | std::to_integer<uint32_t>(bytes_[offset + static_cast<uint64_t>(place)]);
    }
    return value;
  }

 private:
  std::span<const std::byte> bytes_;
  bool is_big_endian_;
};

}  // namespace

int OrientationOf(std::span<const std::byte> tiff) {
  constexpr uint32_t kOrientationTag = 0x0112;
  constexpr uint32_t kShortType = 3;
  constexpr uint64_t kEntryBytes = 12;
  if (tiff.size() < 8) return 1;
  const bool is_big_endian = std::memcmp(tiff.data(), "MM\0*", 4) == 0;
  if (!is_big_endian && std::memcmp(tiff.data(), "II*\0", 4) != 0) return 1;
  const TiffReader reader(tiff, is_big_endian);
  const uint64_t directory = reader.Read(4, 4).value_or(0);
  const uint32_t num_entries = reader.Read(directory, 2).value_or(0);
  for (uint32_t i = 0; i < num_entries; ++i) {
    const uint64_t entry = directory + 2 + kEntryBytes * i;
    const auto tag = reader.Read(entry, 2);
    if (!tag) return 1;
    if (*tag != kOrientationTag || reader.Read(entry + 2, 2) != kShortType) continue;
    const uint32_t orientation = reader.Read(entry + 8, 2).value_or(1);
    return orientation >= 1 && orientation <= 8 ? static_cast<int>(orientation) : 1;
  }
  return 1;
}

Image Oriented(Image image, int orientation) {
  if (orientation <= 1 || orientation > 8) return image;
  // The upright picture is written row by row. Orientations 5 to 8 take its rows from the stored
  // columns; some run through the stored rows or columns from their end (6: turn right by 90
  // degrees).
  const bool swaps = orientation >= 5;
  const bool reverses_rows =
      orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  const bool reverses_columns =
      orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  Image upright{.height_px = swaps ? image.width_px : image.height_px,
                .width_px = swaps ? image.height_px : image.width_px,
                .pixels = std::vector<uint8_t>(image.pixels.size())};
  uint8_t* target = upright.pixels.data();
  for (int64_t y = 0; y < upright.height_px; ++y) {
    for (int64_t x = 0; x < upright.width_px; ++x, target += 3) {
      const int64_t row = swaps ? x : y;
      const int64_t column = swaps ? y : x;
      const int64_t source_row = reverses_rows ? image.height_px - 1 - row : row;
      const int64_t source_column = reverses_columns ? image.width_px - 1 - column : column;
      std::memcpy(target, image.pixels.data() + (source_row * image.width_px + source_column) * 3,
                  3);
    }
  }
  return upright;
}

}  // namespace deixis::internal
