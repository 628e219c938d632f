// 2-D convolution of float images in NHWC, with bias, residual addition and ReLU in its epilogue:
//
//   y[n, oy, ox, o] = relu(bias[o] + sum over r, s, c of
//                          w[o, c, r, s] * x[n, oy * stride + r - padding, ox * stride + s -
//                          padding, c]
//                          + residual[n, oy, ox, o])
//
// A direct convolution: the input's padding is really in memory (nhwc.h), so the K_w * C_in inputs
// under one filter row of one pixel are contiguous and are multiplied where they lie. A register
// tile of some pixels by some output channels stays in registers over the whole sum. The order of
// the additions of one output depends on nothing but the shape of the layer and the instruction
// set, so results do not depend on the number of threads.
#pragma once

#include <cstdint>
#include <span>

#include "base/thread_pool.h"
#include "kernels/aligned.h"
#include "kernels/nhwc.h"

namespace deixis {

struct Conv2dShape {
  int64_t in_channels = 0;
  int64_t out_channels = 0;
  int64_t filter_height = 1;
  int64_t filter_width = 1;
  int64_t stride = 1;
  int64_t padding = 0;  // on all four sides

  // Rows or columns of the output, 0 when the filter does not fit.
  int64_t OutputExtent(int64_t input_extent, int64_t filter_extent) const {
    const int64_t span = input_extent + 2 * padding - filter_extent;
    return span < 0 ? 0 : span / stride + 1;
  }
  int64_t OutputHeight(int64_t input_height) const {
    return OutputExtent(input_height, filter_height);
  }
  int64_t OutputWidth(int64_t input_width) const { return OutputExtent(input_width, filter_width); }
  // Terms of one output's sum.
  int64_t num_terms() const { return filter_height * filter_width * in_channels; }
};

// Weights in the order in which the kernel reads them.
//
// Card:
//   panel     the weights of up to kPanelChannels consecutive output channels, the next multiple of
//             kPanelGranule wide; channels beyond C_out are zero
//   layout    panels one after the other; a panel is [K_h][K_w][C_in][width] floats
//   size      (K_h * K_w * C_in) * RoundUp(C_out, kPanelGranule) floats, 64-byte aligned
// The layout is the same for every instruction set.
struct PackedConv2dF32 {
  static constexpr int64_t kPanelChannels = 64;
  static constexpr int64_t kPanelGranule = 16;

  Conv2dShape shape;
  AlignedVector<float> weights;
  AlignedVector<float> bias;  // [RoundUp(C_out, kPanelGranule)]

  int64_t padded_out_channels() const { return static_cast<int64_t>(bias.size()); }
  int64_t num_panels() const { return (shape.out_channels + kPanelChannels - 1) / kPanelChannels; }
  int64_t num_bytes() const {
    return static_cast<int64_t>((weights.size() + bias.size()) * sizeof(float));
  }
};

// `weights` is [C_out, C_in, K_h, K_w] as in a state dict; `bias` is [C_out], or empty for zeros.
PackedConv2dF32 PackConv2dF32(const Conv2dShape& shape, std::span<const float> weights,
                              std::span<const float> bias = {});

struct EpilogueF32 {
  // [N, H_out, W_out, C_out], added before ReLU; no data for none. Its border may differ from the
  // output's. It must not overlap the output, which holds partial sums for a while.
  NhwcView<const float> residual;
  bool relu = false;  // NaN stays NaN
};

// `input` is [N, H, W, C_in] with a border of at least `padding` zeros; `output` is
// [N, H_out, W_out, C_out], whose border is not written. Does not allocate; thread-safe but for the
// pool, which may be null for one thread. The views' extents must be those of the layer.
void Conv2dF32(const PackedConv2dF32& packed, const NhwcView<const float>& input,
               const NhwcView<float>& output, const EpilogueF32& epilogue = {},
               ThreadPool* pool = nullptr);

// The same by plain loops that sum in float64 and read no border: the oracle of the tests.
// `weights` and `bias` as in PackConv2dF32.
void Conv2dF32Reference(const Conv2dShape& shape, std::span<const float> weights,
                        std::span<const float> bias, const NhwcView<const float>& input,
                        const NhwcView<float>& output, const EpilogueF32& epilogue = {});

}  // namespace deixis
