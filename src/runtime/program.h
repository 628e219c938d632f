// A plan bound to a model's weights and to memory: what the Executor runs. One program per
// precision; both walk the same steps.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "base/result.h"
#include "base/thread_pool.h"
#include "kernels/aligned.h"
#include "kernels/conv2d_u8/conv2d_u8.h"
#include "kernels/pool_u8/pool_u8.h"
#include "network/model.h"
#include "runtime/plan.h"

namespace deixis {

// The picture of the run in progress, [H, W, 3]: one of the two.
struct ProgramInput {
  const uint8_t* pixels = nullptr;    // RGB
  const float* normalized = nullptr;  // in the model's channel order
};

// What the u8 program made of a step beside its plan.
struct StepU8 {
  PackedConv2dU8 weights;    // kConv2d, kLinear
  WeightStorage source;      // what `weights` may view
  float residual_scale = 0;  // the same
  AverageU8 average;         // kGlobalAveragePool
};

// The same for all steps, for whoever lays the network out elsewhere.
struct ProgramPartsU8 {
  std::span<const StepU8> steps;                          // by step of the plan
  std::span<const ActivationQuantization> quantizations;  // by value of the plan
};

class Program {
 public:
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  virtual ~Program() = default;

  const Plan& plan() const { return plan_; }
  // Of activations, and of what steps need beside them while they run.
  virtual int64_t arena_bytes() const { return plan_.arena_bytes; }
  virtual int64_t weight_bytes() const = 0;
  // Nothing in fp32. Valid as long as the program.
  virtual ProgramPartsU8 parts_u8() const { return {}; }

  // Steps in their order, 0 first. Do not allocate.
  virtual void RunStep(size_t index, const ProgramInput& input) = 0;
  std::span<const float> Answer() const {
    const NhwcView<float> view = ViewOf<float>(plan_.steps.back().output);
    return {view.data, static_cast<size_t>(view.num_elements())};
  }
  // A value of the plan as a dense float image, border left out, for as long as it lives: from the
  // step that makes it to the one that reads it last. Allocates.
  virtual std::vector<float> ValueAsFloats(int value) const = 0;

 protected:
  Program(Plan plan, int num_threads)
      : plan_(std::move(plan)),
        arena_(static_cast<size_t>(plan_.arena_bytes) + kVectorAlignment),
        pool_(num_threads) {}

  template <typename T>
  NhwcView<T> ViewOf(int value) const {
    const PlanValue& placed = plan_.values[value];
    auto* storage = const_cast<std::byte*>(arena_.data()) + placed.place.offset;
    return DenseView(reinterpret_cast<T*>(storage), placed.extents);
  }

  Plan plan_;
  // With room after the last value: kernels may read a few bytes beyond their input.
  AlignedVector<std::byte> arena_;
  ThreadPool pool_;
};

// Both copy what they need; kInvalidData when weights do not fit the network, and for u8 when the
// model lacks the quantization of a value. May throw std::bad_alloc.
Result<std::unique_ptr<Program>> MakeProgramF32(const Model& model, int num_threads);
Result<std::unique_ptr<Program>> MakeProgramU8(const Model& model, int num_threads);

}  // namespace deixis
