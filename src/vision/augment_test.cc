// Pictures varied at random: the mark goes where what it marks goes.
#include "vision/augment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace deixis {
namespace {

constexpr Preprocessing kInput{.height_px = 40,
                               .width_px = 56,
                               .resize = ResizePolicy::kStretch,
                               .shorter_side_px = 40,
                               .mean = {0.5f, 0.25f, 0},
                               .stddev = {0.5f, 0.25f, 1}};

// Black, but for a blot of 3x3 around (x, y).
std::vector<uint8_t> Blot(int64_t x, int64_t y) {
  std::vector<uint8_t> picture(3 * kInput.height_px * kInput.width_px);
  for (int64_t dy = -1; dy <= 1; ++dy) {
    for (int64_t dx = -1; dx <= 1; ++dx) {
      const int64_t place = 3 * ((y + dy) * kInput.width_px + x + dx);
      std::fill_n(picture.begin() + place, 3, static_cast<uint8_t>(255));
    }
  }
  return picture;
}

Point UnitOf(double x, double y) {
  return {(x + 0.5) * 2 / static_cast<double>(kInput.width_px) - 1,
          (y + 0.5) * 2 / static_cast<double>(kInput.height_px) - 1};
}

std::vector<float> Varied(const std::vector<uint8_t>& picture, const Variation& variation) {
  std::vector<float> out(picture.size());
  VaryPicture(picture.data(), variation, kInput, out.data());
  return out;
}

// Where the light near `place` is: the mean place of channel 2, which is brightness itself. Further
// off the mirrored border may show the same thing again. Not a number where it is dark.
Point CentreOfLight(const std::vector<float>& picture, const Point& place) {
  constexpr int64_t kNear = 5;
  double sum = 0;
  Point centre;
  for (int64_t y = 0; y < kInput.height_px; ++y) {
    for (int64_t x = 0; x < kInput.width_px; ++x) {
      if (std::abs(static_cast<double>(x) - place.x) > kNear) continue;
      if (std::abs(static_cast<double>(y) - place.y) > kNear) continue;
      const double light = picture[static_cast<size_t>(3 * (y * kInput.width_px + x) + 2)];
      sum += light;
      centre.x += light * static_cast<double>(x);
      centre.y += light * static_cast<double>(y);
    }
  }
  return {centre.x / sum, centre.y / sum};
}

TEST(VaryPicture, WithoutAVariationIsWhatTheNetworkSees) {
  std::vector<uint8_t> picture(3 * kInput.height_px * kInput.width_px);
  for (size_t i = 0; i < picture.size(); ++i) picture[i] = static_cast<uint8_t>(i * 7);
  const std::vector<float> out = Varied(picture, {});
  for (size_t i = 0; i < picture.size(); ++i) {
    const float value = static_cast<float>(picture[i]);
    ASSERT_EQ(out[i], (value / 255 - kInput.mean[i % 3]) / kInput.stddev[i % 3]) << i;
  }
}

TEST(VaryPicture, ChannelsComeInTheNetworksOrder) {
  const std::vector<uint8_t> picture = [] {
    std::vector<uint8_t> pixels(3 * kInput.height_px * kInput.width_px);
    for (size_t i = 0; i < pixels.size(); i += 3) pixels[i] = 255;  // red
    return pixels;
  }();
  Preprocessing bgr = kInput;
  bgr.channel_order = ChannelOrder::kBgr;
  std::vector<float> out(picture.size());
  VaryPicture(picture.data(), {}, bgr, out.data());
  EXPECT_EQ(out[0], -1);  // blue: (0 - 0.5) / 0.5
  EXPECT_EQ(out[2], 1);   // red
}

TEST(VaryPoint, GoesWhereThePictureGoes) {
  AugmentOptions options = AugmentOptions::None();
  options.flip = true;
  options.scale = 0.3;
  options.shift = 0.2;
  options.rotate_degrees = 25;
  Rng rng(5);
  const std::vector<uint8_t> picture = Blot(20, 14);
  bool was_mirrored = false;
  bool was_not = false;
  int compared = 0;
  for (int i = 0; i < 60; ++i) {
    const Point mark = UnitOf(20, 14);
    const Variation variation = DrawVariation(options, kInput, {&mark, 1}, rng);
    const Point moved = VaryPoint(variation, kInput, mark);
    const double determinant =
        variation.matrix[0] * variation.matrix[3] - variation.matrix[1] * variation.matrix[2];
    (determinant < 0 ? was_mirrored : was_not) = true;
    // Near the border the mirrored picture shows the blot twice.
    if (std::abs(moved.x) > 0.8 || std::abs(moved.y) > 0.8) continue;
    const Point place{(moved.x + 1) * 28 - 0.5, (moved.y + 1) * 20 - 0.5};
    const Point light = CentreOfLight(Varied(picture, variation), place);
    const Point unit = UnitOf(light.x, light.y);
    ++compared;
    EXPECT_NEAR(unit.x, moved.x, 0.6 * 2 / 56) << i;
    EXPECT_NEAR(unit.y, moved.y, 0.6 * 2 / 40) << i;
  }
  EXPECT_GT(compared, 20);
  EXPECT_TRUE(was_mirrored);
  EXPECT_TRUE(was_not);
}

TEST(DrawVariation, KeepsMarksInside) {
  AugmentOptions options;
  options.shift = 0.5;
  options.scale = 1;
  Rng rng(9);
  bool moved = false;
  for (int i = 0; i < 300; ++i) {
    const Point mark{0.9, -0.9};
    const Point there = VaryPoint(DrawVariation(options, kInput, {&mark, 1}, rng), kInput, mark);
    EXPECT_LE(std::abs(there.x), 1);
    EXPECT_LE(std::abs(there.y), 1);
    moved = moved || std::abs(there.x - mark.x) > 0.1;
  }
  EXPECT_TRUE(moved);
}

TEST(DrawVariation, PaintsOverNoMark) {
  AugmentOptions options;
  options.erase = 1;
  Rng rng(9);
  int painted = 0;
  for (int i = 0; i < 300; ++i) {
    const Point mark{0.1, -0.2};
    const Variation variation = DrawVariation(options, kInput, {&mark, 1}, rng);
    if (!variation.erased) continue;
    ++painted;
    const Point there = VaryPoint(variation, kInput, mark);
    const double x_px = 0.5 * (there.x + 1) * static_cast<double>(kInput.width_px);
    const double y_px = 0.5 * (there.y + 1) * static_cast<double>(kInput.height_px);
    const Variation::Box& box = *variation.erased;
    EXPECT_TRUE(x_px < static_cast<double>(box.left) || x_px > static_cast<double>(box.right) ||
                y_px < static_cast<double>(box.top) || y_px > static_cast<double>(box.bottom))
        << i;
  }
  EXPECT_GT(painted, 290);
}

TEST(DrawVariation, IsTheSameForTheSameState) {
  Rng first(3);
  Rng second(3);
  Rng other(4);
  const Variation a = DrawVariation({}, kInput, {}, first);
  const Variation b = DrawVariation({}, kInput, {}, second);
  const Variation c = DrawVariation({}, kInput, {}, other);
  const std::vector<uint8_t> picture = Blot(30, 20);
  EXPECT_EQ(Varied(picture, a), Varied(picture, b));
  EXPECT_NE(Varied(picture, a), Varied(picture, c));
}

TEST(DrawVariation, NoneIsNone) {
  Rng rng(1);
  const std::vector<uint8_t> picture = Blot(30, 20);
  EXPECT_EQ(Varied(picture, DrawVariation(AugmentOptions::None(), kInput, {}, rng)),
            Varied(picture, {}));
}

TEST(VaryPicture, ABlurKeepsTheLightAndSpreadsIt) {
  Variation variation;
  variation.blur_px = 1.5;
  const std::vector<uint8_t> picture = Blot(28, 20);
  const std::vector<float> sharp = Varied(picture, {});
  const std::vector<float> soft = Varied(picture, variation);
  const auto light = [](const std::vector<float>& values) {
    double sum = 0;
    for (size_t i = 2; i < values.size(); i += 3) sum += values[i];
    return sum;
  };
  EXPECT_NEAR(light(soft), light(sharp), 1e-3 * light(sharp));
  EXPECT_LT(*std::ranges::max_element(soft), 0.6 * *std::ranges::max_element(sharp));
  const Point centre = CentreOfLight(soft, {28, 20});
  EXPECT_NEAR(centre.x, 28, 0.01);
  EXPECT_NEAR(centre.y, 20, 0.01);
}

TEST(AugmentOptions, RefusesWhatIsOutOfRange) {
  EXPECT_TRUE(AugmentOptions{}.Validate().ok());
  EXPECT_EQ(AugmentOptions{.scale = -0.1}.Validate().error().code, ErrorCode::kUsage);
  EXPECT_EQ(AugmentOptions{.erase = 1.5}.Validate().error().code, ErrorCode::kUsage);
  EXPECT_FALSE(AugmentOptions{.noise = std::nan("")}.Validate().ok());
}

}  // namespace
}  // namespace deixis
