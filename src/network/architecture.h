// The networks that Deixis knows: the ResNet family, recognised from the names and shapes of a
// state dict and nothing else.
#pragma once

#include <cstdint>
#include <optional>
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
  // "resnet18" ... "resnet152" (torchvision), "resnet18-c4" ... "resnet152-c4" (without layer4),
  // "resnet20-cifar" ... "resnet110-cifar" (option A), "resnet20-cifar-b" ... "resnet110-cifar-b"
  // (option B).
  std::string name;
  BlockKind block = BlockKind::kBasic;
  StemKind stem = StemKind::kImageNet;
  ShortcutKind shortcut = ShortcutKind::kProjection;
  std::vector<int> blocks_per_stage;    // 18: {2, 2, 2, 2}; 20: {3, 3, 3}
  std::vector<int64_t> stage_channels;  // 18: {64, 128, 256, 512}; 20: {16, 32, 64}
  std::string shortcut_name;            // "downsample", "shortcut"; empty with kZeroPad
  std::string head_name;                // "fc" or "linear"
  int64_t num_outputs = 0;              // numbers that the network answers
  // A "pooled" head sees the means of the last feature maps of so many stages, the earlier stage's
  // first; of one, as torchvision's networks have it, unless it was taught on more.
  int pooled_stages = 1;
  // 0, or a head that sees every pixel of the last feature map by itself, so that it can tell where
  // something is (a "flatten" head): so many pixels h * w, and C * h * w inputs in PyTorch's order
  // [C, h, w].
  int64_t flattened_pixels = 0;
  // 0, or the categories of a "soft-argmax" head: a 1x1 convolution over the last feature map gives
  // each pixel num_outputs values and one logit of attention per category, and the answer is the
  // values' mean weighted by the softmax of the attention over all pixels, x and y counted from the
  // pixel (kernels/soft_argmax_f32).
  int64_t num_attended = 0;

  bool HasFlattenHead() const { return flattened_pixels > 0; }
  bool HasSoftArgmaxHead() const { return num_attended > 0; }
  // Rows of the head's weight.
  int64_t num_head_rows() const { return num_outputs + num_attended; }
};
// "pooled", "flatten" or "soft-argmax".
std::string_view HeadNameOf(const Architecture& architecture);

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
// Of the maps whose means a pooled head sees, in its order.
std::vector<int64_t> PooledChannelsOf(const Architecture& architecture);
// Sets num_outputs, pooled_stages, flattened_pixels and num_attended by the shape of the head's
// weight: [rows, C] is pooled, and with the channels of earlier stages added to C pooled from them
// too; [rows, C * h * w] is flatten, [rows, C, 1, 1] soft-argmax. A soft-argmax head has three
// rows per category (x, y, attention), with presence four; without a word about presence it is
// three where three divide them. num_outputs is 0 when no head has such a shape.
void TakeHeadShape(const Shape& weight, std::optional<bool> tells_presence,
                   Architecture& architecture);

// The same without its last stage, with num_outputs 0; nullptr when there is no such network.
const Architecture* WithoutLayer4(const Architecture& architecture);

// All that are known, with num_outputs 0.
const std::vector<Architecture>& KnownArchitectures();
// The one of that name, or nullptr.
const Architecture* FindArchitecture(std::string_view name);

// The architecture whose parameters the tensors are: the same names and shapes, the head's rows
// aside, which TakeHeadShape() reads. A
// missing num_batches_tracked is fine. Containers ("state_dict/", "model/", ...) and a
// "module." prefix must have been stripped (see StateDictOf in model.h). Otherwise kInvalidData
// with the nearest architecture and the first tensors that differ.
Result<Architecture> RecognizeArchitecture(const std::vector<NamedTensor>& tensors);

}  // namespace deixis
