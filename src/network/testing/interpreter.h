// Runs a network node by node, as its graph says, in float64 and with plain loops: the oracle of
// whatever runs it fast. Batch norms are computed from their four parameters, not folded.
//
// Beside every value it can carry the standard deviation of the error that a float32 evaluation
// makes there, so that tests compare within a bound that is derived. The model is that of Higham
// and Mary
// ("A New Approach to Probabilistic Rounding Error Analysis", 2019): roundings are independent, of
// mean 0 and at most u = 2^-24 relative, so of standard deviation u / sqrt(3). Then
//   - a sum of n products in any order errs by at most u sqrt((n + 1) / 3) sum |w x|;
//   - errors of a sum's terms are taken as independent (weights have both signs), and as fully
//     correlated in the average over pixels, since a folded weight is rounded once for all of them.
// Two float32 evaluations differ by more than 2 * kErrorSigmas standard deviations about never.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "network/model.h"

namespace deixis::testing {

inline constexpr double kRoundoff = 0x1.0p-24;
inline constexpr double kErrorSigmas = 6.0;

// [H, W, C]; `sigma` has the standard deviation of each value's float32 error, or nothing.
struct Activation {
  int64_t height = 0;
  int64_t width = 0;
  int64_t channels = 0;
  std::vector<double> value;
  std::vector<double> sigma;
};

class Interpreter {
 public:
  Interpreter(const Model& model, bool tracks_errors)
      : model_(model), tracks_errors_(tracks_errors) {}

  // `input` is f32 [H, W, 3], normalised. The value of every node, in the graph's order; the last
  // one's are the logits.
  std::vector<Activation> Run(std::span<const float> input, int64_t height, int64_t width) const {
    std::vector<Activation> values(1);
    values[0] = Make(height, width, 3);
    values[0].value.assign(input.begin(), input.end());
    if (tracks_errors_) {  // normalising a pixel takes three roundings, each of deviation u /
                           // sqrt(3)
      for (size_t i = 0; i < input.size(); ++i) {
        values[0].sigma[i] = kRoundoff * (std::abs(input[i]) + kOffset);
      }
    }
    for (const Node& node : model_.graph.nodes) values.push_back(Evaluate(node, values));
    values.erase(values.begin());
    return values;
  }

  // How far two float32 evaluations may be apart.
  static std::vector<double> BoundOf(const Activation& activation) {
    std::vector<double> bound = activation.sigma;
    for (double& b : bound) b *= 2 * kErrorSigmas;
    return bound;
  }

 private:
  static constexpr double kOffset = 2.5;  // above |mean / stddev| of any usual normalisation

  Activation Make(int64_t height, int64_t width, int64_t channels) const {
    const auto size = static_cast<size_t>(height * width * channels);
    return {.height = height,
            .width = width,
            .channels = channels,
            .value = std::vector<double>(size),
            .sigma = std::vector<double>(tracks_errors_ ? size : 0)};
  }

  Activation Evaluate(const Node& node, const std::vector<Activation>& values) const {
    const Activation& x = values[node.inputs[0]];
    switch (node.kind) {
      case OpKind::kConv2d:
        return Conv2d(node, x);
      case OpKind::kBatchNorm:
        return BatchNorm(node, x);
      case OpKind::kRelu:
        return Relu(x);
      case OpKind::kAdd:
        return Add(x, values[node.inputs[1]]);
      case OpKind::kMaxPool:
        return MaxPool(node, x);
      case OpKind::kGlobalAveragePool:
        return GlobalAveragePool(node, values);
      case OpKind::kLinear:
        return Linear(node, x);
      case OpKind::kSoftArgmax:
        return SoftArgmax(node, x);
      case OpKind::kSubsamplePad:
        return SubsamplePad(node, x);
    }
    std::abort();
  }

  // One output of a convolution or of the head: the sum over a window of `weights`, and its error.
  struct Sum {
    double value = 0;
    double absolute = 0;
    double variance = 0;  // of the inputs' errors
    int64_t num_terms = 0;
  };

  static double SigmaOf(const Sum& sum) {
    const double local = kRoundoff * sum.absolute;
    const double n = static_cast<double>(sum.num_terms);
    return std::sqrt(sum.variance + local * local * (n + 1) / 3);
  }

  Activation Conv2d(const Node& node, const Activation& x) const {
    const LayerParameters& layer = model_.layers.at(node.name);
    const std::vector<float> weights = DenseWeights(layer);
    const std::vector<float> bias = layer.bias ? layer.bias->ToFloats() : std::vector<float>();
    const int64_t k = node.filter_size;
    Activation y = Make((x.height + 2 * node.padding - k) / node.stride + 1,
                        (x.width + 2 * node.padding - k) / node.stride + 1, node.out_channels);
    size_t out = 0;
    for (int64_t oy = 0; oy < y.height; ++oy) {
      for (int64_t ox = 0; ox < y.width; ++ox) {
        for (int64_t o = 0; o < y.channels; ++o, ++out) {
          Sum sum;
          for (int64_t c = 0; c < x.channels; ++c) {
            const float* w = weights.data() + (o * x.channels + c) * k * k;
            for (int64_t ky = 0; ky < k; ++ky) {
              const int64_t iy = oy * node.stride + ky - node.padding;
              if (iy < 0 || iy >= x.height) continue;
              for (int64_t kx = 0; kx < k; ++kx) {
                const int64_t ix = ox * node.stride + kx - node.padding;
                if (ix < 0 || ix >= x.width) continue;
                const int64_t i = (iy * x.width + ix) * x.channels + c;
                const double term = w[ky * k + kx] * x.value[i];
                sum.value += term;
                if (!tracks_errors_) continue;
                sum.absolute += std::abs(term);
                const double sigma = w[ky * k + kx] * x.sigma[i];
                sum.variance += sigma * sigma;
                ++sum.num_terms;
              }
            }
          }
          y.value[out] = sum.value + (bias.empty() ? 0.0 : bias[o]);
          if (tracks_errors_) {
            sum.absolute += bias.empty() ? 0.0 : std::abs(bias[o]);
            y.sigma[out] = SigmaOf(sum);
          }
        }
      }
    }
    return y;
  }

  Activation BatchNorm(const Node& node, const Activation& x) const {
    const auto found = model_.batch_norms.find(node.name);
    if (found == model_.batch_norms.end()) return x;  // folded into its convolution
    const std::vector<float> weight = found->second.weight.ToFloats();
    const std::vector<float> bias = found->second.bias.ToFloats();
    const std::vector<float> mean = found->second.running_mean.ToFloats();
    const std::vector<float> variance = found->second.running_var.ToFloats();
    Activation y = Make(x.height, x.width, x.channels);
    for (size_t i = 0; i < x.value.size(); ++i) {
      const size_t c = i % static_cast<size_t>(x.channels);
      const double factor = weight[c] / std::sqrt(variance[c] + 1e-5);
      y.value[i] = (x.value[i] - mean[c]) * factor + bias[c];
      if (!tracks_errors_) continue;
      // Folded or not, each of these quantities is rounded at most four times on the way.
      const double terms = std::abs(factor * x.value[i]) + std::abs(factor * mean[c]) +
                           std::abs(bias[c]) + std::abs(y.value[i]);
      y.sigma[i] = std::hypot(factor * x.sigma[i], kRoundoff * std::sqrt(4.0 / 3.0) * terms);
    }
    return y;
  }

  static Activation Relu(Activation x) {  // never lets an error grow
    for (double& value : x.value) value = std::max(value, 0.0);
    return x;
  }

  Activation Add(Activation a, const Activation& b) const {
    for (size_t i = 0; i < a.value.size(); ++i) {
      a.value[i] += b.value[i];
      if (!tracks_errors_) continue;
      a.sigma[i] = std::hypot(a.sigma[i], b.sigma[i], kRoundoff * a.value[i] / std::sqrt(3.0));
    }
    return a;
  }

  Activation MaxPool(const Node& node, const Activation& x) const {
    const int64_t k = node.filter_size;
    Activation y = Make((x.height + 2 * node.padding - k) / node.stride + 1,
                        (x.width + 2 * node.padding - k) / node.stride + 1, x.channels);
    std::ranges::fill(y.value, -std::numeric_limits<double>::infinity());
    for (int64_t out = 0; out < static_cast<int64_t>(y.value.size()); ++out) {
      const int64_t c = out % y.channels;
      const int64_t ox = out / y.channels % y.width;
      const int64_t oy = out / y.channels / y.width;
      for (int64_t ky = 0; ky < k; ++ky) {
        for (int64_t kx = 0; kx < k; ++kx) {
          const int64_t iy = oy * node.stride + ky - node.padding;
          const int64_t ix = ox * node.stride + kx - node.padding;
          if (iy < 0 || iy >= x.height || ix < 0 || ix >= x.width) continue;
          const int64_t i = (iy * x.width + ix) * x.channels + c;
          y.value[out] = std::max(y.value[out], x.value[i]);
          if (tracks_errors_) y.sigma[out] = std::max(y.sigma[out], x.sigma[i]);
        }
      }
    }
    return y;
  }

  Activation GlobalAveragePool(const Node& node, const std::vector<Activation>& values) const {
    Activation all = Make(1, 1, 0);
    for (const int value : node.inputs) {
      const Activation means = MeansOf(values[value]);
      all.channels += means.channels;
      all.value.insert(all.value.end(), means.value.begin(), means.value.end());
      all.sigma.insert(all.sigma.end(), means.sigma.begin(), means.sigma.end());
    }
    return all;
  }

  Activation MeansOf(const Activation& x) const {
    Activation y = Make(1, 1, x.channels);
    const auto pixels = static_cast<double>(x.height * x.width);
    std::vector<double> absolute(y.value.size());
    for (size_t i = 0; i < x.value.size(); ++i) {
      const size_t c = i % y.value.size();
      y.value[c] += x.value[i] / pixels;
      absolute[c] += std::abs(x.value[i]) / pixels;
      if (tracks_errors_) y.sigma[c] += x.sigma[i] / pixels;
    }
    for (size_t c = 0; c < y.sigma.size(); ++c) {
      y.sigma[c] = std::hypot(y.sigma[c], kRoundoff * std::sqrt((pixels + 1) / 3) * absolute[c]);
    }
    return y;
  }

  Activation Linear(const Node& node, const Activation& x) const {
    const LayerParameters& layer = model_.layers.at(node.name);
    const std::vector<float> weights = DenseWeights(layer);
    const std::vector<float> bias = layer.bias ? layer.bias->ToFloats() : std::vector<float>();
    Activation y = Make(1, 1, node.out_channels);
    const int64_t pixels = x.height * x.width;
    const int64_t num_inputs = x.channels * pixels;
    for (int64_t o = 0; o < y.channels; ++o) {
      Sum sum{.num_terms = num_inputs + 1};
      if (!bias.empty()) sum.value = bias[o];
      sum.absolute = std::abs(sum.value);
      for (int64_t c = 0; c < x.channels; ++c) {
        for (int64_t p = 0; p < pixels; ++p) {
          const double w = weights[o * num_inputs + c * pixels + p];
          const int64_t i = p * x.channels + c;
          sum.value += w * x.value[i];
          sum.absolute += std::abs(w * x.value[i]);
          if (tracks_errors_) sum.variance += w * w * x.sigma[i] * x.sigma[i];
        }
      }
      y.value[o] = sum.value;
      if (tracks_errors_) y.sigma[o] = SigmaOf(sum);
    }
    return y;
  }

  // Errors are not followed through it: they would be those of a quotient.
  Activation SoftArgmax(const Node& node, const Activation& x) const {
    Activation y = Make(1, 1, node.out_channels);
    const int64_t num_categories = x.channels - y.channels;
    for (int64_t j = 0; j < y.channels; ++j) {
      const bool is_place = j < 2 * num_categories;
      const int64_t category = is_place ? j / 2 : j - 2 * num_categories;
      double weights = 0;
      for (int64_t p = 0; p < x.height * x.width; ++p) {
        const double* pixel = x.value.data() + p * x.channels;
        const double weight = std::exp(pixel[y.channels + category]);
        const double middle =
            j % 2 == 0 ? (static_cast<double>(p % x.width) + 0.5) / static_cast<double>(x.width)
                       : (static_cast<double>(p / x.width) + 0.5) / static_cast<double>(x.height);
        weights += weight;
        y.value[j] += weight * (pixel[j] + (is_place ? 2 * middle - 1 : 0));
      }
      y.value[j] /= weights;
    }
    return y;
  }

  Activation SubsamplePad(const Node& node, const Activation& x) const {
    Activation y = Make((x.height + node.stride - 1) / node.stride,
                        (x.width + node.stride - 1) / node.stride, node.out_channels);
    const int64_t first = (node.out_channels - node.in_channels) / 2;
    for (int64_t oy = 0; oy < y.height; ++oy) {
      for (int64_t ox = 0; ox < y.width; ++ox) {
        for (int64_t c = 0; c < x.channels; ++c) {
          const int64_t i = (oy * node.stride * x.width + ox * node.stride) * x.channels + c;
          const int64_t out = (oy * y.width + ox) * y.channels + first + c;
          y.value[out] = x.value[i];
          if (tracks_errors_) y.sigma[out] = x.sigma[i];
        }
      }
    }
    return y;
  }

  const Model& model_;
  bool tracks_errors_;
};

}  // namespace deixis::testing
