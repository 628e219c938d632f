// One engine of the comparison, as a program that the driver (compare.py) commands:
//
//   ENGINE MODEL PIXELS INPUT THREADS
//
// PIXELS is the picture as u8 [224, 224, 3] in RGB, INPUT the same picture normalised, as f32
// [1, 3, 224, 224]; an engine reads the one that it takes. The program loads MODEL, runs it once,
// and answers with one line of JSON: `load_ms` (from before the model is opened to its first
// result), `idle_rss_bytes` (resident before that) and `logits`. Then, for every line "run U N" on
// its input, it runs U times uncounted and N times counted and answers with `ns`, the time of each;
// at the end of its input it ends. The driver asks one engine at a time, so that engines do not
// share a process and meet the machine in the same state.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace deixis::compare {

struct EngineArguments {
  std::string model_path;
  std::string pixels_path;
  std::string input_path;
  int num_threads = 1;
};

class Engine {
 public:
  virtual ~Engine() = default;
  // Throws std::exception when it cannot.
  virtual void Load(const EngineArguments& arguments) = 0;
  // One picture through the network; what is returned is valid until the next run.
  virtual std::span<const float> Run() = 0;
};

// The whole program; returns its exit code.
int EngineMain(int argc, char** argv, Engine& engine);

// The file as values of T. Throws std::runtime_error when it is missing or holds a part of a value.
template <typename T>
std::vector<T> ReadValues(const std::string& path);

}  // namespace deixis::compare
