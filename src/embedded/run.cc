// Walks the steps of a network that was laid out ahead of time.
#include <algorithm>
#include <cstring>
#include <span>

#include "embedded/network.h"
#include "kernels/conv2d_u8/conv2d_u8.h"
#include "kernels/pool_u8/pool_u8.h"
#include "kernels/soft_argmax_f32/soft_argmax_f32.h"
#include "kernels/subsample_pad.h"

namespace deixis {
namespace {

class Run {
 public:
  Run(const DeixisNetwork& network, void* arena)
      : network_(network), arena_(static_cast<uint8_t*>(arena)) {}

  void CopyPicture(const DeixisStep& step, const uint8_t* pixels) const {
    const NhwcView<uint8_t> to = ViewOf<uint8_t>(step.output);
    for (int64_t y = -to.border; y < to.height + to.border; ++y) {
      for (int64_t x = -to.border; x < to.width + to.border; ++x) {
        if (x == 0 && y >= 0 && y < to.height) {
          std::copy_n(pixels + y * to.width * 3, to.width * 3, to.Pixel(0, y, 0));
          x = to.width;
        }
        if (x < to.width + to.border) std::copy_n(network_.picture_border, 3, to.Pixel(0, y, x));
      }
    }
  }

  // `makes_floats`: the last layer.
  void Step(const DeixisStep& step, bool makes_floats) const {
    const NhwcView<const uint8_t> input = ViewOf<uint8_t>(step.input);
    const NhwcView<uint8_t> output = ViewOf<uint8_t>(step.output);
    const uint8_t zero_point = network_.values[step.output].zero_point;
    switch (step.kind) {
      case kDeixisPicture:
        return;
      case kDeixisConv2d: {
        uint8_t* scratch = arena_ + step.scratch;
        if (makes_floats) {
          Conv2dU8ToF32(WeightsOf(step), input, ViewOf<float>(step.output), scratch);
          return;
        }
        EpilogueU8 epilogue{.residual = {}, .residual_scale = step.residual_scale};
        if (step.residual >= 0) epilogue.residual = ViewOf<uint8_t>(step.residual);
        Conv2dU8(WeightsOf(step), input, output, epilogue, scratch);
        break;
      }
      case kDeixisMaxPool:
        MaxPoolU8({.filter_size = step.filter_size, .stride = step.stride, .padding = step.padding},
                  input, output);
        break;
      case kDeixisGlobalAveragePool:
        GlobalAveragePoolU8({.factor = step.factor, .offset = step.offset}, input, output.data);
        break;
      case kDeixisSubsamplePad:
        SubsamplePad(step.stride, zero_point, input, output);
        break;
      case kDeixisSoftArgmax:
        SoftArgmaxF32(ViewOf<float>(step.input), output.channels, ViewOf<float>(step.output).data);
        return;
    }
    FillBorder(output, zero_point);
  }

  const float* Answer(const DeixisStep& last) const { return ViewOf<float>(last.output).data; }

 private:
  template <typename T>
  NhwcView<T> ViewOf(int32_t index) const {
    const DeixisValue& value = network_.values[index];
    return DenseView(reinterpret_cast<T*>(arena_ + value.offset), {.height = value.height,
                                                                   .width = value.width,
                                                                   .channels = value.channels,
                                                                   .border = value.border});
  }

  Conv2dU8Weights WeightsOf(const DeixisStep& step) const {
    const uint8_t* weights = network_.weights;
    const DeixisValue& input = network_.values[step.input];
    return {.shape = {.in_channels = input.channels,
                      .out_channels = network_.values[step.output].channels,
                      .filter_height = step.filter_size > 0 ? step.filter_size : input.height,
                      .filter_width = step.filter_size > 0 ? step.filter_size : input.width,
                      .stride = step.stride,
                      .padding = step.padding},
            .form = step.is_indices != 0 ? WeightForm8::kCodebook4 : WeightForm8::kInt8,
            .panels = {weights + step.panels, step.panel_bytes},
            .tables = reinterpret_cast<const int8_t*>(weights + step.tables),
            .scale = reinterpret_cast<const float*>(weights + step.scale),
            .bias = reinterpret_cast<const float*>(weights + step.bias)};
  }

  const DeixisNetwork& network_;
  uint8_t* arena_;
};

}  // namespace
}  // namespace deixis

void DeixisRun(const DeixisNetwork* network, void* arena, const uint8_t* pixels, float* answer) {
  const deixis::Run run(*network, arena);
  const std::span<const DeixisStep> steps(network->steps, static_cast<size_t>(network->num_steps));
  run.CopyPicture(steps.front(), pixels);
  for (size_t i = 1; i < steps.size(); ++i) {
    run.Step(steps[i], i + 1 == steps.size() || steps[i + 1].kind == kDeixisSoftArgmax);
  }
  std::memcpy(answer, run.Answer(steps.back()),
              static_cast<size_t>(network->num_outputs) * sizeof(float));
}
