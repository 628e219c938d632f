// LibTorch in the comparison: TorchScript, frozen and optimised for inference (convolutions go to
// oneDNN with their weights laid out for it), without gradients. The graph executor specialises
// itself in its first runs, which are part of what "load to first result" measures.
#include <ATen/Parallel.h>
#include <torch/script.h>

#include "engine.h"

namespace deixis::compare {
namespace {

class LibTorchEngine : public Engine {
 public:
  void Load(const EngineArguments& arguments) override {
    at::set_num_threads(arguments.num_threads);
    at::set_num_interop_threads(1);
    torch::jit::Module module = torch::jit::load(arguments.model_path);
    module.eval();
    // Without it weights would be attributes, and optimize_for_inference, which takes a module that
    // has no attribute "training" for frozen, would leave them where they are.
    torch::jit::Module frozen = torch::jit::freeze(module);
    module_ = torch::jit::optimize_for_inference(frozen);
    values_ = ReadValues<float>(arguments.input_path);
    inputs_ = {torch::from_blob(values_.data(), {1, 3, 224, 224})};
  }
  std::span<const float> Run() override {
    output_ = module_.forward(inputs_).toTensor().contiguous();
    return {output_.data_ptr<float>(), static_cast<size_t>(output_.numel())};
  }

 private:
  c10::InferenceMode no_gradients_;
  torch::jit::Module module_;
  std::vector<float> values_;
  std::vector<c10::IValue> inputs_;
  at::Tensor output_;
};

}  // namespace
}  // namespace deixis::compare

int main(int argc, char** argv) {
  deixis::compare::LibTorchEngine engine;
  return deixis::compare::EngineMain(argc, argv, engine);
}
