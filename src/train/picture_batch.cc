#include "train/picture_batch.h"

#include <algorithm>

#include "vision/image.h"

namespace deixis {

PictureBatch MakeScenePictures(uint64_t first_seed, int64_t count, const SceneOptions& options,
                               const Preprocessing& preprocessing, ThreadPool& pool) {
  PictureBatch batch;
  batch.height_px = preprocessing.height_px;
  batch.width_px = preprocessing.width_px;
  batch.pixels.resize(static_cast<size_t>(count * batch.picture_bytes()));
  batch.labels.resize(static_cast<size_t>(count));
  const auto num_classes = static_cast<int64_t>(SceneClassNames().size());
  pool.ParallelFor(count, [&](int64_t i, int) {
    SceneOptions scene_options = options;
    scene_options.label = static_cast<int>(i % num_classes);
    const Scene scene = GenerateScene(first_seed + static_cast<uint64_t>(i), scene_options);
    const Image prepared = PrepareForModel(scene.image, preprocessing);
    std::copy(prepared.pixels.begin(), prepared.pixels.end(),
              batch.pixels.begin() + i * batch.picture_bytes());
    batch.labels[static_cast<size_t>(i)] = scene.label;
  });
  return batch;
}

}  // namespace deixis
