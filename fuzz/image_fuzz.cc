// Any bytes as a picture: an error with a name, or exactly the pixels that its extents promise,
// which can then be prepared for a network.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "vision/image.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto image = deixis::DecodeImage(std::as_bytes(std::span(data, size)), "input");
  if (!image.ok()) {
    if (image.error().message.empty()) std::abort();
    return 0;
  }
  const int64_t num_pixels = image->height_px * image->width_px;
  if (num_pixels < 1 || image->pixels.size() != static_cast<size_t>(3 * num_pixels)) std::abort();
  deixis::Preprocessing preprocessing;
  preprocessing.height_px = preprocessing.width_px = 16;
  preprocessing.shorter_side_px = 20;
  if (deixis::PrepareForModel(*image, preprocessing).pixels.size() != 16 * 16 * 3) std::abort();
  return 0;
}
