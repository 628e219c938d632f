// How a picture becomes a network's input. It is part of every model file, so that what a user
// previews, what is trained and what runs on the device are the same pixels.
#pragma once

#include <array>
#include <cstdint>

namespace deixis {

enum class ResizePolicy : uint8_t {
  kStretch,          // to height x width, whatever the aspect
  kShorterSideCrop,  // shorter side to `shorter_side_px`, then the centre height x width
};

enum class ChannelOrder : uint8_t { kRgb, kBgr };

// Resampling is bilinear, antialiased when it shrinks. The network sees
// (pixel / 255 - mean[c]) / stddev[c], channels in `channel_order`.
struct Preprocessing {
  int64_t height_px = 224;
  int64_t width_px = 224;
  ResizePolicy resize = ResizePolicy::kShorterSideCrop;
  int64_t shorter_side_px = 256;  // kShorterSideCrop only
  ChannelOrder channel_order = ChannelOrder::kRgb;
  std::array<float, 3> mean = {0.485f, 0.456f, 0.406f};
  std::array<float, 3> stddev = {0.229f, 0.224f, 0.225f};

  bool operator==(const Preprocessing&) const = default;
};

}  // namespace deixis
