// Made pictures as a dataset on disk, in the layout that every part of Deixis reads.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "vision/dataset.h"
#include "vision/scene/scene.h"

namespace deixis {

struct SceneDatasetOptions {
  int64_t count = 120;      // pictures in all, the classes in turn
  uint64_t first_seed = 1;  // picture i has seed first_seed + i
  SceneOptions scene = {};  // its label is not used
};

// Writes `folder`/CLASS/00017.png and `folder`/points.csv (file, category, x_px, y_px, presence:
// the fingertips; x_px and y_px are empty where presence is 0). Makes the folder where it is
// missing; what else it holds stays, and is no part of the dataset that is returned: the pictures
// written, in the order of their seeds, fingertips as their points.
Result<Dataset> WriteSceneDataset(const std::string& folder, const SceneDatasetOptions& options);

}  // namespace deixis
