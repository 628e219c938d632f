// The table of known networks: torchvision's ResNets and the CIFAR ResNets of He et al. §4.2, with
// the parameter names of github.com/akamaster/pytorch_resnet_cifar10.

#include "network/architecture.h"

#include <utility>

namespace deixis {
namespace {

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

int64_t FlattenedPixels(const Architecture& architecture, int64_t head_inputs) {
  const int64_t channels = LastChannelsOf(architecture);
  return head_inputs > channels && head_inputs % channels == 0 ? head_inputs / channels : 0;
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
