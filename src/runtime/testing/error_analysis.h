// How far an fp32 run of a network may be from the exact answer: rounding errors followed through
// the graph, node by node, beside the values themselves. For tests that compare with another
// implementation.
//
// Rounding errors are taken as independent and of mean zero, and their variances are propagated: a
// node with n operations on terms whose absolute values sum to S adds (sqrt(n) u S)^2, u = 2^-24,
// to W^2 times the variance of its input. An error then exceeds lambda standard deviations with
// probability below 2 exp(-lambda^2 / 2) (Higham and Mary, "A new approach to probabilistic
// rounding error analysis", SIAM J. Sci. Comput. 41(5), 2019). The bound that is certain, |W| times
// the error, grows by the norm of every layer and says nothing after ten of them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "base/testing/compare.h"
#include "kernels/conv2d_f32/conv2d_f32.h"
#include "kernels/elementwise_f32/elementwise_f32.h"
#include "kernels/nhwc.h"
#include "kernels/pool_f32/pool_f32.h"
#include "kernels/subsample_pad.h"
#include "kernels/testing/winograd_error.h"
#include "network/model.h"

namespace deixis::testing {

// Standard deviations that an error is allowed: 2 exp(-24.5) is 5e-11.
inline constexpr double kErrorDeviations = 7;

class ErrorAnalysis {
 public:
  explicit ErrorAnalysis(const Model& model) : model_(model) {}

  // The bound of each output's error, for a normalised input [H, W, 3] that is itself exact to a
  // few units in the last place. Where two fp32 runs are compared, each may err by as much.
  std::vector<double> Bounds(std::span<const float> input) {
    values_.clear();
    const NhwcExtents extents{.height = model_.preprocessing.height_px,
                              .width = model_.preprocessing.width_px,
                              .channels = 3,
                              .border = kBorder};
    Value picture(extents);
    const int64_t row = extents.width * 3;
    ForEachPixel(picture, [&](int64_t y, int64_t x) {
      for (int64_t c = 0; c < 3; ++c) {
        const float value = input[y * row + x * 3 + c];
        picture.value.view().Pixel(0, y, x)[c] = value;
        // pixel * factor + offset with rounded constants, |offset| < 3.
        picture.variance.view().Pixel(0, y, x)[c] = Own(4, std::abs(value) + 6);
      }
    });
    values_.push_back(std::move(picture));
    for (const Node& node : model_.graph.nodes) values_.push_back(Evaluate(node));

    const Value& answer = values_.back();
    std::vector<double> bounds;
    for (int64_t i = 0; i < answer.value.extents().channels; ++i) {
      bounds.push_back(kErrorDeviations * std::sqrt(double{answer.variance.view().data[i]}));
    }
    return bounds;
  }

 private:
  static constexpr int64_t kBorder = 3;

  struct Value {
    explicit Value(const NhwcExtents& extents) : value(extents), variance(extents) {}
    NhwcBuffer<float> value;
    NhwcBuffer<float> variance;  // of the error
  };

  template <typename Body>
  static void ForEachPixel(const Value& value, const Body& body) {
    for (int64_t y = 0; y < value.value.extents().height; ++y) {
      for (int64_t x = 0; x < value.value.extents().width; ++x) body(y, x);
    }
  }

  // A node's own rounding: `num_operations` on terms whose absolute values sum to `sum`.
  static float Own(int64_t num_operations, double sum) {
    const double scaled = 0x1.0p-24 * sum;
    return static_cast<float>(static_cast<double>(num_operations) * scaled * scaled);
  }

  Value Evaluate(const Node& node) const {
    const Value& input = values_[node.inputs[0]];
    switch (node.kind) {
      case OpKind::kConv2d:
      case OpKind::kLinear:
        return EvaluateLayer(node, input);
      case OpKind::kBatchNorm:
        return EvaluateBatchNorm(node, input);
      case OpKind::kRelu: {
        Value output = input;
        ReluF32(input.value.view(), output.value.view());
        return output;
      }
      case OpKind::kAdd:
        return EvaluateAdd(input, values_[node.inputs[1]]);
      case OpKind::kMaxPool: {
        const MaxPoolShape shape{node.filter_size, node.stride, node.padding};
        NhwcExtents extents = input.value.extents();
        extents.height = shape.OutputExtent(extents.height);
        extents.width = shape.OutputExtent(extents.width);
        Value output(extents);
        MaxPoolF32(shape, input.value.view(), output.value.view());
        MaxPoolF32(shape, input.variance.view(), output.variance.view());
        return output;
      }
      case OpKind::kGlobalAveragePool:
        return EvaluateAverages(node);
      case OpKind::kSoftArgmax:
        return input;  // no network of these tests has one
      case OpKind::kSubsamplePad: {
        NhwcExtents extents = input.value.extents();
        extents.height = (extents.height + node.stride - 1) / node.stride;
        extents.width = (extents.width + node.stride - 1) / node.stride;
        extents.channels = node.out_channels;
        Value output(extents);
        SubsamplePad<float>(node.stride, 0.0f, input.value.view(), output.value.view());
        SubsamplePad<float>(node.stride, 0.0f, input.variance.view(), output.variance.view());
        return output;
      }
    }
    return input;
  }

  Value EvaluateLayer(const Node& node, const Value& input) const {
    const bool is_linear = node.kind == OpKind::kLinear;
    Conv2dShape shape{.in_channels = input.value.extents().channels,
                      .out_channels = node.out_channels};
    if (is_linear) {
      shape.filter_height = input.value.extents().height;
      shape.filter_width = input.value.extents().width;
    } else {
      shape.filter_height = shape.filter_width = node.filter_size;
      shape.stride = node.stride;
      shape.padding = node.padding;
    }
    const LayerParameters& layer = model_.layers.at(node.name);
    const auto* palettized = std::get_if<PalettizedTensor>(&layer.weight);
    const std::vector<float> weights =
        palettized != nullptr ? Dequantize(*palettized) : std::get<Tensor>(layer.weight).ToFloats();
    std::vector<float> absolute = weights;
    std::vector<float> squares = weights;
    for (float& weight : absolute) weight = std::abs(weight);
    for (float& weight : squares) weight *= weight;
    std::vector<float> bias(static_cast<size_t>(node.out_channels));
    if (layer.bias) bias = layer.bias->ToFloats();

    const NhwcExtents extents{.height = shape.OutputHeight(input.value.extents().height),
                              .width = shape.OutputWidth(input.value.extents().width),
                              .channels = node.out_channels,
                              .border = kBorder};
    Value output(extents);
    Conv2dF32(PackConv2dF32(shape, weights, bias), input.value.view(), output.value.view());
    Conv2dF32(PackConv2dF32(shape, squares), input.variance.view(), output.variance.view());
    // Rounding depends on how the executor computes the layer.
    const int output_tile = ChooseWinogradTile(shape, extents.height, extents.width);
    if (output_tile != 0) {
      const std::vector<double> variances =
          WinogradError(shape, output_tile, weights).Variances(input.value.view());
      size_t i = 0;
      ForEachPixel(output, [&](int64_t y, int64_t x) {
        for (int64_t c = 0; c < extents.channels; ++c, ++i) {
          output.variance.view().Pixel(0, y, x)[c] +=
              static_cast<float>(variances[i]) +
              Own(2, std::abs(output.value.view().Pixel(0, y, x)[c]) + std::abs(bias[c]));
        }
      });
      return output;
    }
    NhwcBuffer<float> magnitude = input.value;
    Transform(magnitude, [](float value) { return std::abs(value); });
    NhwcBuffer<float> sums(extents);
    Conv2dF32(PackConv2dF32(shape, absolute), magnitude.view(), sums.view());
    ForEachPixel(output, [&](int64_t y, int64_t x) {
      for (int64_t c = 0; c < extents.channels; ++c) {
        output.variance.view().Pixel(0, y, x)[c] +=
            Own(shape.num_terms() + 8, sums.view().Pixel(0, y, x)[c] + std::abs(bias[c]));
      }
    });
    return output;
  }

  Value EvaluateBatchNorm(const Node& node, const Value& input) const {
    const auto found = model_.batch_norms.find(node.name);
    if (found == model_.batch_norms.end()) return input;
    const std::vector<float> weight = found->second.weight.ToFloats();
    const std::vector<float> bias = found->second.bias.ToFloats();
    const std::vector<float> mean = found->second.running_mean.ToFloats();
    const std::vector<float> variance = found->second.running_var.ToFloats();
    Value output = input;
    ForEachPixel(output, [&](int64_t y, int64_t x) {
      float* value = output.value.view().Pixel(0, y, x);
      float* variance_of_error = output.variance.view().Pixel(0, y, x);
      for (size_t c = 0; c < weight.size(); ++c) {
        const double factor = weight[c] / std::sqrt(double{variance[c]} + kBatchNormEpsilon);
        const double terms =
            std::abs(value[c] * factor) + std::abs(mean[c] * factor) + std::abs(bias[c]);
        value[c] = static_cast<float>((value[c] - mean[c]) * factor + bias[c]);
        variance_of_error[c] =
            static_cast<float>(variance_of_error[c] * factor * factor) + Own(8, terms);
      }
    });
    return output;
  }

  Value EvaluateAdd(const Value& a, const Value& b) const {
    Value output = a;
    AddF32(a.value.view(), b.value.view(), /*relu=*/false, output.value.view());
    AddF32(a.variance.view(), b.variance.view(), /*relu=*/false, output.variance.view());
    ForEachPixel(output, [&](int64_t y, int64_t x) {
      for (int64_t c = 0; c < a.value.extents().channels; ++c) {
        output.variance.view().Pixel(0, y, x)[c] +=
            Own(1, std::abs(a.value.view().Pixel(0, y, x)[c]) +
                       std::abs(b.value.view().Pixel(0, y, x)[c]));
      }
    });
    return output;
  }

  Value EvaluateAverages(const Node& node) const {
    Value output({.height = 1, .width = 1, .channels = node.out_channels});
    int64_t first = 0;
    for (const int value : node.inputs) {
      const Value part = EvaluateAverage(values_[value]);
      const int64_t channels = part.value.extents().channels;
      std::copy_n(part.value.view().data, channels, output.value.view().data + first);
      std::copy_n(part.variance.view().data, channels, output.variance.view().data + first);
      first += channels;
    }
    return output;
  }

  Value EvaluateAverage(const Value& input) const {
    const NhwcExtents& in = input.value.extents();
    const int64_t num_pixels = in.height * in.width;
    Value output({.height = 1, .width = 1, .channels = in.channels});
    GlobalAveragePoolF32(input.value.view(), output.value.view().data);
    GlobalAveragePoolF32(input.variance.view(), output.variance.view().data);
    for (int64_t c = 0; c < in.channels; ++c) {
      double sum = 0;
      ForEachPixel(input, [&](int64_t y, int64_t x) {
        sum += std::abs(input.value.view().Pixel(0, y, x)[c]) / static_cast<double>(num_pixels);
      });
      // The variance of a mean of independent errors is that of one over their number.
      float& variance = output.variance.view().data[c];
      variance = variance / static_cast<float>(num_pixels) + Own(num_pixels + 2, sum);
    }
    return output;
  }

  template <typename Function>
  static void Transform(NhwcBuffer<float>& buffer, const Function& function) {
    const NhwcView<float> view = buffer.view();
    for (int64_t y = 0; y < view.height; ++y) {
      for (int64_t i = 0; i < view.width * view.channels; ++i) {
        view.Pixel(0, y, 0)[i] = function(view.Pixel(0, y, 0)[i]);
      }
    }
  }

  const Model& model_;
  std::vector<Value> values_;
};

}  // namespace deixis::testing
