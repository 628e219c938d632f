#include "vision/camera/scene_stage.h"

#include <algorithm>
#include <cmath>

#include "vision/camera/scene_session.h"
#include "vision/scene/background.h"
#include "vision/scene/hand.h"
#include "vision/scene/placing.h"

namespace deixis::camera {
namespace {

using scene::Colour;
using scene::Layer;
using scene::Light;
using scene::Uniform;
using scene::Vec2;

constexpr int kSamplesPerSide = 2;
// The hand is painted so far beyond the picture's edge that its tremor uncovers nothing.
constexpr int64_t kMarginPx = 16;

float HalfShorter(const SceneSessionOptions& options) {
  return static_cast<float>(std::min(options.height_px, options.width_px)) / 2;
}

uint8_t ToByte(float value, double brightness) {
  return static_cast<uint8_t>(scene::Clamp01(value * static_cast<float>(brightness)) * 255 + 0.5f);
}

}  // namespace

SceneLayout PlanScene(const SceneSessionOptions& options, Rng& rng) {
  SceneLayout layout;
  const float unit_px = HalfShorter(options);
  const float aspect_x = static_cast<float>(options.width_px) / (2 * unit_px);
  const float aspect_y = static_cast<float>(options.height_px) / (2 * unit_px);
  const auto num_kinds = scene::ObjectKinds().size();
  const uint64_t num_choices = options.labels.empty() ? num_kinds : options.labels.size();
  const auto choice = rng.Below(num_choices);
  layout.label = options.labels.empty() ? static_cast<int>(choice) : options.labels[choice];

  // Side by side, and nearer to the top than to the hand.
  const auto target = rng.Below(static_cast<uint64_t>(options.things));
  const float column = 2 * aspect_x / static_cast<float>(options.things);
  Vec2 target_place;
  float target_size = 0;
  for (int i = 0; i < options.things; ++i) {
    const float size = std::min(Uniform(rng, 0.32, 0.42), 0.45f * column);
    const float slack = std::min(0.5f * column - size, 0.5f);
    const float x = -aspect_x + (static_cast<float>(i) + 0.5f) * column;
    const Vec2 place = {x + slack * Uniform(rng, -1, 1), aspect_y * Uniform(rng, -0.4, 0)};
    int label = static_cast<int>(rng.Below(num_kinds));
    if (static_cast<uint64_t>(i) == target) {
      target_place = place;
      target_size = size;
      if (layout.label == SceneSessionOptions::kNothing) continue;
      label = layout.label;
    } else if (label == layout.label) {
      label = (label + 1) % static_cast<int>(num_kinds);
    }
    layout.things.push_back({.label = label, .place = place, .size = size});
  }

  layout.from = Uniform(rng, -0.55, 0.55);
  layout.finger = Uniform(rng, 0.38, 0.66);
  layout.finger_px = unit_px * layout.finger;
  const Vec2 backwards = scene::Rotated({0, 1}, layout.from);
  const Vec2 tip = target_place + (target_size * Uniform(rng, 0.35, 0.7)) * backwards;
  const float retreat = (aspect_y + 0.1f - tip.y) / backwards.y;
  layout.tip_px = {unit_px * (tip.x + aspect_x), unit_px * (tip.y + aspect_y)};
  layout.direction = {-backwards.x, -backwards.y};
  layout.retreat_px = (unit_px * retreat) * backwards;
  layout.paint_seed = rng.NextBits();
  return layout;
}

void HandSprite::CompositeOnto(Image& picture, int64_t shift_x_px, int64_t shift_y_px) const {
  const int64_t left = left_px_ + shift_x_px;
  const int64_t column_begin = std::max<int64_t>(0, -left);
  const int64_t column_end = std::min(width_px_, picture.width_px - left);
  for (int64_t row = 0; row < height_px_; ++row) {
    const int64_t y = top_px_ + shift_y_px + row;
    if (y < 0 || y >= picture.height_px) continue;
    const Pixel* over = &pixels_[static_cast<size_t>(row * width_px_)];
    uint8_t* below = picture.pixels.data() + 3 * (y * picture.width_px + left);
    for (int64_t column = column_begin; column < column_end; ++column) {
      const Pixel& pixel = over[column];
      if (pixel.keep == 255) continue;
      uint8_t* out = below + 3 * column;
      const auto mixed = [&](uint8_t own, uint8_t under) {
        return static_cast<uint8_t>(std::min(own + (under * pixel.keep + 127) / 255, 255));
      };
      out[0] = mixed(pixel.r, out[0]);
      out[1] = mixed(pixel.g, out[1]);
      out[2] = mixed(pixel.b, out[2]);
    }
  }
}

// Paints the hand once, at its place on the thing.
struct HandPainter {
  const SceneSessionOptions& options;
  const SceneLayout& layout;
  const Light& light;

  HandSprite Paint(Rng& rng) const {
    const int64_t height_px = options.height_px + 2 * kMarginPx;
    const int64_t width_px = options.width_px + 2 * kMarginPx;
    Layer hand(height_px, width_px, kSamplesPerSide);
    // The larger canvas has another scene unit.
    const auto margin = static_cast<float>(kMarginPx);
    const float unit_px = HalfShorter(options) + margin;
    const Vec2 tip = {(layout.tip_px.x + margin - static_cast<float>(width_px) / 2) / unit_px,
                      (layout.tip_px.y + margin - static_cast<float>(height_px) / 2) / unit_px};
    const float finger = layout.finger * HalfShorter(options) / unit_px;
    scene::PaintHand(hand, light,
                     {.fingertip = tip, .from = layout.from, .size = finger, .pose = layout.hand},
                     rng);
    Layer shade(height_px, width_px, kSamplesPerSide);
    for (int64_t row = 0; row < shade.height(); ++row) {
      for (int64_t column = 0; column < shade.width(); ++column) {
        shade.at(row, column) = {1, 1, 1, 1};
      }
    }
    const Vec2 shadow = {-0.12f * light.direction.x, -0.12f * light.direction.y};
    shade.CastShadow(hand, shadow, 0.06f, 0.35f);
    return Cut(hand, shade);
  }

  // The average of a pixel's samples.
  HandSprite::Pixel PixelOf(const Layer& hand, const Layer& shade, int64_t y, int64_t x) const {
    Colour sum{0, 0, 0, 0};
    float light_sum = 0;
    for (int64_t i = 0; i < kSamplesPerSide * kSamplesPerSide; ++i) {
      const int64_t row = y * kSamplesPerSide + i / kSamplesPerSide;
      const int64_t column = x * kSamplesPerSide + i % kSamplesPerSide;
      const Colour& sample = hand.at(row, column);
      sum = {sum.r + scene::Clamp01(sample.r), sum.g + scene::Clamp01(sample.g),
             sum.b + scene::Clamp01(sample.b), sum.a + sample.a};
      light_sum += shade.at(row, column).r;
    }
    constexpr float kShare = 1.0f / (kSamplesPerSide * kSamplesPerSide);
    const float keep = (1 - scene::Clamp01(kShare * sum.a)) * kShare * light_sum;
    return {ToByte(kShare * sum.r, options.brightness), ToByte(kShare * sum.g, options.brightness),
            ToByte(kShare * sum.b, options.brightness), ToByte(keep, 1)};
  }

  HandSprite Cut(const Layer& hand, const Layer& shade) const {
    const int64_t height_px = hand.height() / kSamplesPerSide;
    const int64_t width_px = hand.width() / kSamplesPerSide;
    std::vector<HandSprite::Pixel> all;
    all.reserve(static_cast<size_t>(height_px * width_px));
    int64_t top = height_px, bottom = 0, left = width_px, right = 0;
    for (int64_t y = 0; y < height_px; ++y) {
      for (int64_t x = 0; x < width_px; ++x) {
        all.push_back(PixelOf(hand, shade, y, x));
        if (all.back().keep == 255) continue;
        top = std::min(top, y);
        bottom = std::max(bottom, y + 1);
        left = std::min(left, x);
        right = std::max(right, x + 1);
      }
    }
    HandSprite sprite;
    if (bottom <= top) return sprite;
    sprite.top_px_ = top - kMarginPx;
    sprite.left_px_ = left - kMarginPx;
    sprite.height_px_ = bottom - top;
    sprite.width_px_ = right - left;
    for (int64_t y = top; y < bottom; ++y) {
      const auto row = all.begin() + (y * width_px);
      sprite.pixels_.insert(sprite.pixels_.end(), row + left, row + right);
    }
    return sprite;
  }
};

ScenePainting PaintScene(const SceneSessionOptions& options, const SceneLayout& layout,
                         bool with_hand) {
  Rng rng(layout.paint_seed);
  const Light light = scene::RandomLight(options.difficulty, rng);
  Layer table(options.height_px, options.width_px, kSamplesPerSide);
  scene::PaintBackground(table, light, rng);
  const auto clutter =
      static_cast<int>(static_cast<float>(options.difficulty) * Uniform(rng, 0, 6));
  scene::PaintClutter(table, light, clutter, rng);
  for (const SceneLayout::Thing& thing : layout.things) {
    const bool is_nameless = thing.label == SceneSessionOptions::kNameless;
    const scene::ObjectKind& kind = is_nameless
                                        ? scene::NamelessKind()
                                        : scene::ObjectKinds()[static_cast<size_t>(thing.label)];
    scene::Pose pose = scene::TurnedPose(kind, thing.size, rng);
    pose.origin = thing.place;
    Layer object(options.height_px, options.width_px, kSamplesPerSide);
    kind.draw({object, pose, light}, rng);
    const float drop = thing.size * Uniform(rng, 0.03, 0.18);
    const Vec2 shadow = {-drop * light.direction.x, -drop * light.direction.y};
    const float softness = thing.size * Uniform(rng, 0.03, 0.12);
    table.CastShadow(object, shadow, softness, Uniform(rng, 0.25, 0.6));
    table.Composite(object);
  }
  ScenePainting painting;
  painting.table = {.height_px = options.height_px, .width_px = options.width_px, .pixels = {}};
  const std::vector<float> pixels = table.Downsample();
  painting.table.pixels.reserve(pixels.size());
  for (const float value : pixels) {
    painting.table.pixels.push_back(ToByte(value, options.brightness));
  }
  if (with_hand) painting.hand = HandPainter{options, layout, light}.Paint(rng);
  return painting;
}

}  // namespace deixis::camera
