// The pictures that a network is fine-tuned and judged on: decoded once, at the size of its input,
// each with the answer that it should give.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/preprocessing.h"
#include "base/result.h"
#include "base/thread_pool.h"
#include "network/model.h"
#include "vision/dataset.h"
#include "vision/geometry.h"

namespace deixis {

// kLocate: where in one picture the thing of one category is.
struct PlaceTarget {
  int category = 0;
  bool is_present = true;  // its mark lies in the network's input
  Point unit;              // where present: the mark, -1..1 of the input
};

// What one picture should be answered with.
struct SampleTarget {
  int label = 0;                    // kClassify
  std::vector<PlaceTarget> places;  // kLocate: of each category that somebody looked for in it
  PictureSize size;                 // of the picture on disk
};

struct SamplePictures {
  Preprocessing preprocessing;
  std::vector<uint8_t> pixels;        // [N, H, W, 3] RGB, as PrepareForModel leaves them
  std::vector<SampleTarget> targets;  // [N]
  std::vector<std::string> paths;     // [N]

  int64_t size() const { return static_cast<int64_t>(targets.size()); }
  int64_t picture_bytes() const { return 3 * preprocessing.height_px * preprocessing.width_px; }
  const uint8_t* picture(int64_t i) const { return pixels.data() + i * picture_bytes(); }
};

// Every picture of `dataset`, in its order; for kLocate each once, with the marks of all its rows.
// A mark outside the input counts as absent. kInvalidData with the path of a picture that cannot be
// read, kResources when memory does not hold them.
Result<SamplePictures> LoadSamplePictures(const Dataset& dataset, Task task,
                                          const Preprocessing& preprocessing, ThreadPool& pool);

}  // namespace deixis
