// How far Winograd's convolution may be from the exact one: by a bound that is certain, and by the
// variance of its error. Plain loops in float64, for tests.
//
// With u = 2^-24 and roundings counted along the longest path of one term: the weights are rounded
// once; the transforms of inputs and of products take at most kTransformRoundings each (4 in each
// dimension, without fused multiply-add); a product and its additions take C_in + 1. A term then
// has a relative error of at most gamma_n (Higham, section 3.1) against its own absolute value, so
// that
//
//   |error| <= gamma_n |A|^T [ sum over c of (|G| |g_c| |G|^T) * (|B|^T |d_c| |B|) ] |A|
//
// which is Winograd's convolution itself with everything replaced by its absolute value. It is
// larger than the sum of the direct convolution's absolute terms by a factor that depends on the
// tile alone: about 7 for m = 2, 40 for m = 4; the errors are larger by 0.7 and 2.
#pragma once

#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/nhwc.h"
#include "kernels/winograd_f32/winograd_f32.h"

namespace deixis::testing {

class WinogradError {
 public:
  static constexpr int64_t kTransformRoundings = 8;
  // Roundings of one term: weight, both transforms, products and their additions.
  static int64_t NumRoundings(int64_t in_channels) {
    return in_channels + 2 + 2 * kTransformRoundings;
  }

  // As PackWinogradF32.
  WinogradError(const Conv2dShape& shape, int output_tile, std::span<const float> weights)
      : shape_(shape),
        transforms_(WinogradTransforms::Of(output_tile)),
        num_positions_(int64_t{transforms_.input} * transforms_.input),
        weights_(TransformWeights(weights, /*absolute=*/false)),
        weight_terms_(TransformWeights(weights, /*absolute=*/true)) {}

  // The sum that gamma_n is multiplied with, bias and residual left out, per output [N, H, W,
  // C_out], dense. The border of `input` is not read.
  std::vector<double> AbsoluteTerms(const NhwcView<const float>& input) const {
    return ForEachTile(input, [&](const Tile& tile) {
      std::vector<double> terms(Size());
      ForEachProduct([&](int64_t k, int64_t c, int64_t at) {
        terms[k * shape_.out_channels + at % shape_.out_channels] +=
            weight_terms_[at] * tile.input_terms[k * shape_.in_channels + c];
      });
      return TransformProducts(terms, Power::kAbsolute);
    });
  }

  // The variance of the error of each output, when roundings are independent and of mean zero. An
  // addition or multiplication errs by at most u times its result, with that as its deviation; a
  // transform, whose steps are not followed one by one, by kTransformRoundings times u times the
  // sum of its absolute terms; and what comes in is carried on with the squares of the
  // coefficients.
  std::vector<double> Variances(const NhwcView<const float>& input) const {
    return ForEachTile(input, [&](const Tile& tile) {
      std::vector<double> sums(Size());
      std::vector<double> squares(Size());  // of deviations, in units of u
      ForEachProduct([&](int64_t k, int64_t c, int64_t at) {
        const int64_t sum = k * shape_.out_channels + at % shape_.out_channels;
        const int64_t in = k * shape_.in_channels + c;
        const double product = weights_[at] * tile.inputs[in];
        const double carried = weights_[at] * tile.input_terms[in];
        sums[sum] += product;
        // The weight's rounding, the product's, the addition's.
        squares[sum] +=
            2 * product * product + sums[sum] * sums[sum] + kTransformRoundings * carried * carried;
      });
      std::vector<double> result = TransformProducts(squares, Power::kSquare);
      const std::vector<double> terms = TransformProducts(sums, Power::kAbsolute);
      for (size_t i = 0; i < result.size(); ++i) {
        result[i] += kTransformRoundings * terms[i] * terms[i];
        result[i] *= 0x1.0p-48;
      }
      return result;
    });
  }

 private:
  enum class Power { kAbsolute, kSquare };

  struct Tile {
    std::vector<double> inputs;       // B^T d B, [position][C_in]
    std::vector<double> input_terms;  // |B|^T |d| |B|
  };

  size_t Size() const { return static_cast<size_t>(num_positions_ * shape_.out_channels); }

  // [position][C_in][C_out]
  std::vector<double> TransformWeights(std::span<const float> weights, bool absolute) const {
    constexpr int kFilter = WinogradTransforms::kFilter;
    std::vector<double> result(
        static_cast<size_t>(num_positions_ * shape_.in_channels * shape_.out_channels));
    const auto value = [&](double x) { return absolute ? std::abs(x) : x; };
    for (int64_t o = 0; o < shape_.out_channels; ++o) {
      for (int64_t c = 0; c < shape_.in_channels; ++c) {
        const float* filter = weights.data() + (o * shape_.in_channels + c) * kFilter * kFilter;
        for (int64_t k = 0; k < num_positions_; ++k) {
          double sum = 0;
          for (int64_t r = 0; r < kFilter; ++r) {
            for (int64_t s = 0; s < kFilter; ++s) {
              sum += value(transforms_.filter_transform[k / transforms_.input][r]) *
                     value(transforms_.filter_transform[k % transforms_.input][s]) *
                     value(filter[r * kFilter + s]);
            }
          }
          result[(k * shape_.in_channels + c) * shape_.out_channels + o] = sum;
        }
      }
    }
    return result;
  }

  template <typename Body>
  void ForEachProduct(const Body& body) const {
    int64_t at = 0;
    for (int64_t k = 0; k < num_positions_; ++k) {
      for (int64_t c = 0; c < shape_.in_channels; ++c) {
        for (int64_t o = 0; o < shape_.out_channels; ++o) body(k, c, at++);
      }
    }
  }

  Tile TransformInputs(const NhwcView<const float>& input, int64_t n, int64_t top,
                       int64_t left) const {
    const int64_t size = transforms_.input;
    Tile tile;
    tile.inputs.resize(static_cast<size_t>(num_positions_ * shape_.in_channels));
    tile.input_terms.resize(tile.inputs.size());
    for (int64_t k = 0; k < num_positions_; ++k) {
      for (int64_t r = 0; r < size; ++r) {
        for (int64_t s = 0; s < size; ++s) {
          const double factor =
              transforms_.input_transform[k / size][r] * transforms_.input_transform[k % size][s];
          const int64_t y = top + r;
          const int64_t x = left + s;
          if (factor == 0 || y < 0 || y >= input.height || x < 0 || x >= input.width) continue;
          const float* pixel = input.Pixel(n, y, x);
          for (int64_t c = 0; c < shape_.in_channels; ++c) {
            const double term = factor * pixel[c];
            tile.inputs[k * shape_.in_channels + c] += term;
            tile.input_terms[k * shape_.in_channels + c] += std::abs(term);
          }
        }
      }
    }
    return tile;
  }

  // [m][m][C_out] from [position][C_out].
  std::vector<double> TransformProducts(const std::vector<double>& products, Power power) const {
    const int64_t m = transforms_.output;
    const int64_t size = transforms_.input;
    std::vector<double> result(static_cast<size_t>(m * m * shape_.out_channels));
    for (int64_t at = 0; at < m * m; ++at) {
      for (int64_t k = 0; k < num_positions_; ++k) {
        double factor = std::abs(transforms_.output_transform[at / m][k / size] *
                                 transforms_.output_transform[at % m][k % size]);
        if (power == Power::kSquare) factor *= factor;
        for (int64_t o = 0; o < shape_.out_channels; ++o) {
          result[at * shape_.out_channels + o] +=
              factor * std::abs(products[k * shape_.out_channels + o]);
        }
      }
    }
    return result;
  }

  // Puts together what `body` makes of each tile.
  template <typename Body>
  std::vector<double> ForEachTile(const NhwcView<const float>& input, const Body& body) const {
    const int64_t m = transforms_.output;
    const int64_t height = shape_.OutputHeight(input.height);
    const int64_t width = shape_.OutputWidth(input.width);
    std::vector<double> result(
        static_cast<size_t>(input.batch * height * width * shape_.out_channels));
    for (int64_t n = 0; n < input.batch; ++n) {
      for (int64_t top = 0; top < height; top += m) {
        for (int64_t left = 0; left < width; left += m) {
          const std::vector<double> outputs =
              body(TransformInputs(input, n, top - shape_.padding, left - shape_.padding));
          for (int64_t at = 0; at < m * m; ++at) {
            const int64_t y = top + at / m;
            const int64_t x = left + at % m;
            if (y >= height || x >= width) continue;
            for (int64_t o = 0; o < shape_.out_channels; ++o) {
              result[((n * height + y) * width + x) * shape_.out_channels + o] =
                  outputs[at * shape_.out_channels + o];
            }
          }
        }
      }
    }
    return result;
  }

  Conv2dShape shape_;
  const WinogradTransforms& transforms_;
  int64_t num_positions_;
  std::vector<double> weights_;       // G g G^T, [position][C_in][C_out]
  std::vector<double> weight_terms_;  // |G| |g| |G|^T
};

}  // namespace deixis::testing
