#include "vision/scene/canvas.h"

#include <algorithm>
#include <cmath>

namespace deixis::scene {
namespace {

// One pass of a box of `radius` samples along a line of `count` values, `stride` apart. The window
// is clipped at the ends, so a constant stays one.
void BlurLine(const float* in, float* out, int64_t count, int64_t stride, int64_t radius) {
  float sum = 0;
  int64_t begin = 0;
  int64_t end = 0;
  for (int64_t i = 0; i < count; ++i) {
    while (end < std::min(count, i + radius + 1)) sum += in[stride * end++];
    while (begin < i - radius) sum -= in[stride * begin++];
    out[stride * i] = sum / static_cast<float>(end - begin);
  }
}

void BlurPlane(std::vector<float>& plane, int64_t height, int64_t width, int64_t radius) {
  if (radius < 1) return;
  std::vector<float> other(plane.size());
  for (int pass = 0; pass < 2; ++pass) {  // twice a box is a tent, smooth enough for a shadow
    for (int64_t row = 0; row < height; ++row) {
      BlurLine(&plane[static_cast<size_t>(row * width)], &other[static_cast<size_t>(row * width)],
               width, 1, radius);
    }
    for (int64_t column = 0; column < width; ++column) {
      BlurLine(&other[static_cast<size_t>(column)], &plane[static_cast<size_t>(column)], height,
               width, radius);
    }
  }
}

}  // namespace

Colour Shade(Colour base, Vec3 normal, const Light& light, float gloss) {
  const float diffuse = std::max(0.0f, Dot(normal, light.direction));
  // Facing the viewer under a lamp of the usual height gives about the base colour itself.
  const float brightness = light.ambient + (1 - light.ambient) * 1.35f * diffuse;
  const Vec3 half = Normalized({light.direction.x, light.direction.y, light.direction.z + 1});
  float highlight = std::max(0.0f, Dot(normal, half));
  for (int i = 0; i < 5; ++i) highlight *= highlight;  // to the power of 32
  const float shine = gloss * highlight * 0.8f;
  return {base.r * brightness * light.tint.r + shine, base.g * brightness * light.tint.g + shine,
          base.b * brightness * light.tint.b + shine, base.a};
}

Layer::Layer(int64_t height_px, int64_t width_px, int samples_per_side)
    : height_(height_px * samples_per_side),
      width_(width_px * samples_per_side),
      samples_per_side_(samples_per_side),
      unit_(static_cast<float>(std::min(height_, width_)) * 0.5f),
      centre_{static_cast<float>(width_) * 0.5f, static_cast<float>(height_) * 0.5f},
      colours_(static_cast<size_t>(height_ * width_), Colour{0, 0, 0, 0}) {}

Layer::Range Layer::BoundsOf(const Pose& pose, float extent) const {
  const float reach_x = extent * (std::abs(pose.x_axis.x) + std::abs(pose.y_axis.x));
  const float reach_y = extent * (std::abs(pose.x_axis.y) + std::abs(pose.y_axis.y));
  const auto clip = [](float sample, int64_t limit) {
    return std::clamp<int64_t>(static_cast<int64_t>(std::floor(sample)), 0, limit);
  };
  return {.row_begin = clip((pose.origin.y - reach_y) * unit_ + centre_.y, height_),
          .row_end = clip((pose.origin.y + reach_y) * unit_ + centre_.y + 1, height_),
          .column_begin = clip((pose.origin.x - reach_x) * unit_ + centre_.x, width_),
          .column_end = clip((pose.origin.x + reach_x) * unit_ + centre_.x + 1, width_)};
}

void Layer::Over(int64_t row, int64_t column, Colour colour) {
  Colour& below = at(row, column);
  const float rest = 1 - colour.a;
  below = {colour.r * colour.a + below.r * rest, colour.g * colour.a + below.g * rest,
           colour.b * colour.a + below.b * rest, colour.a + below.a * rest};
}

void Layer::Composite(const Layer& top) {
  for (size_t i = 0; i < colours_.size(); ++i) {
    const Colour& over = top.colours_[i];
    if (over.a <= 0) continue;
    Colour& below = colours_[i];
    const float rest = 1 - over.a;
    below = {over.r + below.r * rest, over.g + below.g * rest, over.b + below.b * rest,
             over.a + below.a * rest};
  }
}

void Layer::CastShadow(const Layer& object, Vec2 shift, float softness, float darkness) {
  const auto shift_rows = static_cast<int64_t>(std::floor(shift.y * unit_));
  const auto shift_columns = static_cast<int64_t>(std::floor(shift.x * unit_));
  std::vector<float> shade(colours_.size(), 0.0f);
  for (int64_t row = 0; row < height_; ++row) {
    const int64_t from_row = row - shift_rows;
    if (from_row < 0 || from_row >= height_) continue;
    for (int64_t column = 0; column < width_; ++column) {
      const int64_t from_column = column - shift_columns;
      if (from_column < 0 || from_column >= width_) continue;
      shade[static_cast<size_t>(row * width_ + column)] = object.at(from_row, from_column).a;
    }
  }
  BlurPlane(shade, height_, width_, static_cast<int64_t>(std::floor(softness * unit_)));
  for (size_t i = 0; i < colours_.size(); ++i) {
    colours_[i] = Scaled(colours_[i], 1 - darkness * Clamp01(shade[i]));
  }
}

std::vector<float> Layer::Downsample() const {
  const int64_t s = samples_per_side_;
  const int64_t height_px = height_ / s;
  const int64_t width_px = width_ / s;
  const float share = 1 / static_cast<float>(s * s);
  std::vector<float> pixels;
  pixels.reserve(static_cast<size_t>(3 * height_px * width_px));
  for (int64_t row = 0; row < height_px; ++row) {
    for (int64_t column = 0; column < width_px; ++column) {
      Colour sum{0, 0, 0, 0};
      for (int64_t i = 0; i < s * s; ++i) {
        const Colour& sample = at(row * s + i / s, column * s + i % s);
        sum = {sum.r + Clamp01(sample.r), sum.g + Clamp01(sample.g), sum.b + Clamp01(sample.b), 1};
      }
      pixels.insert(pixels.end(), {sum.r * share, sum.g * share, sum.b * share});
    }
  }
  return pixels;
}

void Blur(std::vector<float>& pixels, int64_t height_px, int64_t width_px, float radius_px) {
  if (!(radius_px > 0)) return;
  // A fractional radius is a mix of the picture and its 3x3 average, repeated.
  const auto passes = static_cast<int>(std::ceil(radius_px));
  const float strength = radius_px / static_cast<float>(passes);
  std::vector<float> averaged(pixels.size());
  std::vector<float> line(pixels.size());
  for (int pass = 0; pass < passes; ++pass) {
    for (int64_t row = 0; row < height_px; ++row) {
      for (int64_t channel = 0; channel < 3; ++channel) {
        const auto offset = static_cast<size_t>(row * width_px * 3 + channel);
        BlurLine(&pixels[offset], &line[offset], width_px, 3, 1);
      }
    }
    for (int64_t i = 0; i < 3 * width_px; ++i) {
      BlurLine(&line[static_cast<size_t>(i)], &averaged[static_cast<size_t>(i)], height_px,
               3 * width_px, 1);
    }
    for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = Mix(pixels[i], averaged[i], strength);
  }
}

}  // namespace deixis::scene
