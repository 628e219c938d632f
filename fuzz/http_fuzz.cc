// What a camera on the network may say: the first byte chooses the reader, the second how the rest
// is cut into pieces.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "vision/camera/http_message.h"
#include "vision/camera/picture_stream.h"

namespace {

using deixis::camera::ChunkedBody;
using deixis::camera::MultipartBody;
using deixis::camera::PictureStream;

void ReadParts(std::span<const std::byte> bytes, size_t cut) {
  MultipartBody body("f");
  size_t taken = 0;
  const size_t given = bytes.size();
  while (!bytes.empty()) {
    const auto piece = bytes.first(std::min(cut, bytes.size()));
    bytes = bytes.subspan(piece.size());
    if (!body.Append(piece).ok()) return;
    while (const auto part = body.TakePart()) taken += part->size();
  }
  if (taken > given) std::abort();
}

void ReadChunks(std::span<const std::byte> bytes, size_t cut) {
  ChunkedBody body;
  std::vector<std::byte> out;
  const size_t given = bytes.size();
  while (!bytes.empty()) {
    const auto piece = bytes.first(std::min(cut, bytes.size()));
    bytes = bytes.subspan(piece.size());
    if (!body.Decode(piece, out).ok()) return;
  }
  if (out.size() > given) std::abort();
}

void ReadPictures(std::span<const std::byte> bytes) {
  PictureStream stream;
  stream.bytes().assign(bytes.begin(), bytes.end());
  for (;;) {
    const auto image = stream.Take();
    if (!image.ok() || !*image) return;
    if ((*image)->pixels.size() > bytes.size()) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const auto bytes = std::as_bytes(std::span(data, size)).subspan(2);
  const size_t cut = 1 + data[1];
  switch (data[0] % 4) {
    case 0:
      (void)deixis::camera::ParseHttpHead(bytes);
      break;
    case 1:
      ReadParts(bytes, cut);
      break;
    case 2:
      ReadChunks(bytes, cut);
      break;
    default:
      ReadPictures(bytes);
  }
  return 0;
}
