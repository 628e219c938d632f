// Weights transformed for Winograd's convolution.
#include <algorithm>
#include <array>

#include "kernels/winograd_f32/winograd_f32.h"

namespace deixis {
namespace {

constexpr int kFilter = WinogradTransforms::kFilter;
constexpr int kMaxInput = WinogradTransforms::kMaxInput;

// Toom and Cook's construction. With N_i the product of (p_i - p_j) over the other finite points,
// row i of G is the powers of p_i over N_i, row i of A its powers, and row i of B^T the
// coefficients of the product of (x - p_j), the constant first; the last rows are those of the
// point at infinity.
WinogradTransforms MakeTransforms(int output, std::span<const double> points) {
  WinogradTransforms transforms{.output = output, .input = output + 2};
  const int last = output + 1;
  for (int i = 0; i <= last; ++i) {
    double* polynomial = transforms.input_transform[i];
    polynomial[0] = 1;
    int degree = 0;
    double scale = 1;
    for (int j = 0; j < last; ++j) {
      if (j == i) continue;
      if (i < last) scale *= points[i] - points[j];
      ++degree;
      for (int k = degree; k >= 0; --k) {
        polynomial[k] = (k > 0 ? polynomial[k - 1] : 0) - points[j] * polynomial[k];
      }
    }
    if (i == last) {
      transforms.output_transform[output - 1][i] = 1;
      transforms.filter_transform[i][kFilter - 1] = 1;
      continue;
    }
    double power = 1;
    for (int k = 0; k < std::max(output, kFilter); ++k, power *= points[i]) {
      if (k < output) transforms.output_transform[k][i] = power;
      if (k < kFilter) transforms.filter_transform[i][k] = power / scale;
    }
  }
  return transforms;
}

// G g G^T of the filters of one input channel and a panel's output channels, summed in float64.
// `filters` points at the first one's [3][3], the next one follows after `filter_stride` floats;
// `to` at the first position's, the next one follows after `position_stride`.
void TransformFilters(const WinogradTransforms& transforms, const float* filters,
                      int64_t filter_stride, int64_t num_filters, float* to,
                      int64_t position_stride) {
  // The innermost loops run over filters, so that the compiler makes vectors of them.
  constexpr int64_t kPanel = PackedWinogradF32::kPanelChannels;
  double taps[kFilter * kFilter][kPanel] = {};
  for (int64_t o = 0; o < num_filters; ++o) {
    for (int64_t rs = 0; rs < kFilter * kFilter; ++rs)
      taps[rs][o] = filters[o * filter_stride + rs];
  }
  double half[kMaxInput][kFilter][kPanel] = {};
  for (int i = 0; i < transforms.input; ++i) {
    for (int r = 0; r < kFilter; ++r) {
      const double factor = transforms.filter_transform[i][r];
      for (int s = 0; s < kFilter; ++s) {
        for (int64_t o = 0; o < kPanel; ++o) half[i][s][o] += factor * taps[r * kFilter + s][o];
      }
    }
  }
  for (int i = 0; i < transforms.input; ++i) {
    for (int j = 0; j < transforms.input; ++j, to += position_stride) {
      const double* factors = transforms.filter_transform[j];
      for (int64_t o = 0; o < num_filters; ++o) {
        const double sum =
            half[i][0][o] * factors[0] + half[i][1][o] * factors[1] + half[i][2][o] * factors[2];
        to[o] = static_cast<float>(sum);
      }
    }
  }
}

}  // namespace

const WinogradTransforms& WinogradTransforms::Of(int output_tile) {
  static const WinogradTransforms kTwo = MakeTransforms(2, std::array{0.0, 1.0, -1.0});
  static const WinogradTransforms kFour =
      MakeTransforms(4, std::array{0.0, 0.625, -0.625, 1.5, -1.5});
  return output_tile == 2 ? kTwo : kFour;
}

PackedWinogradF32 PackWinogradF32(const Conv2dShape& shape, int output_tile,
                                  std::span<const float> weights, std::span<const float> bias) {
  constexpr int64_t kGranule = PackedWinogradF32::kPanelGranule;
  constexpr int64_t kPanel = PackedWinogradF32::kPanelChannels;
  const WinogradTransforms& transforms = WinogradTransforms::Of(output_tile);
  const int64_t padded = (shape.out_channels + kGranule - 1) / kGranule * kGranule;

  PackedWinogradF32 packed{.shape = shape, .output_tile = output_tile, .weights = {}, .bias = {}};
  const int64_t num_positions = packed.num_positions();
  // One channel at least, so that a panel has an address even when sums are empty.
  packed.weights.assign(
      static_cast<size_t>(num_positions * std::max<int64_t>(shape.in_channels, 1) * padded), 0.0f);
  packed.bias.assign(static_cast<size_t>(padded), 0.0f);
  std::copy(bias.begin(), bias.end(), packed.bias.begin());

  for (int64_t first = 0; first < shape.out_channels; first += kPanel) {
    const int64_t width = std::min(kPanel, padded - first);
    float* panel = packed.weights.data() + first * num_positions * shape.in_channels;
    for (int64_t c = 0; c < shape.in_channels; ++c) {
      TransformFilters(
          transforms, weights.data() + (first * shape.in_channels + c) * kFilter * kFilter,
          shape.in_channels * kFilter * kFilter, std::min(kPanel, shape.out_channels - first),
          panel + c * width, shape.in_channels * width);
    }
  }
  return packed;
}

}  // namespace deixis
