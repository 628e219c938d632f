#include "compress/picture_set.h"

#include <algorithm>
#include <utility>

#include "vision/image.h"

namespace deixis {

PictureSet::PictureSet(Dataset dataset, const Preprocessing& preprocessing, int64_t cache_bytes)
    : dataset_(std::move(dataset)),
      preprocessing_(preprocessing),
      cache_room_(cache_bytes),
      cached_(dataset_.samples.size()) {}

Result<PictureSize> PictureSet::Read(int64_t i, std::span<uint8_t> pixels) {
  std::shared_ptr<const Prepared> picture;
  {
    const std::lock_guard lock(mutex_);
    picture = cached_[i];
  }
  if (picture == nullptr) {
    DEIXIS_ASSIGN(const Image image, ReadImage(dataset_.samples[i].path));
    Image prepared = PrepareForModel(image, preprocessing_);
    picture = std::make_shared<const Prepared>(
        Prepared{.size = {.height_px = image.height_px, .width_px = image.width_px},
                 .pixels = std::move(prepared.pixels)});
    const std::lock_guard lock(mutex_);
    if (cached_[i] == nullptr && cache_room_ >= picture_bytes()) {
      cache_room_ -= picture_bytes();
      cached_[i] = picture;
    }
  }
  std::copy(picture->pixels.begin(), picture->pixels.end(), pixels.begin());
  return picture->size;
}

}  // namespace deixis
