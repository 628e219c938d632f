// Datasets from made sessions (vision/camera/scene_session.h): what a teacher would collect in
// front of the camera, with the truth known. For trying the whole way without any hardware.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.h"
#include "pipeline/looker.h"

namespace deixis {

enum class LessonKind {
  kPointing,  // whole frames, for a model that locates: the tip, and whether it is there
  kObjects,   // what a finger means, cut out as the looker does, for a model that classifies
};

struct LessonOptions {
  LessonKind kind = LessonKind::kPointing;
  int64_t count = 400;  // pictures; each table gives four
  uint64_t seed = 1;    // another seed, other tables
  double difficulty = 0.3;
  int64_t height_px = 480;  // of the frames
  int64_t width_px = 640;
  CropPolicy crop = {};
  // kObjects: crops miss as a pointer model does. Standard deviations of the tip, in each direction
  // as a share of the frame's height, and of the finger's direction, in radians.
  double tip_error = 0.03;
  double direction_error = 0.2;
  // Pictures written so far, of all; false stops with kInterrupted. May be empty.
  std::function<bool(int64_t done, int64_t total)> progress = {};

  // kUsage names what is out of range.
  Status Validate() const;
};

// kPointing: `folder`/00017.png and `folder`/points.csv (file, category, x_px, y_px, presence),
// with a row for the category "fingertip" and one for "knuckle" of each picture; about a third of
// them without a finger that points, some of these with a hand that does something else. kObjects:
// `folder`/LABEL/00017.png, one label of which is "nothing": the bare table, or a thing that
// has no name; it has four times as many pictures as any thing. Makes the folder where
// it is missing. Returns the number of pictures.
Result<int64_t> WriteSceneLessons(const std::string& folder, const LessonOptions& options);

}  // namespace deixis
