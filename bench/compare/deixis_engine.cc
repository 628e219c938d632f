// Deixis in the comparison: the runtime alone, as a program would embed it. One run takes the
// picture's bytes; normalisation is part of it.
#include <optional>
#include <stdexcept>

#include "engine.h"
#include "network/model.h"
#include "runtime/executor.h"

namespace deixis::compare {
namespace {

template <typename T>
T OrThrow(Result<T> result) {
  if (!result.ok()) throw std::runtime_error(result.error().message);
  return *std::move(result);
}

class DeixisEngine : public Engine {
 public:
  void Load(const EngineArguments& arguments) override {
    const Model model = OrThrow(LoadModel(arguments.model_path));
    executor_ = OrThrow(Executor::Create(model, {.num_threads = arguments.num_threads}));
    pixels_ = ReadValues<uint8_t>(arguments.pixels_path);
  }
  std::span<const float> Run() override { return executor_->Run(pixels_); }

 private:
  std::optional<Executor> executor_;
  std::vector<uint8_t> pixels_;
};

}  // namespace
}  // namespace deixis::compare

int main(int argc, char** argv) {
  deixis::compare::DeixisEngine engine;
  return deixis::compare::EngineMain(argc, argv, engine);
}
