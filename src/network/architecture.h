// The networks that Deixis knows: the ResNet family, recognised from the names and shapes of a
// state dict and nothing else.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/tensor.h"

namespace deixis {

enum class BlockKind { kBasic, kBottleneck };
enum class StemKind {
  kImageNet,  // 7x7 stride 2, then max pooling 3x3 stride 2
  kCifar,     // 3x3 stride 1
};
enum class ShortcutKind {
  kProjection,  // 1x1 convolution and batch norm where the shape changes (option B)
  kZeroPad,     // every second pixel, missing channels zero (option A)
};

// He et al., "Deep Residual Learning for Image Recognition", 2015.
struct Architecture {
  // "resnet18" ... "resnet152" (torchvision), "resnet20-cifar" ... "resnet110-cifar" (option A),
  // "resnet20-cifar-b" ... "resnet110-cifar-b" (option B).
  std::string name;
  BlockKind block = BlockKind::kBasic;
  StemKind stem = StemKind::kImageNet;
  ShortcutKind shortcut = ShortcutKind::kProjection;
  std::vector<int> blocks_per_stage;    // 18: {2, 2, 2, 2}; 20: {3, 3, 3}
  std::vector<int64_t> stage_channels;  // 18: {64, 128, 256, 512}; 20: {16, 32, 64}
  std::string shortcut_name;            // "downsample", "shortcut"; empty with kZeroPad
  std::string head_name;                // "fc" or "linear"
  int64_t num_outputs = 0;              // rows of the head
  // 0: the head sees the mean of the last feature map (a "pooled" head). Else it sees every pixel
  // of it by itself, so that it can tell where something is (a "flatten" head): so many pixels h *
  // w, and C * h * w inputs in PyTorch's order [C, h, w].
  int64_t flattened_pixels = 0;

  bool HasFlattenHead() const { return flattened_pixels > 0; }
};

// Extents of a feature map.
struct MapExtents {
  int64_t height = 0;
  int64_t width = 0;

  int64_t num_pixels() const { return height * width; }
  bool operator==(const MapExtents&) const = default;
};
// Of the last feature map for a picture of height x width pixels.
MapExtents LastMapOf(const Architecture& architecture, int64_t height_px, int64_t width_px);
// Its channels.
int64_t LastChannelsOf(const Architecture& architecture);
// flattened_pixels of a head with so many inputs; 0 too when they fit no head at all.
int64_t FlattenedPixels(const Architecture& architecture, int64_t head_inputs);

// All that are known, with num_outputs 0.
const std::vector<Architecture>& KnownArchitectures();
// The one of that name, or nullptr.
const Architecture* FindArchitecture(std::string_view name);

// The architecture whose parameters the tensors are: the same names and shapes, the head's rows
// aside; a head with a multiple of the last feature map's channels for inputs is a flatten head. A
// missing num_batches_tracked is fine. Containers ("state_dict/", "model/", ...) and a
// "module." prefix must have been stripped (see StateDictOf in model.h). Otherwise kInvalidData
// with the nearest architecture and the first tensors that differ.
Result<Architecture> RecognizeArchitecture(const std::vector<NamedTensor>& tensors);

}  // namespace deixis
