#include "vision/write_jpeg.h"

#include <vector>

#include "base/file.h"
#include "vision/codecs.h"

namespace deixis {

Status WriteJpeg(const std::string& path, const Image& image, int quality) {
  Result<std::vector<std::byte>> bytes = internal::EncodeJpeg(image, quality);
  if (!bytes.ok()) return bytes.error().WithContext(path);
  return WriteFileAtomically(path, *bytes);
}

}  // namespace deixis
