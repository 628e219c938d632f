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

Status PictureSet::Read(int64_t i, std::span<uint8_t> pixels) {
  std::shared_ptr<const std::vector<uint8_t>> picture;
  {
    const std::lock_guard lock(mutex_);
    picture = cached_[i];
  }
  if (picture == nullptr) {
    DEIXIS_ASSIGN(const Image image, ReadImage(dataset_.samples[i].path));
    Image prepared = PrepareForModel(image, preprocessing_);
    picture = std::make_shared<const std::vector<uint8_t>>(std::move(prepared.pixels));
    const std::lock_guard lock(mutex_);
    if (cached_[i] == nullptr && cache_room_ >= picture_bytes()) {
      cache_room_ -= picture_bytes();
      cached_[i] = picture;
    }
  }
  std::copy(picture->begin(), picture->end(), pixels.begin());
  return Ok();
}

}  // namespace deixis
