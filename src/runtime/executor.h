// Runs a model: everything is proved, laid out and packed in Create, so that Run cannot fail and
// does not allocate. A model with quantized activations runs in integers, any other in fp32.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "network/model.h"
#include "runtime/plan.h"

namespace deixis {

// Far more than helps; each one is a real thread that spins between layers.
inline constexpr int kMaxThreads = 256;

struct ExecutorOptions {
  int num_threads = 1;  // 1 to kMaxThreads; the answer does not depend on it

  Status Validate() const;
};

struct StepTiming {
  std::string name;  // of the layer, with what is fused into it: "layer1.0.conv1+relu"
  double median_ms = 0;
  int64_t macs = 0;  // multiply-accumulates of one run
};

// What a step made, for one picture. Valid during the call.
struct ObservedValue {
  std::string_view name;           // as in Model::activations; the head's answer by the head's name
  bool is_answer = false;          // of the network: it stays float
  bool is_never_negative = false;  // by its nature, a ReLU being its last operation
  int64_t channels = 0;            // innermost
  std::span<const float> elements;  // [H, W, C], dense
};
using ValueObserver = std::function<void(const ObservedValue&)>;

class Program;

// Not thread-safe: one Executor per thread that calls it. Holds its own copy of what it needs; the
// model may go.
class Executor {
 public:
  static Result<Executor> Create(const Model& model, const ExecutorOptions& options = {});

  Executor(Executor&&) noexcept;
  Executor& operator=(Executor&&) noexcept;
  ~Executor();

  Precision precision() const;
  int64_t height_px() const;
  int64_t width_px() const;
  int64_t num_outputs() const;

  // One picture, u8 [H, W, 3] in RGB, already resized to height x width: normalisation and channel
  // order are part of the model. The answer is valid until the next run.
  std::span<const float> Run(std::span<const uint8_t> pixels);
  // The same with the input already normalised, f32 [H, W, 3]; in u8 rounded back to a picture.
  std::span<const float> RunNormalized(std::span<const float> input);

  // As Run, and shows every value that a step makes anew, in the order of the steps.
  void Observe(std::span<const uint8_t> pixels, const ValueObserver& observer);

  // What the head read in the last run, [H, W, C] of the last feature map or [C] of its mean: the
  // picture's embedding. Allocates.
  std::vector<float> HeadInput() const;

  // Bytes of the activation arena, and of packed weights and biases.
  int64_t arena_bytes() const;
  int64_t weight_bytes() const;

  // Time of each step over `repetitions` runs of `pixels`.
  std::vector<StepTiming> Profile(std::span<const uint8_t> pixels, int repetitions);

 private:
  explicit Executor(std::unique_ptr<Program> program);
  std::unique_ptr<Program> program_;
};

}  // namespace deixis
