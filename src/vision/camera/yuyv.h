// YUYV, the uncompressed pictures of USB cameras, as RGB.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.h"
#include "vision/image.h"

namespace deixis::camera {

// Two pixels in four bytes: luma, blue difference, luma, red difference; BT.601, luma 16..235, the
// differences 16..240 about 128. Each channel is within 1 of the exact value.
struct YuyvLayout {
  int64_t height_px = 0;
  int64_t width_px = 0;          // even
  int64_t row_stride_bytes = 0;  // at least 2 * width_px
};

// kInvalidData when `bytes` ends before the last row does: a frame that was cut short.
Result<Image> DecodeYuyv(std::span<const std::byte> bytes, const YuyvLayout& layout);

}  // namespace deixis::camera
