// Pictures out of a pipe: one after the other without compression, as another program writes them.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "vision/image.h"

namespace deixis::camera {

struct PictureExtents {
  int64_t height_px = 0;
  int64_t width_px = 0;
};

class PictureStream {
 public:
  // With extents: their pixels alone, RGB, rows without padding. Without: each picture is a PPM
  // file (P6, 255), as Netpbm specifies it, and says itself how large it is.
  explicit PictureStream(std::optional<PictureExtents> extents = {}) : extents_(extents) {}

  // Pictures are taken from `bytes()` once they have been appended to it.
  std::vector<std::byte>& bytes() { return bytes_; }
  // The oldest whole picture; nothing when more bytes are needed. kInvalidData for what is no
  // picture or one beyond 100 megapixels: nothing more can be read then.
  Result<std::optional<Image>> Take();

 private:
  std::optional<PictureExtents> extents_;
  std::vector<std::byte> bytes_;
};

}  // namespace deixis::camera
