#include "runtime/executor.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <new>
#include <utility>

#include "base/thread_pool.h"
#include "kernels/conv2d_f32/conv2d_f32.h"
#include "kernels/elementwise_f32/elementwise_f32.h"
#include "kernels/linear_f32/linear_f32.h"
#include "kernels/pool_f32/pool_f32.h"
#include "network/fold.h"
#include "runtime/plan.h"

namespace deixis {

struct Executor::State {
  State(Plan made_plan, NormalizeParams normalize_params, int num_threads)
      : plan(std::move(made_plan)),
        normalize(normalize_params),
        layers(plan.steps.size()),
        arena(static_cast<size_t>(plan.arena_elements)),
        pool(num_threads) {
    views.reserve(plan.values.size());
    for (const PlanValue& value : plan.values) {
      views.push_back(DenseView(arena.data() + value.place.offset, value.extents));
    }
  }

  void RunStep(size_t index);
  std::span<const float> Answer() const {
    const NhwcView<float>& view = views[plan.steps.back().output];
    return {view.data, static_cast<size_t>(view.num_elements())};
  }

  // Runs the whole plan; `after(index)` is called when step `index` is done.
  template <typename After>
  void RunSteps(const After& after) {
    for (size_t i = 0; i < plan.steps.size(); ++i) {
      RunStep(i);
      after(i);
    }
  }

  Plan plan;
  NormalizeParams normalize;
  std::vector<PackedConv2dF32> layers;  // by step; empty for steps without weights
  AlignedVector<float> arena;
  std::vector<NhwcView<float>> views;  // by value
  ThreadPool pool;
  // The input of the run in progress: one of the two.
  const uint8_t* pixels = nullptr;
  const float* normalized = nullptr;
};

namespace {

void CopyDense(const float* from, const NhwcView<float>& to) {
  const int64_t row = to.width * to.channels;
  for (int64_t y = 0; y < to.height; ++y) std::copy_n(from + y * row, row, to.Pixel(0, y, 0));
}

Result<PackedConv2dF32> PackStep(const Model& model, const Plan& plan, const PlanStep& step) {
  DEIXIS_ASSIGN(const FoldedLayer folded, FoldLayer(model, step.layer));
  const Conv2dShape shape{.in_channels = plan.values[step.input].extents.channels,
                          .out_channels = plan.values[step.output].extents.channels,
                          .filter_height = step.filter_size,
                          .filter_width = step.filter_size,
                          .stride = step.stride,
                          .padding = step.padding};
  const std::vector<float> weights = folded.ScaledWeights();
  const auto expected = static_cast<size_t>(shape.num_terms() * shape.out_channels);
  if (weights.size() != expected || folded.bias.size() != static_cast<size_t>(shape.out_channels)) {
    return InvalidData("layer \"" + step.layer + "\": " + std::to_string(weights.size()) +
                       " weights and " + std::to_string(folded.bias.size()) +
                       " biases; the network has " + std::to_string(expected) + " and " +
                       std::to_string(shape.out_channels));
  }
  return PackConv2dF32(shape, weights, folded.bias);
}

}  // namespace

void Executor::State::RunStep(size_t index) {
  const PlanStep& step = plan.steps[index];
  const NhwcView<float>& output = views[step.output];
  const auto input = [&]() -> NhwcView<const float> { return views[step.input]; };
  switch (step.kind) {
    case StepKind::kInput:
      if (pixels != nullptr) {
        NormalizeU8ToF32(normalize, pixels, output);
      } else {
        CopyDense(normalized, output);
      }
      break;
    case StepKind::kConv2d:
    case StepKind::kLinear: {
      EpilogueF32 epilogue{.residual = {}, .relu = step.relu};
      if (step.residual != kNoValue) epilogue.residual = views[step.residual];
      Conv2dF32(layers[index], input(), output, epilogue, &pool);
      break;
    }
    case StepKind::kMaxPool:
      MaxPoolF32({.filter_size = step.filter_size, .stride = step.stride, .padding = step.padding},
                 input(), output, &pool);
      break;
    case StepKind::kGlobalAveragePool:
      GlobalAveragePoolF32(input(), output.data);
      break;
    case StepKind::kSubsamplePad:
      SubsamplePadF32(step.stride, input(), output);
      break;
    case StepKind::kAdd:
      AddF32(input(), views[step.residual], step.relu, output);
      break;
    case StepKind::kRelu:
      ReluF32(input(), output);
      break;
  }
  // Another value may have lain here since the last run.
  FillBorder(output, 0.0f);
}

Status ExecutorOptions::Validate() const {
  if (num_threads >= 1 && num_threads <= kMaxThreads) return Ok();
  return UsageError("number of threads: expected 1 to " + std::to_string(kMaxThreads) + ", got " +
                    std::to_string(num_threads));
}

Executor::Executor(std::unique_ptr<State> state) : state_(std::move(state)) {}
Executor::Executor(Executor&&) noexcept = default;
Executor& Executor::operator=(Executor&&) noexcept = default;
Executor::~Executor() = default;

Result<Executor> Executor::Create(const Model& model, const ExecutorOptions& options) {
  DEIXIS_RETURN_IF_ERROR(options.Validate());
  const Preprocessing& preprocessing = model.preprocessing;
  DEIXIS_ASSIGN(Plan plan, MakePlan(model.graph, preprocessing.height_px, preprocessing.width_px));
  try {
    auto state = std::make_unique<State>(std::move(plan), NormalizeParams::From(preprocessing),
                                         options.num_threads);
    for (size_t i = 0; i < state->plan.steps.size(); ++i) {
      const PlanStep& step = state->plan.steps[i];
      if (step.layer.empty()) continue;
      DEIXIS_ASSIGN(state->layers[i], PackStep(model, state->plan, step));
    }
    return Executor(std::move(state));
  } catch (const std::bad_alloc&) {
    return ResourceError("not enough memory for the model's weights and activations");
  }
}

int64_t Executor::height_px() const { return state_->plan.values.front().extents.height; }
int64_t Executor::width_px() const { return state_->plan.values.front().extents.width; }
int64_t Executor::num_outputs() const { return static_cast<int64_t>(state_->Answer().size()); }

std::span<const float> Executor::Run(std::span<const uint8_t> pixels) {
  if (static_cast<int64_t>(pixels.size()) != state_->views.front().num_elements()) std::abort();
  state_->pixels = pixels.data();
  state_->RunSteps([](size_t) {});
  return state_->Answer();
}

std::span<const float> Executor::RunNormalized(std::span<const float> input) {
  if (static_cast<int64_t>(input.size()) != state_->views.front().num_elements()) std::abort();
  state_->pixels = nullptr;
  state_->normalized = input.data();
  state_->RunSteps([](size_t) {});
  return state_->Answer();
}

int64_t Executor::arena_bytes() const {
  return state_->plan.arena_elements * static_cast<int64_t>(sizeof(float));
}

int64_t Executor::weight_bytes() const {
  int64_t bytes = 0;
  for (const PackedConv2dF32& layer : state_->layers) bytes += layer.num_bytes();
  return bytes;
}

std::vector<StepTiming> Executor::Profile(std::span<const uint8_t> pixels, int repetitions) {
  using Clock = std::chrono::steady_clock;
  if (static_cast<int64_t>(pixels.size()) != state_->views.front().num_elements()) std::abort();
  state_->pixels = pixels.data();

  const size_t num_steps = state_->plan.steps.size();
  std::vector<std::vector<double>> samples_ms(num_steps);
  for (auto& samples : samples_ms) samples.reserve(static_cast<size_t>(std::max(repetitions, 1)));
  for (int repetition = 0; repetition < std::max(repetitions, 1); ++repetition) {
    auto before = Clock::now();
    state_->RunSteps([&](size_t index) {
      const auto now = Clock::now();
      samples_ms[index].push_back(std::chrono::duration<double, std::milli>(now - before).count());
      before = now;
    });
  }

  std::vector<StepTiming> timings;
  for (size_t i = 0; i < num_steps; ++i) {
    auto& samples = samples_ms[i];
    const auto middle = samples.begin() + static_cast<std::ptrdiff_t>(samples.size() / 2);
    std::nth_element(samples.begin(), middle, samples.end());
    timings.push_back({.name = state_->plan.steps[i].name,
                       .median_ms = *middle,
                       .macs = state_->plan.steps[i].macs});
  }
  return timings;
}

}  // namespace deixis
