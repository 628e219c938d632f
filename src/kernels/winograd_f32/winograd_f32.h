// 2-D convolution of float images in NHWC with 3x3 filters at stride 1 by Winograd's minimal
// filtering (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016,
// arXiv:1509.09308). The same function as Conv2dF32 (conv2d_f32.h), up to rounding:
//
//   Y = A^T [ sum over c of (G g_c G^T) * (B^T d_c B) ] A        (* element by element)
//
// gives m x m outputs from a tile d of (m + 2) x (m + 2) inputs and a filter g. The element-wise
// products over all tiles and channels are (m + 2)^2 matrix products. An output costs
// (1 + 2 / m)^2 multiplications per channel where the direct convolution takes 9: 4 for m = 2, 2.25
// for m = 4. The weights grow from 9 numbers to 16 or 36, so that a layer of many channels on few
// pixels, which is held up by fetching them, is better off with the smaller tile or without
// (ChooseWinogradTile).
//
// The sum over channels runs in order, and the transforms of a tile do not depend on its
// neighbours: results do not depend on the number of threads.
#pragma once

#include <cstdint>
#include <span>

#include "base/thread_pool.h"
#include "kernels/aligned.h"
#include "kernels/conv2d_f32/conv2d_f32.h"
#include "kernels/nhwc.h"

namespace deixis {

// The transforms of F(m x m, 3 x 3). Interpolation points: 0, 1, -1 and infinity for m = 2; 0, 5/8,
// -5/8, 3/2, -3/2 and infinity for m = 4. (0, 1, -1, 2, -2 as in the paper gives errors twice as
// large: powers of the points should stay near 1, and of the pairs of short binary fractions this
// is about the best one.) Every number of A and B is exact in float32.
struct WinogradTransforms {
  static constexpr int kFilter = 3;
  static constexpr int kMaxInput = 6;
  static constexpr int kMaxOutput = 4;

  int output = 0;                                       // m
  int input = 0;                                        // m + 2
  double output_transform[kMaxOutput][kMaxInput] = {};  // A^T, [m][m + 2]
  double filter_transform[kMaxInput][kFilter] = {};     // G, [m + 2][3]
  double input_transform[kMaxInput][kMaxInput] = {};    // B^T, [m + 2][m + 2]

  // `output_tile` is 2 or 4.
  static const WinogradTransforms& Of(int output_tile);
};

// Transformed weights in the order in which the kernel reads them.
//
// Card:
//   panel     the weights of up to kPanelChannels consecutive output channels, the next multiple of
//             kPanelGranule wide; channels beyond C_out are zero
//   layout    panels one after the other; a panel is [(m + 2)^2][C_in][width] floats, the positions
//             of a tile row by row
//   size      (m + 2)^2 * C_in * RoundUp(C_out, kPanelGranule) floats, 64-byte aligned
// The layout is the same for every instruction set.
struct PackedWinogradF32 {
  static constexpr int64_t kPanelChannels = PackedConv2dF32::kPanelChannels;
  static constexpr int64_t kPanelGranule = PackedConv2dF32::kPanelGranule;

  Conv2dShape shape;
  int output_tile = 0;  // m; 0 when nothing is packed
  AlignedVector<float> weights;
  AlignedVector<float> bias;  // [RoundUp(C_out, kPanelGranule)]

  int64_t num_positions() const { return int64_t{output_tile + 2} * (output_tile + 2); }
  int64_t padded_out_channels() const { return static_cast<int64_t>(bias.size()); }
  int64_t num_panels() const { return (shape.out_channels + kPanelChannels - 1) / kPanelChannels; }
  int64_t num_bytes() const {
    return static_cast<int64_t>((weights.size() + bias.size()) * sizeof(float));
  }
};

// m: 4, 2, or 0 where the direct convolution is expected to be faster or the only one possible, by
// an estimate of multiplications, weights to fetch and transforms. `height` and `width` are the
// output's.
int ChooseWinogradTile(const Conv2dShape& shape, int64_t height, int64_t width);

// `shape` has a 3x3 filter and stride 1; `output_tile` is 2 or 4. `weights` is [C_out, C_in, 3, 3]
// as in a state dict; `bias` is [C_out], or empty for zeros. Weights are transformed in float64 and
// rounded once.
PackedWinogradF32 PackWinogradF32(const Conv2dShape& shape, int output_tile,
                                  std::span<const float> weights, std::span<const float> bias = {});

// Floats of scratch memory that WinogradF32 needs for an output of these extents.
int64_t WinogradScratchElements(const PackedWinogradF32& packed, const NhwcExtents& output,
                                int num_threads);

// As Conv2dF32. `scratch` is 64-byte aligned and at least as large as WinogradScratchElements says
// for the threads of the pool; what it holds does not matter. Does not allocate.
void WinogradF32(const PackedWinogradF32& packed, const NhwcView<const float>& input,
                 const NhwcView<float>& output, const EpilogueF32& epilogue,
                 std::span<float> scratch, ThreadPool* pool = nullptr);

}  // namespace deixis
