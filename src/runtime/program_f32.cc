// The network in fp32: palettized layers are dequantized and batch norms folded when it is made.

#include <algorithm>
#include <vector>

#include "kernels/conv2d_f32/conv2d_f32.h"
#include "kernels/elementwise_f32/elementwise_f32.h"
#include "kernels/pool_f32/pool_f32.h"
#include "kernels/soft_argmax_f32/soft_argmax_f32.h"
#include "kernels/subsample_pad.h"
#include "kernels/winograd_f32/winograd_f32.h"
#include "network/fold.h"
#include "runtime/layer_shape.h"
#include "runtime/program.h"

namespace deixis {
namespace {

void CopyDense(const float* from, const NhwcView<float>& to) {
  const int64_t row = to.width * to.channels;
  for (int64_t y = 0; y < to.height; ++y) std::copy_n(from + y * row, row, to.Pixel(0, y, 0));
}

class ProgramF32 final : public Program {
 public:
  ProgramF32(Plan plan, const NormalizeParams& normalize, int num_threads)
      : Program(std::move(plan), num_threads),
        normalize_(normalize),
        layers_(plan_.steps.size()),
        winograd_layers_(plan_.steps.size()) {}

  Status Pack(const Model& model) {
    for (size_t i = 0; i < plan_.steps.size(); ++i) {
      const PlanStep& step = plan_.steps[i];
      if (step.layer.empty()) continue;
      DEIXIS_ASSIGN(const FoldedLayer folded, FoldLayer(model, step.layer));
      const Conv2dShape shape = LayerShape(plan_, step);
      const std::vector<float> weights = folded.ScaledWeights();
      DEIXIS_RETURN_IF_ERROR(CheckLayerSizes(step, shape, weights.size(), folded.bias.size()));
      const NhwcExtents& output = plan_.values[step.output].extents;
      const int output_tile = ChooseWinogradTile(shape, output.height, output.width);
      if (output_tile == 0) {
        layers_[i] = PackConv2dF32(shape, weights, folded.bias);
        continue;
      }
      winograd_layers_[i] = PackWinogradF32(shape, output_tile, weights, folded.bias);
      const int64_t elements =
          WinogradScratchElements(winograd_layers_[i], output, pool_.num_threads());
      if (elements > static_cast<int64_t>(scratch_.size())) {
        scratch_ = AlignedVector<float>(static_cast<size_t>(elements));
      }
    }
    return Ok();
  }

  int64_t arena_bytes() const override {
    return plan_.arena_bytes + static_cast<int64_t>(scratch_.size() * sizeof(float));
  }

  int64_t weight_bytes() const override {
    int64_t bytes = 0;
    for (const PackedConv2dF32& layer : layers_) bytes += layer.num_bytes();
    for (const PackedWinogradF32& layer : winograd_layers_) bytes += layer.num_bytes();
    return bytes;
  }

  std::vector<float> ValueAsFloats(int value) const override {
    const NhwcView<float> view = ViewOf<float>(value);
    std::vector<float> values;
    for (int64_t y = 0; y < view.height; ++y) {
      const float* row = view.Pixel(0, y, 0);
      values.insert(values.end(), row, row + view.width * view.channels);
    }
    return values;
  }

  void RunStep(size_t index, const ProgramInput& picture) override {
    const PlanStep& step = plan_.steps[index];
    const NhwcView<float> output = ViewOf<float>(step.output);
    const auto input = [&]() -> NhwcView<const float> { return ViewOf<float>(step.input); };
    switch (step.kind) {
      case StepKind::kInput:
        if (picture.pixels != nullptr) {
          NormalizeU8ToF32(normalize_, picture.pixels, output);
        } else {
          CopyDense(picture.normalized, output);
        }
        break;
      case StepKind::kConv2d:
      case StepKind::kLinear: {
        EpilogueF32 epilogue{.residual = {}, .relu = step.relu};
        if (step.residual != kNoValue) epilogue.residual = ViewOf<float>(step.residual);
        if (winograd_layers_[index].output_tile != 0) {
          WinogradF32(winograd_layers_[index], input(), output, epilogue, scratch_, &pool_);
        } else {
          Conv2dF32(layers_[index], input(), output, epilogue, &pool_);
        }
        break;
      }
      case StepKind::kMaxPool:
        MaxPoolF32(PoolShape(step), input(), output, &pool_);
        break;
      case StepKind::kGlobalAveragePool:
        GlobalAveragePoolF32(input(), output.data + step.first_channel);
        break;
      case StepKind::kSoftArgmax:
        SoftArgmaxF32(input(), output.channels, output.data);
        break;
      case StepKind::kSubsamplePad:
        SubsamplePad<float>(step.stride, 0.0f, input(), output);
        break;
      case StepKind::kAdd:
        AddF32(input(), ViewOf<float>(step.residual), step.relu, output);
        break;
      case StepKind::kRelu:
        ReluF32(input(), output);
        break;
    }
    // Another value may have lain here since the last run.
    FillBorder(output, 0.0f);
  }

 private:
  NormalizeParams normalize_;
  // By step. A step with weights has them in one of the two, the other one is empty.
  std::vector<PackedConv2dF32> layers_;
  std::vector<PackedWinogradF32> winograd_layers_;
  AlignedVector<float> scratch_;  // enough for each of the latter
};

}  // namespace

Result<std::unique_ptr<Program>> MakeProgramF32(const Model& model, int num_threads) {
  const Preprocessing& preprocessing = model.preprocessing;
  DEIXIS_ASSIGN(Plan plan, MakePlan(model.graph, preprocessing.height_px, preprocessing.width_px));
  auto program = std::make_unique<ProgramF32>(std::move(plan), NormalizeParams::From(preprocessing),
                                              num_threads);
  DEIXIS_RETURN_IF_ERROR(program->Pack(model));
  return std::unique_ptr<Program>(std::move(program));
}

}  // namespace deixis
