// The pictures of a dataset as a network takes them: decoded, resized and cropped once, kept in
// memory while they fit a budget, decoded again where they do not.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "base/preprocessing.h"
#include "base/result.h"
#include "vision/dataset.h"
#include "vision/geometry.h"

namespace deixis {

class PictureSet {
 public:
  // At most `cache_bytes` of pixels are kept.
  PictureSet(Dataset dataset, const Preprocessing& preprocessing,
             int64_t cache_bytes = int64_t{400} << 20);

  const Dataset& dataset() const { return dataset_; }
  const Preprocessing& preprocessing() const { return preprocessing_; }
  int64_t size() const { return static_cast<int64_t>(dataset_.samples.size()); }
  const Sample& sample(int64_t i) const { return dataset_.samples[i]; }

  // Picture i, u8 [H, W, 3] in RGB, into `pixels` (height_px * width_px * 3 bytes); the size that
  // it has on disk. Any number of threads may read; an unreadable picture gives kInvalidData with
  // its path.
  Result<PictureSize> Read(int64_t i, std::span<uint8_t> pixels);

  // Bytes of one prepared picture.
  int64_t picture_bytes() const { return preprocessing_.height_px * preprocessing_.width_px * 3; }

 private:
  Dataset dataset_;
  Preprocessing preprocessing_;
  int64_t cache_room_;
  std::mutex mutex_;
  struct Prepared {
    PictureSize size;
    std::vector<uint8_t> pixels;
  };
  std::vector<std::shared_ptr<const Prepared>> cached_;
};

}  // namespace deixis
