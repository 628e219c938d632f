#include "vision/camera/yuyv.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace deixis::camera {
namespace {

std::vector<std::byte> Bytes(const std::vector<int>& values) {
  std::vector<std::byte> bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

TEST(Yuyv, HasTheColoursOfTheStandard) {
  const auto image = DecodeYuyv(Bytes({16, 128, 235, 128,   // black, white
                                       81, 90, 81, 240,     // red
                                       41, 240, 41, 110}),  // blue
                                {.height_px = 3, .width_px = 2, .row_stride_bytes = 4});
  ASSERT_TRUE(image.ok());
  EXPECT_EQ(image->pixels, (std::vector<uint8_t>{0, 0, 0, 255, 255, 255,  //
                                                 254, 0, 0, 254, 0, 0,    //
                                                 0, 0, 255, 0, 0, 255}));
}

TEST(Yuyv, IsWithinOneOfTheExactValue) {
  for (int luma = 0; luma < 256; luma += 5) {
    for (int u = 0; u < 256; u += 5) {
      for (int v = 0; v < 256; v += 5) {
        const auto image = DecodeYuyv(Bytes({luma, u, luma, v}),
                                      {.height_px = 1, .width_px = 2, .row_stride_bytes = 4});
        const double y = 255.0 / 219 * (luma - 16);
        const double b = 255.0 / 112 * (u - 128);
        const double r = 255.0 / 112 * (v - 128);
        const double exact[3] = {y + 0.701 * r,
                                 y - 0.886 * 0.114 / 0.587 * b - 0.701 * 0.299 / 0.587 * r,
                                 y + 0.886 * b};
        for (int c = 0; c < 3; ++c) {
          ASSERT_NEAR(image->pixels[c], std::clamp(exact[c], 0.0, 255.0), 1)
              << luma << " " << u << " " << v << " channel " << c;
        }
      }
    }
  }
}

TEST(Yuyv, RowsMayBePadded) {
  const auto image = DecodeYuyv(Bytes({235, 128, 235, 128, 9, 9,  //
                                       16, 128, 16, 128}),
                                {.height_px = 2, .width_px = 2, .row_stride_bytes = 6});
  ASSERT_TRUE(image.ok());
  EXPECT_EQ(image->pixels, (std::vector<uint8_t>{255, 255, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0}));
}

TEST(Yuyv, AFrameCutShortIsRefused) {
  const std::vector<std::byte> whole(8);
  const YuyvLayout layout{.height_px = 2, .width_px = 2, .row_stride_bytes = 4};
  EXPECT_TRUE(DecodeYuyv(whole, layout).ok());
  for (size_t length = 0; length < whole.size(); ++length) {
    const auto image = DecodeYuyv(std::span(whole).first(length), layout);
    ASSERT_FALSE(image.ok()) << length;
    EXPECT_EQ(image.error().code, ErrorCode::kInvalidData);
  }
}

}  // namespace
}  // namespace deixis::camera
