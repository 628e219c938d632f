#include "vision/store/picture_file.h"

#include <utility>

#include "vision/codecs.h"
#include "vision/image.h"

namespace deixis::internal {
namespace {

// A turned picture loses next to nothing once more; twice the size of quality 92 is not worth it.
constexpr int kQuality = 95;

std::string ExtensionOf(std::span<const std::byte> bytes) {
  switch (bytes.empty() ? std::byte{0} : bytes.front()) {
    case std::byte{0xFF}:
      return ".jpg";
    case std::byte{0x89}:
      return ".png";
    default:
      return ".webp";
  }
}

}  // namespace

Result<PictureFile> LookAtPicture(std::span<const std::byte> bytes, const std::string& name) {
  Result<DecodedImage> decoded = Decode(bytes);
  if (!decoded.ok()) return decoded.error().WithContext(name);
  const bool is_turned = decoded->orientation != 1;
  const Image image = Oriented(std::move(decoded->image), decoded->orientation);
  PictureFile file{.height_px = image.height_px,
                   .width_px = image.width_px,
                   .hash = HashPicture(image),
                   .extension = ExtensionOf(bytes),
                   .upright = {}};
  if (!is_turned) return file;
  const bool is_jpeg = file.extension == ".jpg";
  Result<std::vector<std::byte>> upright = is_jpeg ? EncodeJpeg(image, kQuality) : EncodePng(image);
  if (!upright.ok()) return upright.error().WithContext(name);
  file.upright = *std::move(upright);
  if (!is_jpeg) file.extension = ".png";
  return file;
}

uint64_t DigestOf(std::span<const std::byte> bytes) {
  uint64_t digest = 0xCBF29CE484222325u;
  for (const std::byte byte : bytes) {
    digest = (digest ^ std::to_integer<uint64_t>(byte)) * 0x100000001B3u;
  }
  return digest;
}

}  // namespace deixis::internal
