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
};

// All that are known, with num_outputs 0.
const std::vector<Architecture>& KnownArchitectures();
// The one of that name, or nullptr.
const Architecture* FindArchitecture(std::string_view name);

// The architecture whose parameters the tensors are: the same names and shapes, the head's rows
// aside; a missing num_batches_tracked is fine. Containers ("state_dict/", "model/", ...) and a
// "module." prefix must have been stripped (see StateDictOf in model.h). Otherwise kInvalidData
// with the nearest architecture and the first tensors that differ.
Result<Architecture> RecognizeArchitecture(const std::vector<NamedTensor>& tensors);

}  // namespace deixis
