#include "runtime/executor.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <new>
#include <utility>

#include "runtime/program.h"

namespace deixis {
namespace {

// Runs the whole plan; `after(index)` is called when step `index` is done.
template <typename After>
void RunSteps(Program& program, const ProgramInput& input, const After& after) {
  for (size_t i = 0; i < program.plan().steps.size(); ++i) {
    program.RunStep(i, input);
    after(i);
  }
}

const NhwcExtents& PictureExtents(const Program& program) {
  return program.plan().values[program.plan().steps.front().output].extents;
}

// A picture of another size is a bug of the caller.
void CheckPictureSize(const Program& program, size_t num_elements) {
  const NhwcExtents& picture = PictureExtents(program);
  if (static_cast<int64_t>(num_elements) != picture.height * picture.width * 3) std::abort();
}

}  // namespace

Status ExecutorOptions::Validate() const {
  if (num_threads >= 1 && num_threads <= kMaxThreads) return Ok();
  return UsageError("number of threads: expected 1 to " + std::to_string(kMaxThreads) + ", got " +
                    std::to_string(num_threads));
}

Executor::Executor(std::unique_ptr<Program> program) : program_(std::move(program)) {}
Executor::Executor(Executor&&) noexcept = default;
Executor& Executor::operator=(Executor&&) noexcept = default;
Executor::~Executor() = default;

Result<Executor> Executor::Create(const Model& model, const ExecutorOptions& options) {
  DEIXIS_RETURN_IF_ERROR(options.Validate());
  try {
    DEIXIS_ASSIGN(auto program, model.activations.empty()
                                    ? MakeProgramF32(model, options.num_threads)
                                    : MakeProgramU8(model, options.num_threads));
    return Executor(std::move(program));
  } catch (const std::bad_alloc&) {
    return ResourceError("not enough memory for the model's weights and activations");
  }
}

Precision Executor::precision() const { return program_->plan().precision; }
int64_t Executor::height_px() const { return PictureExtents(*program_).height; }
int64_t Executor::width_px() const { return PictureExtents(*program_).width; }
int64_t Executor::num_outputs() const { return static_cast<int64_t>(program_->Answer().size()); }

std::span<const float> Executor::Run(std::span<const uint8_t> pixels) {
  CheckPictureSize(*program_, pixels.size());
  RunSteps(*program_, {.pixels = pixels.data()}, [](size_t) {});
  return program_->Answer();
}

std::span<const float> Executor::RunNormalized(std::span<const float> input) {
  CheckPictureSize(*program_, input.size());
  RunSteps(*program_, {.normalized = input.data()}, [](size_t) {});
  return program_->Answer();
}

void Executor::Observe(std::span<const uint8_t> pixels, const ValueObserver& observer) {
  CheckPictureSize(*program_, pixels.size());
  const Plan& plan = program_->plan();
  RunSteps(*program_, {.pixels = pixels.data()}, [&](size_t index) {
    const PlanStep& step = plan.steps[index];
    const int64_t channels = plan.values[step.output].extents.channels;
    // The means of several maps are whole with those of the last one.
    const bool is_part = step.kind == StepKind::kGlobalAveragePool &&
                         step.first_channel + plan.values[step.input].extents.channels < channels;
    if (step.value_name.empty() || is_part) return;
    observer({.name = step.value_name,
              .is_answer = index + 1 == plan.steps.size(),
              .is_never_negative = step.relu || step.kind == StepKind::kRelu,
              .channels = channels,
              .elements = program_->ValueAsFloats(step.output)});
  });
}

std::vector<float> Executor::HeadInput() const {
  return program_->ValueAsFloats(program_->plan().steps.back().input);
}

int64_t Executor::arena_bytes() const { return program_->arena_bytes(); }
int64_t Executor::weight_bytes() const { return program_->weight_bytes(); }

std::vector<StepTiming> Executor::Profile(std::span<const uint8_t> pixels, int repetitions) {
  using Clock = std::chrono::steady_clock;
  CheckPictureSize(*program_, pixels.size());
  const size_t num_steps = program_->plan().steps.size();
  std::vector<std::vector<double>> samples_ms(num_steps);
  for (auto& samples : samples_ms) samples.reserve(static_cast<size_t>(std::max(repetitions, 1)));
  for (int repetition = 0; repetition < std::max(repetitions, 1); ++repetition) {
    auto before = Clock::now();
    RunSteps(*program_, {.pixels = pixels.data()}, [&](size_t index) {
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
    timings.push_back({.name = program_->plan().steps[i].name,
                       .median_ms = *middle,
                       .macs = program_->plan().steps[i].macs});
  }
  return timings;
}

}  // namespace deixis
