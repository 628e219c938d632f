// Pictures: decoded from JPEG, PNG and WebP, resized as PIL does, written as PNG.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/preprocessing.h"
#include "base/result.h"

namespace deixis {

// RGB, 8 bits, rows without padding: [height, width, 3].
struct Image {
  int64_t height_px = 0;
  int64_t width_px = 0;
  std::vector<uint8_t> pixels;
};

// By content, not by name. Grey becomes RGB, alpha is dropped, EXIF orientation is applied. A file
// that is none of the formats, is truncated, or is larger than 100 megapixels: kInvalidData with
// what it seems to be.
Result<Image> ReadImage(const std::string& path);
Result<Image> DecodeImage(std::span<const std::byte> bytes, const std::string& name);

Status WritePng(const std::string& path, const Image& image);

// Bilinear; when it shrinks, the filter widens with the factor (antialiased), as PIL's BILINEAR.
Image Resize(const Image& image, int64_t height_px, int64_t width_px);

// Resizes and crops by the model's policy; the result is height_px x width_px of `preprocessing`.
// Channel order and normalisation are left to the executor.
Image PrepareForModel(const Image& image, const Preprocessing& preprocessing);

}  // namespace deixis
