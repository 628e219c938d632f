#include "vision/augment.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <vector>

namespace deixis {
namespace {

constexpr int kTries = 12;
constexpr double kLargestMark = 0.98;

// -1, 0, ... size: mirrored at the border, without repeating the border's pixel twice in a row.
int64_t Mirrored(int64_t i, int64_t size) {
  if (size == 1) return 0;
  const int64_t period = 2 * size - 2;
  i = ((i % period) + period) % period;
  return i < size ? i : period - i;
}

void DrawPlace(const AugmentOptions& options, const Preprocessing& preprocessing, Rng& rng,
               Variation& variation) {
  const double mirror = options.flip && rng.Below(2) == 1 ? -1 : 1;
  const double scale = std::exp(rng.Uniform(-1, 1) * std::log(1 + options.scale));
  const double angle = rng.Uniform(-1, 1) * options.rotate_degrees * std::numbers::pi / 180;
  const double c = scale * std::cos(angle);
  const double s = scale * std::sin(angle);
  variation.matrix = {c * mirror, -s, s * mirror, c};
  variation.offset = {
      rng.Uniform(-1, 1) * options.shift * static_cast<double>(preprocessing.width_px),
      rng.Uniform(-1, 1) * options.shift * static_cast<double>(preprocessing.height_px)};
}

bool IsInside(const Point& unit) {
  return std::abs(unit.x) <= kLargestMark && std::abs(unit.y) <= kLargestMark;
}

// A box of a tenth to two fifths of each side.
Variation::Box DrawBox(const Preprocessing& preprocessing, Rng& rng) {
  const auto side = [&](int64_t size) {
    return static_cast<int64_t>(rng.Uniform(0.1, 0.4) * static_cast<double>(size));
  };
  const int64_t tall = side(preprocessing.height_px);
  const int64_t wide = side(preprocessing.width_px);
  const auto top = static_cast<int64_t>(rng.Below(preprocessing.height_px - tall + 1));
  const auto left = static_cast<int64_t>(rng.Below(preprocessing.width_px - wide + 1));
  return {.top = top,
          .left = left,
          .bottom = top + tall,
          .right = left + wide,
          .colour_seed = rng.NextBits()};
}

bool Covers(const Variation::Box& box, const Point& mark_px) {
  return mark_px.x >= static_cast<double>(box.left) &&
         mark_px.x <= static_cast<double>(box.right) && mark_px.y >= static_cast<double>(box.top) &&
         mark_px.y <= static_cast<double>(box.bottom);
}

// [H, W, 3], by place; values 0..255.
void SampleAffine(const uint8_t* picture, const Variation& variation, int64_t height, int64_t width,
                  float* out) {
  const auto& m = variation.matrix;
  const double determinant = m[0] * m[3] - m[1] * m[2];
  const std::array<double, 4> inverse = {m[3] / determinant, -m[1] / determinant,
                                         -m[2] / determinant, m[0] / determinant};
  const double centre_x = 0.5 * static_cast<double>(width) - 0.5;
  const double centre_y = 0.5 * static_cast<double>(height) - 0.5;
  for (int64_t y = 0; y < height; ++y) {
    const double to_y = static_cast<double>(y) - centre_y - variation.offset[1];
    for (int64_t x = 0; x < width; ++x, out += 3) {
      const double to_x = static_cast<double>(x) - centre_x - variation.offset[0];
      const double from_x = inverse[0] * to_x + inverse[1] * to_y + centre_x;
      const double from_y = inverse[2] * to_x + inverse[3] * to_y + centre_y;
      const double floor_x = std::floor(from_x);
      const double floor_y = std::floor(from_y);
      const auto part_x = static_cast<float>(from_x - floor_x);
      const auto part_y = static_cast<float>(from_y - floor_y);
      const auto left = static_cast<int64_t>(floor_x);
      const auto top = static_cast<int64_t>(floor_y);
      const bool is_inside = left >= 0 && top >= 0 && left + 1 < width && top + 1 < height;
      const int64_t x0 = is_inside ? left : Mirrored(left, width);
      const int64_t x1 = is_inside ? left + 1 : Mirrored(left + 1, width);
      const int64_t y0 = is_inside ? top : Mirrored(top, height);
      const int64_t y1 = is_inside ? top + 1 : Mirrored(top + 1, height);
      const uint8_t* above = picture + 3 * y0 * width;
      const uint8_t* below = picture + 3 * y1 * width;
      for (int64_t channel = 0; channel < 3; ++channel) {
        const float a = above[3 * x0 + channel];
        const float b = above[3 * x1 + channel];
        const float c = below[3 * x0 + channel];
        const float d = below[3 * x1 + channel];
        const float upper = a + (b - a) * part_x;
        const float lower = c + (d - c) * part_x;
        out[channel] = upper + (lower - upper) * part_y;
      }
    }
  }
}

// Separable, three standard deviations wide.
void Blur(double deviation_px, int64_t height, int64_t width, float* values) {
  const auto radius = static_cast<int64_t>(std::ceil(3 * deviation_px));
  std::vector<float> filter;
  double sum = 0;
  for (int64_t i = -radius; i <= radius; ++i) {
    const double x = static_cast<double>(i) / deviation_px;
    filter.push_back(static_cast<float>(std::exp(-0.5 * x * x)));
    sum += filter.back();
  }
  for (float& weight : filter) weight /= static_cast<float>(sum);
  std::vector<float> line;
  const auto pass = [&](int64_t count, int64_t step, float* first) {
    line.assign(static_cast<size_t>(3 * count), 0.0f);
    for (int64_t i = 0; i < count; ++i) {
      for (int64_t k = -radius; k <= radius; ++k) {
        const float* from = first + step * Mirrored(i + k, count);
        const float weight = filter[static_cast<size_t>(k + radius)];
        for (int64_t c = 0; c < 3; ++c) line[static_cast<size_t>(3 * i + c)] += weight * from[c];
      }
    }
    for (int64_t i = 0; i < count; ++i) {
      for (int64_t c = 0; c < 3; ++c) first[step * i + c] = line[static_cast<size_t>(3 * i + c)];
    }
  };
  for (int64_t y = 0; y < height; ++y) pass(width, 3, values + 3 * y * width);
  for (int64_t x = 0; x < width; ++x) pass(height, 3 * width, values + 3 * x);
}

void Erase(const Variation::Box& box, int64_t width, float* values) {
  Rng rng(box.colour_seed);
  const std::array<float, 3> colour = {static_cast<float>(rng.Uniform(0, 255)),
                                       static_cast<float>(rng.Uniform(0, 255)),
                                       static_cast<float>(rng.Uniform(0, 255))};
  for (int64_t y = box.top; y < box.bottom; ++y) {
    for (int64_t x = box.left; x < box.right; ++x) {
      std::copy(colour.begin(), colour.end(), values + 3 * (y * width + x));
    }
  }
}

void Colour(const Variation& variation, int64_t count, float* values) {
  const auto saturation = static_cast<float>(variation.saturation);
  const auto contrast = static_cast<float>(variation.contrast);
  const auto shift =
      static_cast<float>(127.5 * (1 - variation.contrast) + 255 * variation.brightness);
  const std::array<float, 3> gain = {static_cast<float>(variation.gain[0]),
                                     static_cast<float>(variation.gain[1]),
                                     static_cast<float>(variation.gain[2])};
  // Cheap and repeatable: what is wanted is grain, not a perfect normal law.
  Rng rng(variation.noise_seed);
  const auto amplitude = static_cast<float>(255 * variation.noise * std::sqrt(1.5));
  for (int64_t i = 0; i < count; ++i, values += 3) {
    const float grey = 0.299f * values[0] + 0.587f * values[1] + 0.114f * values[2];
    uint64_t bits = amplitude > 0 ? rng.NextBits() : 0;
    for (size_t c = 0; c < 3; ++c) {
      float value = gain[c] * (grey + saturation * (values[c] - grey));
      value = contrast * value + shift;
      if (amplitude > 0) {
        // The sum of two uniform numbers of 10 bits.
        const auto sum = static_cast<float>((bits & 1023) + ((bits >> 10) & 1023));
        value += amplitude * (sum / 1023 - 1) * 1.6329932f;
        bits >>= 20;
      }
      values[c] = std::clamp(value, 0.0f, 255.0f);
    }
  }
}

void Normalise(const Preprocessing& preprocessing, int64_t count, float* values) {
  const bool swaps = preprocessing.channel_order == ChannelOrder::kBgr;
  for (int64_t i = 0; i < count; ++i, values += 3) {
    if (swaps) std::swap(values[0], values[2]);
    for (size_t c = 0; c < 3; ++c) {
      values[c] = (values[c] / 255 - preprocessing.mean[c]) / preprocessing.stddev[c];
    }
  }
}

}  // namespace

Status AugmentOptions::Validate() const {
  const struct {
    const char* name;
    double value;
    double largest;
  } ranges[] = {
      {"scale", scale, 4},   {"shift", shift, 1},     {"rotate_degrees", rotate_degrees, 180},
      {"colour", colour, 1}, {"blur_px", blur_px, 8}, {"noise", noise, 0.5},
      {"erase", erase, 1}};
  for (const auto& range : ranges) {
    if (range.value >= 0 && range.value <= range.largest) continue;
    return UsageError("augmentation: expected " + std::string(range.name) + " within 0.." +
                      std::to_string(range.largest) + ", found " + std::to_string(range.value));
  }
  return Ok();
}

AugmentOptions AugmentOptions::None() {
  return {.flip = false,
          .scale = 0,
          .shift = 0,
          .rotate_degrees = 0,
          .colour = 0,
          .blur_px = 0,
          .noise = 0,
          .erase = 0};
}

Variation DrawVariation(const AugmentOptions& options, const Preprocessing& preprocessing,
                        std::span<const Point> marks_unit, Rng& rng) {
  Variation variation;
  int tries = 0;
  do {
    DrawPlace(options, preprocessing, rng, variation);
  } while (!std::ranges::all_of(marks_unit, [&](const Point& mark) {
    return IsInside(VaryPoint(variation, preprocessing, mark));
  }) && ++tries < kTries);
  if (tries == kTries) variation = Variation{};
  const double colour = options.colour;
  // Light is mostly common to the channels.
  for (double& gain : variation.gain) gain = 1 + rng.Uniform(-0.5, 0.5) * colour;
  variation.saturation = 1 + rng.Uniform(-1, 1) * std::min(1.0, 1.5 * colour);
  variation.contrast = std::exp(rng.Uniform(-1, 1) * colour);
  variation.brightness = rng.Uniform(-0.5, 0.5) * colour;
  // Half of the pictures stay sharp.
  variation.blur_px = std::max(0.0, rng.Uniform(-1, 1)) * options.blur_px;
  variation.noise = rng.Unit() * options.noise;
  variation.noise_seed = rng.NextBits();
  if (options.erase > 0 && rng.Unit() < options.erase) {
    std::vector<Point> marks_px;
    for (const Point& mark : marks_unit) {
      const Point varied = VaryPoint(variation, preprocessing, mark);
      marks_px.push_back({0.5 * (varied.x + 1) * static_cast<double>(preprocessing.width_px),
                          0.5 * (varied.y + 1) * static_cast<double>(preprocessing.height_px)});
    }
    for (tries = 0; tries < kTries && !variation.erased; ++tries) {
      const Variation::Box box = DrawBox(preprocessing, rng);
      const auto covers = [&](const Point& mark) { return Covers(box, mark); };
      if (std::ranges::none_of(marks_px, covers)) variation.erased = box;
    }
  }
  return variation;
}

Point VaryPoint(const Variation& variation, const Preprocessing& preprocessing, const Point& unit) {
  const double half_width = 0.5 * static_cast<double>(preprocessing.width_px);
  const double half_height = 0.5 * static_cast<double>(preprocessing.height_px);
  const double x = unit.x * half_width;
  const double y = unit.y * half_height;
  const auto& m = variation.matrix;
  return {(m[0] * x + m[1] * y + variation.offset[0]) / half_width,
          (m[2] * x + m[3] * y + variation.offset[1]) / half_height};
}

void VaryPicture(const uint8_t* picture, const Variation& variation,
                 const Preprocessing& preprocessing, float* out) {
  const int64_t height = preprocessing.height_px;
  const int64_t width = preprocessing.width_px;
  const int64_t count = height * width;
  const bool stays = variation.matrix == std::array<double, 4>{1, 0, 0, 1} &&
                     variation.offset == std::array<double, 2>{0, 0};
  if (stays) {
    std::copy(picture, picture + 3 * count, out);
  } else {
    SampleAffine(picture, variation, height, width, out);
  }
  if (variation.erased) Erase(*variation.erased, width, out);
  if (variation.blur_px > 0.1) Blur(variation.blur_px, height, width, out);
  const bool same_colour = variation.gain == std::array<double, 3>{1, 1, 1} &&
                           variation.saturation == 1 && variation.contrast == 1 &&
                           variation.brightness == 0 && variation.noise == 0;
  if (!same_colour) Colour(variation, count, out);
  Normalise(preprocessing, count, out);
}

}  // namespace deixis
