#include "train/sample_pictures.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <new>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "vision/image.h"

namespace deixis {
namespace {

// Samples of one picture.
using Rows = std::vector<const Sample*>;

// A classifier's pictures are as many as its rows; rows of marks in the same picture go together.
std::vector<Rows> PicturesOf(const Dataset& dataset, Task task) {
  std::vector<Rows> pictures;
  std::unordered_map<std::string_view, size_t> places;
  for (const Sample& sample : dataset.samples) {
    if (task == Task::kLocate) {
      const auto [known, is_new] = places.emplace(sample.path, pictures.size());
      if (!is_new) {
        pictures[known->second].push_back(&sample);
        continue;
      }
    }
    pictures.push_back({&sample});
  }
  return pictures;
}

SampleTarget TargetOf(const Rows& rows, Task task, const PictureSize& size,
                      const Preprocessing& preprocessing) {
  SampleTarget target{.label = rows.front()->label, .places = {}, .size = size};
  if (task == Task::kClassify) return target;
  for (const Sample* row : rows) {
    PlaceTarget place{.category = row->label, .is_present = false, .unit = {}};
    if (row->point_px) {
      place.unit = UnitFromPixel(*row->point_px, size, preprocessing);
      place.is_present = std::abs(place.unit.x) <= 1 && std::abs(place.unit.y) <= 1;
    }
    target.places.push_back(place);
  }
  return target;
}

}  // namespace

Result<SamplePictures> LoadSamplePictures(const Dataset& dataset, Task task,
                                          const Preprocessing& preprocessing, ThreadPool& pool) {
  SamplePictures pictures;
  pictures.preprocessing = preprocessing;
  const std::vector<Rows> rows = PicturesOf(dataset, task);
  const auto count = static_cast<int64_t>(rows.size());
  try {
    pictures.pixels.resize(static_cast<size_t>(count * pictures.picture_bytes()));
  } catch (const std::bad_alloc&) {
    return ResourceError(dataset.folder + ": expected memory for " + std::to_string(count) +
                             " pictures, found too little",
                         "use fewer pictures or a smaller --input-px");
  }
  pictures.targets.resize(static_cast<size_t>(count));
  for (const Rows& picture : rows) pictures.paths.push_back(picture.front()->path);
  std::mutex mutex;
  std::optional<Error> failure;
  pool.ParallelFor(count, [&](int64_t i, int) {
    const Rows& picture = rows[static_cast<size_t>(i)];
    const Result<Image> image = ReadImage(picture.front()->path);
    if (!image.ok()) {
      const std::lock_guard lock(mutex);
      if (!failure) failure = image.error();
      return;
    }
    const Image prepared = PrepareForModel(*image, preprocessing);
    std::copy(prepared.pixels.begin(), prepared.pixels.end(),
              pictures.pixels.begin() + i * pictures.picture_bytes());
    pictures.targets[static_cast<size_t>(i)] = TargetOf(
        picture, task, {.height_px = image->height_px, .width_px = image->width_px}, preprocessing);
  });
  if (failure) return *std::move(failure);
  return pictures;
}

}  // namespace deixis
