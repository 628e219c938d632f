// One look at one frame: is a finger pointing, where is its tip, and what is the thing beyond it?
// The pointer model sees the whole frame, small; the object model sees a square of the frame at its
// full resolution, cut out beyond the tip in the direction of the finger.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "network/model.h"
#include "pipeline/decision.h"
#include "runtime/executor.h"
#include "vision/geometry.h"
#include "vision/image.h"

namespace deixis {

// Things are taught on crops of the same policy, or they are not recognised.
struct CropPolicy {
  double side = 0.45;  // of the frame's height
  double lead = 0.20;  // of the crop's side, from the tip to the crop's centre
};

struct CropBox {
  int64_t left_px = 0;
  int64_t top_px = 0;
  int64_t side_px = 0;
};

// The square that a finger at `tip` (pixels of the frame) means, pointing along `direction` (x to
// the right, y down, of any length; up when it has none). Moved into the frame where it would leave
// it.
CropBox CropBeyond(const CropPolicy& policy, const PictureSize& frame, const Point& tip,
                   const Point& direction);
// The box must lie inside the image.
Image Crop(const Image& image, const CropBox& box);

// Of the luma (0..255, ITU-R BT.601): its mean, and the variance of its Laplacian, which is small
// where nothing has an edge. At least 3 x 3 pixels.
double MeanLuma(const Image& image);
double LaplacianVariance(const Image& image);

struct LookerOptions {
  CropPolicy crop = {};
  double min_presence = 0.30;  // below it the thing is not looked at
  double edge = 0.02;    // a tip nearer to the frame's edge (of its height) is not to be trusted
  double min_luma = 25;  // of the crop: darker is too dark
  double min_sharpness = 4;    // Laplacian variance of the crop at the object model's size
  double min_probability = 0;  // a best label below it is unknown
  int num_threads = 1;

  // kUsage names the option that is out of range.
  Status Validate() const;
};

struct Look {
  FrameSeen seen;
  Point tip_px;
  CropBox crop;  // side_px 0 when nothing was looked at
  double luma = 0;
  double sharpness = 0;
  double score = 0;  // how much the thing looks like one that has a name (network/rejection.h)
  double pointer_ms = 0;
  double object_ms = 0;  // crop, gates and model
};

// Not thread-safe.
class Looker {
 public:
  // `pointer` locates: its first category is the tip, its second one, if any, the knuckle behind
  // it. Without presence outputs a finger counts as being there in every frame. `objects`
  // classifies; a class named "nothing" stands for all that has no name. kInvalidData for models of
  // other tasks.
  static Result<Looker> Create(const Model& pointer, const Model& objects,
                               const LookerOptions& options = {});

  Look See(const Image& frame, int64_t captured_ms);

  const std::vector<std::string>& labels() const { return labels_; }
  bool tells_presence() const { return tells_presence_; }

 private:
  Looker(Executor pointer, Executor objects)
      : pointer_(std::move(pointer)), objects_(std::move(objects)) {}
  void LookAtThing(const Image& frame, const Point& direction, Look& look);

  Executor pointer_;
  Executor objects_;
  Preprocessing pointer_preprocessing_;
  Preprocessing object_preprocessing_;
  LookerOptions options_;
  std::vector<std::string> labels_;
  int nothing_label_ = -1;
  std::optional<Rejection> rejection_;
  int64_t num_points_ = 0;
  bool tells_presence_ = false;
};

}  // namespace deixis
