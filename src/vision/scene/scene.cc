#include "vision/scene/scene.h"

#include <algorithm>
#include <cmath>

#include "base/rng.h"
#include "vision/scene/background.h"
#include "vision/scene/canvas.h"
#include "vision/scene/hand.h"
#include "vision/scene/objects.h"
#include "vision/scene/placing.h"

namespace deixis {
namespace {

using scene::Chance;
using scene::Clamp01;
using scene::HandPose;
using scene::Layer;
using scene::Light;
using scene::Pose;
using scene::Uniform;
using scene::Vec2;

// About 128 samples along the shorter side of a small picture, two by two per pixel of a large one.
int SamplesPerSide(int64_t height_px, int64_t width_px) {
  return static_cast<int>(std::clamp<int64_t>(128 / std::min(height_px, width_px), 2, 4));
}

Pose RandomPose(const scene::ObjectKind& kind, float aspect_x, float aspect_y, Rng& rng) {
  const float size = Uniform(rng, 0.62, 0.92);
  Pose pose = scene::TurnedPose(kind, size, rng);
  const float room = 1.08f - size;
  pose.origin = {Uniform(rng, -1, 1) * (aspect_x - 1 + room),
                 Uniform(rng, -1, 1) * (aspect_y - 1 + room)};
  return pose;
}

// Lenses leave the corners darker, by up to `strength`.
void Vignette(std::vector<float>& pixels, int64_t height_px, int64_t width_px, float strength) {
  const float half_height = 0.5f * static_cast<float>(height_px);
  const float half_width = 0.5f * static_cast<float>(width_px);
  for (int64_t row = 0; row < height_px; ++row) {
    const float y = (static_cast<float>(row) + 0.5f) / half_height - 1;
    for (int64_t column = 0; column < width_px; ++column) {
      const float x = (static_cast<float>(column) + 0.5f) / half_width - 1;
      const float light = 1 - 0.5f * strength * (x * x + y * y);
      for (int64_t c = 0; c < 3; ++c) {
        pixels[static_cast<size_t>(3 * (row * width_px + column) + c)] *= light;
      }
    }
  }
}

// Sensor noise: the sum of four uniform numbers is near enough to normal, and exact everywhere.
void AddNoise(std::vector<float>& pixels, float deviation, Rng& rng) {
  if (deviation <= 0) return;
  const float scale = deviation * 1.7320508f / 65536;
  for (float& pixel : pixels) {
    const uint64_t bits = rng.NextBits();
    const auto sum = static_cast<int32_t>((bits & 0xFFFF) + (bits >> 16 & 0xFFFF) +
                                          (bits >> 32 & 0xFFFF) + (bits >> 48)) -
                     2 * 65535;
    pixel += scale * static_cast<float>(sum);
  }
}

Image ToImage(const std::vector<float>& pixels, int64_t height_px, int64_t width_px) {
  Image image{.height_px = height_px, .width_px = width_px, .pixels = {}};
  image.pixels.reserve(pixels.size());
  for (const float pixel : pixels) {
    image.pixels.push_back(static_cast<uint8_t>(Clamp01(pixel) * 255 + 0.5f));
  }
  return image;
}

}  // namespace

Status SceneOptions::Validate() const {
  constexpr int64_t kMinPx = 8;
  constexpr int64_t kMaxPx = 4096;
  const auto num_classes = static_cast<int>(SceneClassNames().size());
  if (height_px < kMinPx || height_px > kMaxPx || width_px < kMinPx || width_px > kMaxPx) {
    return UsageError("scene: expected 8 to 4096 pixels a side, found " + std::to_string(width_px) +
                      "x" + std::to_string(height_px));
  }
  if (label && (*label < 0 || *label >= num_classes)) {
    return UsageError("scene: expected a label from 0 to " + std::to_string(num_classes - 1) +
                      ", found " + std::to_string(*label));
  }
  const auto is_share = [](double value) { return value >= 0 && value <= 1; };
  if (!is_share(hand_probability) || !is_share(other_hand_probability) || !is_share(difficulty)) {
    return UsageError(
        "scene: expected hand_probability, other_hand_probability and difficulty within 0..1, "
        "found " +
        std::to_string(hand_probability) + ", " + std::to_string(other_hand_probability) + " and " +
        std::to_string(difficulty));
  }
  return Ok();
}

const std::vector<std::string>& SceneClassNames() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const scene::ObjectKind& kind : scene::ObjectKinds()) all.emplace_back(kind.name);
    return all;
  }();
  return names;
}

Scene GenerateScene(uint64_t seed, const SceneOptions& options) {
  // Neighbouring seeds must give unrelated pictures.
  Rng rng(Rng(seed).NextBits());
  const auto kinds = scene::ObjectKinds();
  const auto drawn_label = static_cast<int>(rng.Below(kinds.size()));
  const int label = options.label.value_or(drawn_label);
  const scene::ObjectKind& kind = kinds[static_cast<size_t>(label)];
  const auto difficulty = static_cast<float>(options.difficulty);
  const int samples = SamplesPerSide(options.height_px, options.width_px);
  const auto shorter = static_cast<float>(std::min(options.height_px, options.width_px));
  const float aspect_x = static_cast<float>(options.width_px) / shorter;
  const float aspect_y = static_cast<float>(options.height_px) / shorter;

  Scene result;
  result.label = label;
  const Light light = scene::RandomLight(options.difficulty, rng);
  Layer picture(options.height_px, options.width_px, samples);
  scene::PaintBackground(picture, light, rng);
  const auto clutter = static_cast<int>(difficulty * Uniform(rng, 0, 6));
  scene::PaintClutter(picture, light, clutter, rng);

  const Pose pose = RandomPose(kind, aspect_x, aspect_y, rng);
  Layer object(options.height_px, options.width_px, samples);
  kind.draw({object, pose, light}, rng);
  const float drop = Uniform(rng, 0.02, 0.14);
  const Vec2 shadow = {-drop * light.direction.x, -drop * light.direction.y};
  const float softness = Uniform(rng, 0.02, 0.09);
  picture.CastShadow(object, shadow, softness, Uniform(rng, 0.25, 0.6));
  picture.Composite(object);

  const bool points = Chance(rng, options.hand_probability);
  const bool idles = Chance(rng, options.other_hand_probability);
  if (points || idles) {
    // From below or the sides, its tip on the nearer part of the object.
    const float from = Uniform(rng, -1.4, 1.4);
    const float size = Uniform(rng, 0.42, 0.8);
    const Vec2 towards_hand = scene::Rotated({0, Uniform(rng, 0.15, 0.5)}, from);
    const Vec2 tip = {
        std::clamp(pose.origin.x + towards_hand.x, -0.93f * aspect_x, 0.93f * aspect_x),
        std::clamp(pose.origin.y + towards_hand.y, -0.93f * aspect_y, 0.93f * aspect_y)};
    constexpr HandPose kOthers[] = {HandPose::kOpen, HandPose::kFist, HandPose::kSeveral};
    const HandPose other = kOthers[rng.Below(3)];
    Layer hand(options.height_px, options.width_px, samples);
    const Vec2 knuckle = scene::PaintHand(hand, light,
                                          {.fingertip = tip,
                                           .from = from,
                                           .size = size,
                                           .pose = points ? HandPose::kPointing : other},
                                          rng);
    picture.CastShadow(hand, 1.5f * shadow, 0.08f, 0.35f);
    picture.Composite(hand);
    const double half_px = 0.5 * static_cast<double>(shorter);
    result.has_fingertip = points;
    if (points) {
      result.fingertip_x_px = half_px * static_cast<double>(tip.x + aspect_x);
      result.fingertip_y_px = half_px * static_cast<double>(tip.y + aspect_y);
      result.knuckle_x_px = half_px * static_cast<double>(knuckle.x + aspect_x);
      result.knuckle_y_px = half_px * static_cast<double>(knuckle.y + aspect_y);
    }
  }

  std::vector<float> pixels = picture.Downsample();
  Vignette(pixels, options.height_px, options.width_px, difficulty * Uniform(rng, 0, 0.35));
  // Half of the pictures are a little out of focus, by at most 1/80 of their shorter side.
  const float focus = Uniform(rng, -1, 1);
  scene::Blur(pixels, options.height_px, options.width_px,
              difficulty * std::max(focus, 0.0f) * shorter / 80);
  AddNoise(pixels, difficulty * Uniform(rng, 0, 0.04), rng);
  result.image = ToImage(pixels, options.height_px, options.width_px);
  return result;
}

}  // namespace deixis
