#include "pipeline/looker.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "compress/metrics.h"

namespace deixis {
namespace {

using Clock = std::chrono::steady_clock;

double MillisecondsSince(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

double LumaAt(const Image& image, int64_t row, int64_t column) {
  const uint8_t* pixel = image.pixels.data() + (row * image.width_px + column) * 3;
  return 0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2];
}

Status CheckShare(const char* name, double value, double low, double high) {
  if (value >= low && value <= high) return Ok();
  return UsageError(std::string(name) + ": expected " + std::to_string(low) + " to " +
                    std::to_string(high) + ", got " + std::to_string(value));
}

}  // namespace

Status LookerOptions::Validate() const {
  DEIXIS_RETURN_IF_ERROR(CheckShare("crop.side", crop.side, 0.05, 1));
  DEIXIS_RETURN_IF_ERROR(CheckShare("crop.lead", crop.lead, 0, 1));
  DEIXIS_RETURN_IF_ERROR(CheckShare("min_presence", min_presence, 0, 1));
  DEIXIS_RETURN_IF_ERROR(CheckShare("edge", edge, 0, 0.3));
  DEIXIS_RETURN_IF_ERROR(CheckShare("min_luma", min_luma, 0, 255));
  DEIXIS_RETURN_IF_ERROR(CheckShare("min_sharpness", min_sharpness, 0, 1e6));
  return CheckShare("min_probability", min_probability, 0, 1);
}

CropBox CropBeyond(const CropPolicy& policy, const PictureSize& frame, const Point& tip,
                   const Point& direction) {
  const double length = std::hypot(direction.x, direction.y);
  const Point ahead = length > 0 ? Point{direction.x / length, direction.y / length} : Point{0, -1};
  const auto wanted = std::llround(policy.side * static_cast<double>(frame.height_px));
  CropBox box;
  box.side_px = std::clamp<int64_t>(wanted, 1, std::min(frame.height_px, frame.width_px));
  const auto side = static_cast<double>(box.side_px);
  const auto begin = [&](double centre, int64_t extent) {
    return std::clamp<int64_t>(std::llround(centre - side / 2), 0, extent - box.side_px);
  };
  box.left_px = begin(tip.x + policy.lead * side * ahead.x, frame.width_px);
  box.top_px = begin(tip.y + policy.lead * side * ahead.y, frame.height_px);
  return box;
}

Image Crop(const Image& image, const CropBox& box) {
  Image crop{.height_px = box.side_px, .width_px = box.side_px, .pixels = {}};
  crop.pixels.reserve(static_cast<size_t>(box.side_px * box.side_px * 3));
  for (int64_t row = 0; row < box.side_px; ++row) {
    const auto begin =
        image.pixels.begin() + ((box.top_px + row) * image.width_px + box.left_px) * 3;
    crop.pixels.insert(crop.pixels.end(), begin, begin + box.side_px * 3);
  }
  return crop;
}

double MeanLuma(const Image& image) {
  double sum = 0;
  for (int64_t row = 0; row < image.height_px; ++row) {
    for (int64_t column = 0; column < image.width_px; ++column) sum += LumaAt(image, row, column);
  }
  return sum / static_cast<double>(image.height_px * image.width_px);
}

double LaplacianVariance(const Image& image) {
  double sum = 0;
  double squares = 0;
  for (int64_t row = 1; row + 1 < image.height_px; ++row) {
    for (int64_t column = 1; column + 1 < image.width_px; ++column) {
      const double laplacian = LumaAt(image, row - 1, column) + LumaAt(image, row + 1, column) +
                               LumaAt(image, row, column - 1) + LumaAt(image, row, column + 1) -
                               4 * LumaAt(image, row, column);
      sum += laplacian;
      squares += laplacian * laplacian;
    }
  }
  const auto count = static_cast<double>((image.height_px - 2) * (image.width_px - 2));
  return squares / count - (sum / count) * (sum / count);
}

Result<Looker> Looker::Create(const Model& pointer, const Model& objects,
                              const LookerOptions& options) {
  DEIXIS_RETURN_IF_ERROR(options.Validate());
  if (pointer.task != Task::kLocate) {
    return InvalidData("the pointer model: expected one that locates, found one that classifies",
                       "teach one with deixis train --task locate");
  }
  if (objects.task != Task::kClassify) {
    return InvalidData("the object model: expected one that classifies, found one that locates",
                       "teach one with deixis train --task classify");
  }
  if (objects.preprocessing.height_px < 3 || objects.preprocessing.width_px < 3) {
    return InvalidData("the object model: expected pictures of at least 3x3 pixels");
  }
  const ExecutorOptions executor_options{.num_threads = options.num_threads};
  DEIXIS_ASSIGN(Executor pointer_executor, Executor::Create(pointer, executor_options));
  DEIXIS_ASSIGN(Executor object_executor, Executor::Create(objects, executor_options));
  Looker looker(std::move(pointer_executor), std::move(object_executor));
  looker.options_ = options;
  looker.pointer_preprocessing_ = pointer.preprocessing;
  looker.object_preprocessing_ = objects.preprocessing;
  looker.num_points_ = NumCategories(pointer);
  looker.tells_presence_ = pointer.tells_presence;
  for (int64_t label = 0; label < NumCategories(objects); ++label) {
    const bool is_named = label < static_cast<int64_t>(objects.class_names.size());
    looker.labels_.push_back(is_named ? objects.class_names[label]
                                      : "label " + std::to_string(label));
  }
  looker.nothing_label_ = NothingLabel(looker.labels_);
  looker.rejection_ = objects.rejection;
  return looker;
}

Look Looker::See(const Image& frame, int64_t captured_ms) {
  const auto start = Clock::now();
  Look look;
  look.seen.captured_ms = look.seen.now_ms = captured_ms;
  const PictureSize size{.height_px = frame.height_px, .width_px = frame.width_px};
  const Image small = PrepareForModel(frame, pointer_preprocessing_);
  const std::span<const float> points = pointer_.Run(small.pixels);
  const auto point = [&](int64_t category) {
    return PixelFromUnit({points[2 * category], points[2 * category + 1]}, size,
                         pointer_preprocessing_);
  };
  look.tip_px = point(0);
  look.seen.presence = tells_presence_ ? Logistic(points[2 * num_points_]) : 1.0;
  const double diagonal =
      std::hypot(static_cast<double>(size.height_px), static_cast<double>(size.width_px));
  look.seen.tip_x = look.tip_px.x / diagonal;
  look.seen.tip_y = look.tip_px.y / diagonal;
  Point direction;
  if (num_points_ > 1) {
    const Point knuckle = point(1);
    direction = {look.tip_px.x - knuckle.x, look.tip_px.y - knuckle.y};
  }
  look.pointer_ms = MillisecondsSince(start);
  if (look.seen.presence < options_.min_presence) return look;

  const double margin = options_.edge * static_cast<double>(size.height_px);
  const bool is_inside = look.tip_px.x >= margin && look.tip_px.y >= margin &&
                         look.tip_px.x <= static_cast<double>(size.width_px) - margin &&
                         look.tip_px.y <= static_cast<double>(size.height_px) - margin;
  if (!is_inside) {
    look.seen.fault = FrameFault::kTipAtEdge;
    return look;
  }
  const auto object_start = Clock::now();
  LookAtThing(frame, direction, look);
  look.object_ms = MillisecondsSince(object_start);
  return look;
}

void Looker::LookAtThing(const Image& frame, const Point& direction, Look& look) {
  look.crop = CropBeyond(options_.crop, {.height_px = frame.height_px, .width_px = frame.width_px},
                         look.tip_px, direction);
  const Image thing = PrepareForModel(Crop(frame, look.crop), object_preprocessing_);
  look.luma = MeanLuma(thing);
  look.sharpness = LaplacianVariance(thing);
  if (look.luma < options_.min_luma) {
    look.seen.fault = FrameFault::kTooDark;
    return;
  }
  if (look.sharpness < options_.min_sharpness) {
    look.seen.fault = FrameFault::kTooBlurred;
    return;
  }
  const std::span<const float> logits = objects_.Run(thing.pixels);
  look.seen.probabilities = Softmax(logits);
  look.score = KnownScore(rejection_, logits, nothing_label_);
  const auto best = std::ranges::max_element(look.seen.probabilities);
  look.seen.is_unknown = best - look.seen.probabilities.begin() == nothing_label_ ||
                         *best < options_.min_probability || std::isnan(look.score);
  if (rejection_ && !look.seen.is_unknown) {
    look.seen.known_margin = look.score - double{rejection_->threshold};
  }
}

}  // namespace deixis
