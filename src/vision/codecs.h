// The three decoders behind DecodeImage, and the encoders behind WritePng and WriteJpeg. Each
// confines its library's way of failing (longjmp, return codes) to its own file.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "vision/image.h"

namespace deixis::internal {

inline constexpr int64_t kMaxPixels = 100'000'000;
inline constexpr int64_t kMaxSidePx = 65'535;

// A picture with the orientation its file asks for, 1..8 as in EXIF; not yet applied.
struct DecodedImage {
  Image image;
  int orientation = 1;
};

// Messages carry no file name; DecodeImage puts it in front.
Result<DecodedImage> DecodeJpeg(std::span<const std::byte> bytes);
Result<DecodedImage> DecodePng(std::span<const std::byte> bytes);
Result<DecodedImage> DecodeWebp(std::span<const std::byte> bytes);

// The one of the three whose bytes these are; anything else is kInvalidData with what it seems to
// be.
Result<DecodedImage> Decode(std::span<const std::byte> bytes);

// kFast takes a third of the time of kSmall; made and noisy pictures come out no larger.
enum class PngEffort { kSmall, kFast };
Result<std::vector<std::byte>> EncodePng(const Image& image, PngEffort effort = PngEffort::kSmall);
// `quality` 1..100.
Result<std::vector<std::byte>> EncodeJpeg(const Image& image, int quality);

// kInvalidData unless both sides are 1..kMaxSidePx and their product is at most kMaxPixels.
Status CheckExtents(int64_t height_px, int64_t width_px);

// The Orientation tag of a TIFF-structured EXIF block ("II*\0..." or "MM\0*..."), 1 when it has
// none or is damaged: a picture is not refused for its tags.
int OrientationOf(std::span<const std::byte> tiff);

// Turned and mirrored so that it is seen as its camera was held.
Image Oriented(Image image, int orientation);

}  // namespace deixis::internal
