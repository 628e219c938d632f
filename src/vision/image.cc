#include "vision/image.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <string_view>
#include <utility>

#include "base/file.h"
#include "vision/codecs.h"

namespace deixis {
namespace internal {

Status CheckExtents(int64_t height_px, int64_t width_px) {
  if (height_px < 1 || width_px < 1) return InvalidData("the picture has no pixels");
  if (height_px > kMaxSidePx || width_px > kMaxSidePx || height_px * width_px > kMaxPixels) {
    return InvalidData("expected at most " + std::to_string(kMaxPixels / 1'000'000) +
                           " megapixels and " + std::to_string(kMaxSidePx) +
                           " pixels a side, found " + std::to_string(width_px) + " x " +
                           std::to_string(height_px) + " pixels",
                       "scale it down first");
  }
  return Ok();
}

}  // namespace internal
namespace {

bool StartsWith(std::span<const std::byte> bytes, std::string_view magic, size_t offset = 0) {
  return bytes.size() >= offset + magic.size() &&
         std::memcmp(bytes.data() + offset, magic.data(), magic.size()) == 0;
}

bool LooksLikeText(std::span<const std::byte> bytes) {
  return std::ranges::all_of(bytes.first(std::min<size_t>(bytes.size(), 512)), [](std::byte byte) {
    const int c = std::to_integer<int>(byte);
    return c >= 0x20 || c == '\n' || c == '\r' || c == '\t' || c == '\f';
  });
}

// In words, for the message about a file that is none of the formats read here.
std::string_view KindOf(std::span<const std::byte> bytes) {
  struct Magic {
    std::string_view bytes;
    std::string_view kind;
  };
  static constexpr std::array kMagics = {Magic{"GIF8", "a GIF"},
                                         Magic{"BM", "a BMP"},
                                         Magic{"II*\0", "a TIFF"},
                                         Magic{{"MM\0*", 4}, "a TIFF"},
                                         Magic{"%PDF", "a PDF"},
                                         Magic{"PK\3\4", "a zip archive"},
                                         Magic{"\x1f\x8b", "a gzip file"},
                                         Magic{"\x93NUMPY", "a NumPy array"},
                                         Magic{"\x80\2", "a Python pickle"}};
  if (bytes.empty()) return "an empty file";
  for (const Magic& magic : kMagics) {
    if (StartsWith(bytes, magic.bytes)) return magic.kind;
  }
  if (StartsWith(bytes, "ftyp", 4)) return "an AVIF, HEIC or MP4 file";
  if (!LooksLikeText(bytes)) return "bytes of no known format";
  std::string start;
  for (const std::byte byte : bytes.first(std::min<size_t>(bytes.size(), 256))) {
    start += static_cast<char>(std::tolower(std::to_integer<int>(byte)));
  }
  if (start.find("<!doctype html") != std::string::npos ||
      start.find("<html") != std::string::npos) {
    return "an HTML page";
  }
  if (start.find("git-lfs") != std::string::npos) return "a Git LFS pointer";
  return "text";
}

}  // namespace
namespace internal {

Result<DecodedImage> Decode(std::span<const std::byte> bytes) {
  if (StartsWith(bytes, "\xFF\xD8\xFF")) return DecodeJpeg(bytes);
  if (StartsWith(bytes, "\x89PNG\r\n\x1a\n")) return DecodePng(bytes);
  if (StartsWith(bytes, "RIFF") && StartsWith(bytes, "WEBP", 8)) return DecodeWebp(bytes);
  return InvalidData("expected a JPEG, PNG or WebP picture, found " + std::string(KindOf(bytes)),
                     "convert it to one of these formats");
}

}  // namespace internal

Result<Image> DecodeImage(std::span<const std::byte> bytes, const std::string& name) {
  Result<internal::DecodedImage> decoded = internal::Decode(bytes);
  if (!decoded.ok()) return decoded.error().WithContext(name);
  return internal::Oriented(std::move(decoded->image), decoded->orientation);
}

Result<Image> ReadImage(const std::string& path) {
  DEIXIS_ASSIGN(const auto file, MappedFile::Open(path));
  return DecodeImage(file->bytes(), path);
}

Status WritePng(const std::string& path, const Image& image) {
  Result<std::vector<std::byte>> bytes = internal::EncodePng(image);
  if (!bytes.ok()) return bytes.error().WithContext(path);
  return WriteFileAtomically(path, *bytes);
}

}  // namespace deixis
