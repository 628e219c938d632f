// The table of known networks: torchvision's ResNets and the CIFAR ResNets of He et al. §4.2, with
// the parameter names of github.com/akamaster/pytorch_resnet_cifar10.

#include "network/architecture.h"

#include <numeric>
#include <span>
#include <utility>

namespace deixis {
namespace {

constexpr const char* kWithoutLayer4 = "-c4";

std::vector<Architecture> MakeKnown() {
  std::vector<Architecture> known;
  const auto add_imagenet = [&](std::string name, BlockKind block, std::vector<int> blocks) {
    known.push_back({.name = std::move(name),
                     .block = block,
                     .stem = StemKind::kImageNet,
                     .shortcut = ShortcutKind::kProjection,
                     .blocks_per_stage = std::move(blocks),
                     .stage_channels = {64, 128, 256, 512},
                     .shortcut_name = "downsample",
                     .head_name = "fc"});
  };
  add_imagenet("resnet18", BlockKind::kBasic, {2, 2, 2, 2});
  add_imagenet("resnet34", BlockKind::kBasic, {3, 4, 6, 3});
  add_imagenet("resnet50", BlockKind::kBottleneck, {3, 4, 6, 3});
  add_imagenet("resnet101", BlockKind::kBottleneck, {3, 4, 23, 3});
  add_imagenet("resnet152", BlockKind::kBottleneck, {3, 8, 36, 3});
  // Cut off behind conv4_x, as detectors do ("C4"): a map of twice the width and height.
  for (const size_t whole : {0, 1, 2, 3, 4}) {
    Architecture cut = known[whole];
    cut.name += kWithoutLayer4;
    cut.blocks_per_stage.pop_back();
    cut.stage_channels.pop_back();
    known.push_back(std::move(cut));
  }
  for (const ShortcutKind shortcut : {ShortcutKind::kZeroPad, ShortcutKind::kProjection}) {
    const bool projects = shortcut == ShortcutKind::kProjection;
    for (const int depth : {20, 32, 44, 56, 110}) {
      const int blocks = (depth - 2) / 6;  // 6n + 2 layers
      known.push_back(
          {.name = "resnet" + std::to_string(depth) + (projects ? "-cifar-b" : "-cifar"),
           .block = BlockKind::kBasic,
           .stem = StemKind::kCifar,
           .shortcut = shortcut,
           .blocks_per_stage = {blocks, blocks, blocks},
           .stage_channels = {16, 32, 64},
           .shortcut_name = projects ? "shortcut" : "",
           .head_name = "linear"});
    }
  }
  return known;
}

int64_t HalvedUp(int64_t extent, int times) {
  for (; times > 0; --times) extent = (extent + 1) / 2;
  return extent;
}

}  // namespace

MapExtents LastMapOf(const Architecture& architecture, int64_t height_px, int64_t width_px) {
  // Every convolution and pooling of stride 2 is padded so that it halves, rounding up.
  const int halvings = static_cast<int>(architecture.blocks_per_stage.size()) - 1 +
                       (architecture.stem == StemKind::kImageNet ? 2 : 0);
  return {.height = HalvedUp(height_px, halvings), .width = HalvedUp(width_px, halvings)};
}

int64_t LastChannelsOf(const Architecture& architecture) {
  return architecture.stage_channels.back() *
         (architecture.block == BlockKind::kBottleneck ? 4 : 1);
}

std::vector<int64_t> PooledChannelsOf(const Architecture& architecture) {
  const int64_t expansion = architecture.block == BlockKind::kBottleneck ? 4 : 1;
  std::vector<int64_t> channels;
  for (const int64_t width : std::span(architecture.stage_channels)
                                 .last(static_cast<size_t>(architecture.pooled_stages))) {
    channels.push_back(expansion * width);
  }
  return channels;
}

std::string_view HeadNameOf(const Architecture& architecture) {
  if (architecture.HasSoftArgmaxHead()) return "soft-argmax";
  return architecture.HasFlattenHead() ? "flatten" : "pooled";
}

void TakeHeadShape(const Shape& weight, std::optional<bool> tells_presence,
                   Architecture& architecture) {
  architecture.num_outputs = architecture.flattened_pixels = architecture.num_attended = 0;
  architecture.pooled_stages = 1;
  if (weight.size() == 2) {
    const int64_t channels = LastChannelsOf(architecture);
    const int64_t inputs = weight[1];
    architecture.num_outputs = weight[0];
    if (inputs > channels && inputs % channels == 0) {
      architecture.flattened_pixels = inputs / channels;
      return;
    }
    // Each stage has half the channels of the next, so all of them together are fewer than twice C.
    const int num_stages = static_cast<int>(architecture.stage_channels.size());
    for (int stages = 2; stages <= num_stages; ++stages) {
      Architecture pooled = architecture;
      pooled.pooled_stages = stages;
      const std::vector<int64_t> seen = PooledChannelsOf(pooled);
      if (std::accumulate(seen.begin(), seen.end(), int64_t{0}) == inputs) {
        architecture.pooled_stages = stages;
      }
    }
  } else if (weight.size() == 4) {
    const int64_t rows_per_category = tells_presence.value_or(weight[0] % 3 != 0) ? 4 : 3;
    if (weight[0] % rows_per_category != 0) return;
    architecture.num_attended = weight[0] / rows_per_category;
    architecture.num_outputs = weight[0] - architecture.num_attended;
  }
}

const Architecture* WithoutLayer4(const Architecture& architecture) {
  const std::string name = architecture.name + kWithoutLayer4;
  return FindArchitecture(name);
}

const std::vector<Architecture>& KnownArchitectures() {
  static const std::vector<Architecture> known = MakeKnown();
  return known;
}

const Architecture* FindArchitecture(std::string_view name) {
  for (const Architecture& architecture : KnownArchitectures()) {
    if (architecture.name == name) return &architecture;
  }
  return nullptr;
}

}  // namespace deixis
