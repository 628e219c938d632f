// OpenCV's DNN module in the comparison, on its own CPU backend:
//
//   deixis_compare_opencv [--int8] MODEL.onnx PIXELS INPUT THREADS
//
// With --int8 it quantizes the fp32 network itself, on the one picture (its reader of ONNX takes no
// QDQ): that gives its speed in int8, and an accuracy that says nothing.
#include <cstring>
#include <opencv2/core.hpp>
#include <opencv2/dnn.hpp>

#include "engine.h"

namespace deixis::compare {
namespace {

class OpenCvEngine : public Engine {
 public:
  explicit OpenCvEngine(bool is_int8) : is_int8_(is_int8) {}

  void Load(const EngineArguments& arguments) override {
    cv::setNumThreads(arguments.num_threads);
    values_ = ReadValues<float>(arguments.input_path);
    input_ = cv::Mat({1, 3, 224, 224}, CV_32F, values_.data());
    net_ = cv::dnn::readNetFromONNX(arguments.model_path);
    if (is_int8_) net_ = net_.quantize(std::vector<cv::Mat>{input_}, CV_32F, CV_32F);
    net_.setPreferableBackend(cv::dnn::DNN_BACKEND_OPENCV);
    net_.setPreferableTarget(cv::dnn::DNN_TARGET_CPU);
  }
  std::span<const float> Run() override {
    net_.setInput(input_);
    output_ = net_.forward();
    return {output_.ptr<float>(), output_.total()};
  }

 private:
  bool is_int8_;
  std::vector<float> values_;
  cv::Mat input_;
  cv::dnn::Net net_;
  cv::Mat output_;
};

}  // namespace
}  // namespace deixis::compare

int main(int argc, char** argv) {
  const bool is_int8 = argc > 1 && std::strcmp(argv[1], "--int8") == 0;
  if (is_int8) {
    argv[1] = argv[0];
    --argc;
    ++argv;
  }
  deixis::compare::OpenCvEngine engine(is_int8);
  return deixis::compare::EngineMain(argc, argv, engine);
}
