// The preview: each mark is where it belongs and nowhere else.
#include "pipeline/preview.h"

#include <gtest/gtest.h>

#include <array>

namespace deixis {
namespace {

using Pixel = std::array<int, 3>;

Image Grey(int64_t height_px, int64_t width_px) {
  return {.height_px = height_px,
          .width_px = width_px,
          .pixels = std::vector<uint8_t>(static_cast<size_t>(3 * height_px * width_px), 100)};
}

Pixel At(const Image& image, int64_t x, int64_t y) {
  const uint8_t* pixel = image.pixels.data() + 3 * (y * image.width_px + x);
  return {pixel[0], pixel[1], pixel[2]};
}

constexpr Pixel kGrey = {100, 100, 100};
constexpr Pixel kYellow = {255, 200, 0};
constexpr Pixel kGreen = {60, 220, 90};

int64_t NumPixels(const Image& image, const Pixel& colour, int64_t top, int64_t bottom) {
  int64_t count = 0;
  for (int64_t y = top; y < bottom; ++y) {
    for (int64_t x = 0; x < image.width_px; ++x) count += At(image, x, y) == colour ? 1 : 0;
  }
  return count;
}

TEST(Preview, LeavesAFrameWithoutAFingerAsItIs) {
  const Image shown = DrawPreview(Grey(60, 80), {}, {});
  EXPECT_EQ(shown.width_px, 80);
  EXPECT_EQ(shown.height_px, 60 + PreviewBarHeightPx(60));
  EXPECT_EQ(NumPixels(shown, kGrey, 0, 60), 60 * 80);
  EXPECT_EQ(NumPixels(shown, {240, 240, 240}, 60, shown.height_px), 0);
}

TEST(Preview, ShowsTipCropDwellAndWords) {
  Look look;
  look.tip_px = {40, 30};
  look.crop = {.left_px = 20, .top_px = 10, .side_px = 15};
  Image shown = DrawPreview(Grey(60, 80), look,
                            {.state = Decision::State::kSeeking, .progress = 0.5, .text = "I"});
  EXPECT_EQ(At(shown, 40, 30), kYellow);
  EXPECT_EQ(At(shown, 45, 30), kYellow);
  EXPECT_EQ(At(shown, 40, 25), kYellow);
  EXPECT_EQ(At(shown, 46, 30), kGrey);
  for (const auto& [x, y] : {std::pair{20, 10}, {34, 10}, {20, 24}, {34, 24}, {27, 10}}) {
    EXPECT_EQ(At(shown, x, y), kYellow) << x << ' ' << y;
  }
  EXPECT_EQ(At(shown, 27, 17), kGrey);
  EXPECT_EQ(At(shown, 35, 10), kGrey);
  // A tip of 21 pixels and a square of 4 * 14, and half of the bar.
  EXPECT_EQ(NumPixels(shown, kYellow, 0, 60), 21 + 56);
  EXPECT_EQ(NumPixels(shown, kYellow, 60, shown.height_px), 2 * 40);
  // An "I" has eleven pixels.
  EXPECT_EQ(NumPixels(shown, {240, 240, 240}, 60, shown.height_px), 11);

  shown = DrawPreview(Grey(60, 80), look, {.state = Decision::State::kSettled, .text = ""});
  EXPECT_EQ(At(shown, 40, 30), kGreen);
  EXPECT_EQ(NumPixels(shown, kYellow, 0, shown.height_px), 0);
}

TEST(Preview, StaysInsideTheFrame) {
  Look look;
  look.tip_px = {79, 59};
  look.crop = {.left_px = 70, .top_px = 50, .side_px = 40};
  const Image shown = DrawPreview(
      Grey(60, 80), look,
      {.state = Decision::State::kLocked, .progress = 2, .text = std::string(200, 'x') + "\xE7"});
  EXPECT_EQ(shown.pixels.size(), static_cast<size_t>(3 * 80 * (60 + PreviewBarHeightPx(60))));
}

}  // namespace
}  // namespace deixis
