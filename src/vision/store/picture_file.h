// The bytes of a picture as they come in, looked at once: whether they are a picture at all, how
// large, what it looks like, and upright.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "vision/picture_hash.h"

namespace deixis::internal {

struct PictureFile {
  int64_t height_px = 0;  // upright
  int64_t width_px = 0;
  PictureHash hash;
  std::string extension;  // ".jpg", ".png", ".webp", by content
  // The picture encoded anew, when its EXIF asked for it to be turned; else empty: keep the bytes.
  std::vector<std::byte> upright;
};

// Errors as DecodeImage. O(pixels).
Result<PictureFile> LookAtPicture(std::span<const std::byte> bytes, const std::string& name);

// A digest for finding the same bytes again, not for trusting them (FNV-1a, 64 bits). O(n).
uint64_t DigestOf(std::span<const std::byte> bytes);

}  // namespace deixis::internal
