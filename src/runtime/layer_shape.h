// What the kernels call the shape of a planned step.
#pragma once

#include <cstddef>
#include <string>

#include "base/result.h"
#include "kernels/conv2d_f32/conv2d_f32.h"
#include "kernels/pool_f32/pool_f32.h"
#include "runtime/plan.h"

namespace deixis {

// Of a kConv2d or kLinear step; a linear layer is a convolution whose filter is as large as its
// input, since PyTorch flattens that as a filter's weights lie: [C, H, W].
inline Conv2dShape LayerShape(const Plan& plan, const PlanStep& step) {
  const NhwcExtents& input = plan.values[step.input].extents;
  const bool is_linear = step.kind == StepKind::kLinear;
  return {.in_channels = input.channels,
          .out_channels = plan.values[step.output].extents.channels,
          .filter_height = is_linear ? input.height : step.filter_size,
          .filter_width = is_linear ? input.width : step.filter_size,
          .stride = step.stride,
          .padding = step.padding};
}

inline MaxPoolShape PoolShape(const PlanStep& step) {
  return {.filter_size = step.filter_size, .stride = step.stride, .padding = step.padding};
}

// Whether a layer has the weights and biases that its shape asks for.
inline Status CheckLayerSizes(const PlanStep& step, const Conv2dShape& shape, size_t num_weights,
                              size_t num_biases) {
  const auto expected = static_cast<size_t>(shape.num_terms() * shape.out_channels);
  const auto expected_biases = static_cast<size_t>(shape.out_channels);
  if (num_weights == expected && num_biases == expected_biases) return Ok();
  return InvalidData("layer \"" + step.layer + "\": " + std::to_string(num_weights) +
                     " weights and " + std::to_string(num_biases) + " biases; the network has " +
                     std::to_string(expected) + " and " + std::to_string(expected_biases));
}

}  // namespace deixis
