#include "vision/camera/yuyv.h"

#include <algorithm>

namespace deixis::camera {
namespace {

uint8_t Clamped(int value) { return static_cast<uint8_t>(std::clamp(value, 0, 255)); }

// 16.16 fixed point: 255/219 and the differences' weights of BT.601 times 255/112 / 2.
constexpr int kLuma = 76309;
constexpr int kRedOfV = 104597;
constexpr int kGreenOfU = 25675;
constexpr int kGreenOfV = 53279;
constexpr int kBlueOfU = 132201;
constexpr int kHalf = 1 << 15;

void ConvertRow(const uint8_t* in, uint8_t* out, int64_t num_pairs) {
  for (int64_t i = 0; i < num_pairs; ++i, in += 4, out += 6) {
    const int u = in[1] - 128;
    const int v = in[3] - 128;
    const int red = kRedOfV * v + kHalf;
    const int green = -kGreenOfU * u - kGreenOfV * v + kHalf;
    const int blue = kBlueOfU * u + kHalf;
    for (int64_t k = 0; k < 2; ++k) {
      const int luma = kLuma * (in[2 * k] - 16);
      out[3 * k] = Clamped((luma + red) >> 16);
      out[3 * k + 1] = Clamped((luma + green) >> 16);
      out[3 * k + 2] = Clamped((luma + blue) >> 16);
    }
  }
}

}  // namespace

Result<Image> DecodeYuyv(std::span<const std::byte> bytes, const YuyvLayout& layout) {
  const int64_t wanted = layout.row_stride_bytes * (layout.height_px - 1) + 2 * layout.width_px;
  if (static_cast<int64_t>(bytes.size()) < wanted) {
    return InvalidData("YUYV frame: expected " + std::to_string(wanted) + " bytes, found " +
                       std::to_string(bytes.size()));
  }
  Image image{.height_px = layout.height_px, .width_px = layout.width_px, .pixels = {}};
  image.pixels.resize(static_cast<size_t>(3 * layout.height_px * layout.width_px));
  const auto* in = reinterpret_cast<const uint8_t*>(bytes.data());
  for (int64_t y = 0; y < layout.height_px; ++y) {
    ConvertRow(in + y * layout.row_stride_bytes, image.pixels.data() + 3 * y * layout.width_px,
               layout.width_px / 2);
  }
  return image;
}

}  // namespace deixis::camera
