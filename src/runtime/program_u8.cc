// The network on u8 activations: int8 weights or 4-bit indices, the picture's bytes for input,
// scales of values from the model.

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/conv2d_u8/conv2d_u8.h"
#include "kernels/elementwise_f32/elementwise_f32.h"
#include "kernels/pool_u8/pool_u8.h"
#include "kernels/soft_argmax_f32/soft_argmax_f32.h"
#include "kernels/subsample_pad.h"
#include "network/fold.h"
#include "runtime/layer_shape.h"
#include "runtime/program.h"
#include "runtime/quantized_layer.h"

namespace deixis {
namespace {

// The quantization of every value of the plan; that of the picture and of floats has no meaning.
Result<std::vector<ActivationQuantization>> QuantizeValues(const Model& model, const Plan& plan) {
  std::vector<ActivationQuantization> values(plan.values.size());
  for (size_t i = 1; i < plan.steps.size(); ++i) {
    const PlanStep& step = plan.steps[i];
    if (plan.values[step.output].is_float()) continue;
    if (step.value_name.empty()) {
      values[step.output] = values[step.input];
      continue;
    }
    const auto found = model.activations.find(step.value_name);
    if (found == model.activations.end()) {
      return InvalidData("metadata deixis.activations: \"" + step.value_name +
                             "\": expected its scale and zero point, found nothing",
                         "compress the network again with --activations int8");
    }
    if (step.relu && found->second.zero_point != 0) {
      return InvalidData("metadata deixis.activations: \"" + step.value_name +
                         "\": zero_point: expected 0 after a ReLU, found " +
                         std::to_string(found->second.zero_point));
    }
    values[step.output] = found->second;
  }
  return values;
}

// A row of the mean picture, as wide as the picture with its border.
std::vector<uint8_t> BorderRow(const Preprocessing& preprocessing, const NhwcExtents& picture) {
  const std::array<uint8_t, 3> pixel = PictureBorder(preprocessing);
  std::vector<uint8_t> row;
  for (int64_t x = 0; x < picture.width + 2 * picture.border; ++x) {
    row.insert(row.end(), pixel.begin(), pixel.end());
  }
  return row;
}

class ProgramU8 final : public Program {
 public:
  ProgramU8(Plan plan, const Preprocessing& preprocessing,
            std::vector<ActivationQuantization> quantizations, int num_threads)
      : Program(std::move(plan), num_threads),
        preprocessing_(preprocessing),
        border_row_(BorderRow(preprocessing, plan_.values.front().extents)),
        quantizations_(std::move(quantizations)),
        steps_(plan_.steps.size()) {}

  Status Pack(const Model& model) {
    int64_t scratch_bytes = 0;
    for (size_t i = 1; i < plan_.steps.size(); ++i) {
      DEIXIS_RETURN_IF_ERROR(PackStep(model, plan_.steps[i], steps_[i]));
      scratch_bytes =
          std::max(scratch_bytes, Conv2dU8ScratchBytes(steps_[i].weights, pool_.num_threads()));
    }
    scratch_.resize(static_cast<size_t>(scratch_bytes));
    return Ok();
  }

  int64_t weight_bytes() const override {
    int64_t bytes = 0;
    for (const StepU8& step : steps_) bytes += step.weights.num_bytes();
    return bytes;
  }

  ProgramPartsU8 parts_u8() const override {
    return {.steps = steps_, .quantizations = quantizations_};
  }

  void RunStep(size_t index, const ProgramInput& picture) override {
    const PlanStep& step = plan_.steps[index];
    const StepU8& packed = steps_[index];
    const NhwcView<uint8_t> output = ViewOf<uint8_t>(step.output);
    const auto input = [&]() -> NhwcView<const uint8_t> { return ViewOf<uint8_t>(step.input); };
    switch (step.kind) {
      case StepKind::kInput:
        CopyPicture(picture, output);
        return;
      case StepKind::kConv2d:
      case StepKind::kLinear: {
        if (IsFloat(step.output)) {
          Conv2dU8ToF32(packed.weights, input(), ViewOf<float>(step.output), scratch_.data(),
                        &pool_);
          return;
        }
        EpilogueU8 epilogue{.residual = {}, .residual_scale = packed.residual_scale};
        if (step.residual != kNoValue) epilogue.residual = ViewOf<uint8_t>(step.residual);
        Conv2dU8(packed.weights, input(), output, epilogue, scratch_.data(), &pool_);
        break;
      }
      case StepKind::kMaxPool:
        MaxPoolU8(PoolShape(step), input(), output, &pool_);
        break;
      case StepKind::kGlobalAveragePool:
        GlobalAveragePoolU8(packed.average, input(), output.data + step.first_channel);
        break;
      case StepKind::kSoftArgmax:
        SoftArgmaxF32(ViewOf<float>(step.input), output.channels, ViewOf<float>(step.output).data);
        return;
      case StepKind::kSubsamplePad:
        SubsamplePad(step.stride, ZeroPoint(step.output), input(), output);
        break;
      case StepKind::kAdd:
      case StepKind::kRelu:
        break;  // refused by PackStep
    }
    // Another value may have lain here since the last run.
    FillBorder(output, ZeroPoint(step.output));
  }

  std::vector<float> ValueAsFloats(int value) const override {
    if (IsFloat(value)) {
      const NhwcView<float> floats = ViewOf<float>(value);
      return {floats.data, floats.data + floats.num_elements()};  // the head's: without a border
    }
    const NhwcView<uint8_t> view = ViewOf<uint8_t>(value);
    std::vector<float> values;
    values.reserve(static_cast<size_t>(view.num_elements()));
    const NormalizeParams normalize = NormalizeParams::From(preprocessing_);
    const ActivationQuantization& kept = quantizations_[value];
    for (int64_t y = 0; y < view.height; ++y) {
      const uint8_t* row = view.Pixel(0, y, 0);
      for (int64_t i = 0; i < view.width * view.channels; ++i) {
        if (value == 0) {
          const int source = normalize.source[i % 3];
          values.push_back(row[i - i % 3 + source] * normalize.factor[i % 3] +
                           normalize.offset[i % 3]);
        } else {
          values.push_back(kept.scale * static_cast<float>(row[i] - kept.zero_point));
        }
      }
    }
    return values;
  }

 private:
  bool IsFloat(int value) const { return plan_.values[value].is_float(); }
  uint8_t ZeroPoint(int value) const {
    return static_cast<uint8_t>(quantizations_[value].zero_point);
  }

  Status PackStep(const Model& model, const PlanStep& step, StepU8& packed) {
    const bool reads_picture = step.input == plan_.steps.front().output;
    const bool makes_floats = IsFloat(step.output);
    if (step.layer.empty()) {
      if (step.kind == StepKind::kAdd || step.kind == StepKind::kRelu || reads_picture) {
        return InvalidData("step \"" + step.name +
                           "\": with u8 activations only layers read the picture, and additions "
                           "and ReLUs have to follow a layer");
      }
      if (step.kind == StepKind::kGlobalAveragePool) return MakeAverage(step, packed.average);
      return Ok();
    }
    DEIXIS_ASSIGN(const FoldedLayer folded, FoldLayer(model, step.layer));
    const Conv2dShape shape = LayerShape(plan_, step);
    DEIXIS_RETURN_IF_ERROR(
        CheckLayerSizes(step, shape, NumWeights(folded.weight), folded.bias.size()));
    std::optional<ActivationQuantization> output;
    if (!makes_floats) output = quantizations_[step.output];
    if (reads_picture) {
      if (shape.in_channels != 3 || step.residual != kNoValue) {
        return InvalidData("layer \"" + step.layer + "\": the first layer adds nothing to itself");
      }
      DEIXIS_ASSIGN(packed.weights, PackPictureLayer(folded, shape, preprocessing_, output));
      return Ok();
    }
    LayerQuantization quantization{
        .input = quantizations_[step.input], .residual = {}, .output = output};
    if (step.residual != kNoValue) {
      if (makes_floats) {
        return InvalidData("layer \"" + step.layer + "\": the last layer adds to its answer");
      }
      quantization.residual = quantizations_[step.residual];
      packed.residual_scale = quantization.residual->scale / output->scale;
    }
    DEIXIS_ASSIGN(packed.weights, PackQuantizedLayer(folded, shape, quantization));
    if (packed.weights.own_panels.empty()) packed.source = folded.weight;
    return Ok();
  }

  Status MakeAverage(const PlanStep& step, AverageU8& average) const {
    const NhwcExtents& extents = plan_.values[step.input].extents;
    const int64_t num_pixels = extents.height * extents.width;
    if (num_pixels > kMaxAveragePixels) {
      return InvalidData("pooling \"" + step.name + "\": the mean of " +
                             std::to_string(num_pixels) + " pixels; 8-bit sums hold at most " +
                             std::to_string(kMaxAveragePixels),
                         "use a smaller picture");
    }
    const ActivationQuantization& from = quantizations_[step.input];
    const ActivationQuantization& to = quantizations_[step.output];
    const double ratio = double{from.scale} / to.scale;
    average.factor = static_cast<float>(ratio / static_cast<double>(num_pixels));
    average.offset = static_cast<float>(to.zero_point - ratio * from.zero_point);
    if (std::isfinite(average.factor) && std::isfinite(average.offset)) return Ok();
    return InvalidData("pooling \"" + step.name + "\": its scales leave the range of float32",
                       "calibrate the activations again");
  }

  static size_t NumWeights(const WeightStorage& weight) {
    const auto* palettized = std::get_if<PalettizedTensor>(&weight);
    const Shape& shape =
        palettized != nullptr ? palettized->shape : std::get<Tensor>(weight).shape();
    return static_cast<size_t>(NumElements(shape).value_or(0));
  }

  // The picture's bytes inside the border of the mean picture, some rows at a time.
  void CopyPicture(const ProgramInput& picture, const NhwcView<uint8_t>& to) {
    constexpr int64_t kRows = 16;
    const int64_t end = to.height + to.border;
    pool_.ParallelFor((end + to.border + kRows - 1) / kRows, [&](int64_t chunk, int) {
      const int64_t begin = chunk * kRows - to.border;
      for (int64_t y = begin; y < std::min(begin + kRows, end); ++y) {
        CopyPictureRow(picture, y, to);
      }
    });
  }

  void CopyPictureRow(const ProgramInput& picture, int64_t y, const NhwcView<uint8_t>& to) const {
    if (y < 0 || y >= to.height) {
      std::copy(border_row_.begin(), border_row_.end(), to.Pixel(0, y, -to.border));
      return;
    }
    const int64_t row_bytes = to.width * 3;
    std::copy_n(border_row_.begin(), to.border * 3, to.Pixel(0, y, -to.border));
    std::copy_n(border_row_.begin(), to.border * 3, to.Pixel(0, y, to.width));
    if (picture.pixels != nullptr) {
      std::copy_n(picture.pixels + y * row_bytes, row_bytes, to.Pixel(0, y, 0));
    } else {
      ToBytes(picture.normalized + y * row_bytes, to.width, to.Pixel(0, y, 0));
    }
  }

  // A row of normalised pixels back to the bytes that they were made of.
  void ToBytes(const float* normalized, int64_t width, uint8_t* pixels) const {
    const NormalizeParams normalize = NormalizeParams::From(preprocessing_);
    for (int64_t i = 0; i < width * 3; ++i) {
      const int64_t c = i % 3;
      const float byte = (normalized[i] - normalize.offset[c]) / normalize.factor[c];
      pixels[i - c + normalize.source[c]] = static_cast<uint8_t>(
          std::lrint(std::clamp(std::isnan(byte) ? 0.0f : byte, 0.0f, 255.0f)));
    }
  }

  Preprocessing preprocessing_;
  std::vector<uint8_t> border_row_;                    // of the picture: [W + 2 * border, 3]
  std::vector<ActivationQuantization> quantizations_;  // by value
  std::vector<StepU8> steps_;
  AlignedVector<uint8_t> scratch_;  // decoded panels
};

}  // namespace

Result<std::unique_ptr<Program>> MakeProgramU8(const Model& model, int num_threads) {
  const Preprocessing& preprocessing = model.preprocessing;
  DEIXIS_ASSIGN(Plan plan, MakePlan(model.graph, preprocessing.height_px, preprocessing.width_px,
                                    Precision::kU8));
  DEIXIS_ASSIGN(auto quantizations, QuantizeValues(model, plan));
  auto program = std::make_unique<ProgramU8>(std::move(plan), preprocessing,
                                             std::move(quantizations), num_threads);
  DEIXIS_RETURN_IF_ERROR(program->Pack(model));
  return std::unique_ptr<Program>(std::move(program));
}

}  // namespace deixis
