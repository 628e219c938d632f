// WebP by libwebp. Of an animation the decoder says so instead of choosing a frame.

#include <webp/decode.h>

#include <cstring>

#include "vision/codecs.h"

namespace deixis::internal {
namespace {

uint32_t LittleEndian32(const std::byte* bytes) {
  uint32_t value = 0;
  for (int i = 3; i >= 0; --i) value = value << 8 | std::to_integer<uint32_t>(bytes[i]);
  return value;
}

// Walks the RIFF chunks for one called EXIF.
int ExifOrientation(std::span<const std::byte> bytes) {
  constexpr size_t kRiffHeader = 12;
  constexpr size_t kChunkHeader = 8;
  size_t offset = kRiffHeader;
  while (offset + kChunkHeader <= bytes.size()) {
    const uint64_t length = LittleEndian32(bytes.data() + offset + 4);
    const size_t begin = offset + kChunkHeader;
    if (length > bytes.size() - begin) return 1;
    if (std::memcmp(bytes.data() + offset, "EXIF", 4) == 0) {
      auto exif = bytes.subspan(begin, length);
      constexpr char kSignature[] = "Exif\0";  // some writers keep JPEG's six bytes in front
      if (exif.size() >= sizeof(kSignature) &&
          std::memcmp(exif.data(), kSignature, sizeof(kSignature)) == 0) {
        exif = exif.subspan(sizeof(kSignature));
      }
      return OrientationOf(exif);
    }
    offset = begin + length + length % 2;
  }
  return 1;
}

}  // namespace

Result<DecodedImage> DecodeWebp(std::span<const std::byte> bytes) {
  const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
  WebPBitstreamFeatures features;
  const VP8StatusCode status = WebPGetFeatures(data, bytes.size(), &features);
  if (status == VP8_STATUS_NOT_ENOUGH_DATA) {
    return InvalidData("truncated WebP: the file ends in its header", "copy or download it again");
  }
  if (status != VP8_STATUS_OK) return InvalidData("damaged WebP: its header makes no sense");
  if (features.has_animation != 0) {
    return InvalidData("expected a picture, found an animated WebP", "save one frame of it");
  }
  DEIXIS_RETURN_IF_ERROR(CheckExtents(features.height, features.width));
  DecodedImage decoded;
  decoded.image = {.height_px = features.height, .width_px = features.width, .pixels = {}};
  decoded.image.pixels.resize(static_cast<size_t>(decoded.image.height_px) *
                              static_cast<size_t>(decoded.image.width_px) * 3);
  if (WebPDecodeRGBInto(data, bytes.size(), decoded.image.pixels.data(),
                        decoded.image.pixels.size(), 3 * features.width) == nullptr) {
    return InvalidData("truncated or damaged WebP", "copy or download it again");
  }
  decoded.orientation = ExifOrientation(bytes);
  return decoded;
}

}  // namespace deixis::internal
