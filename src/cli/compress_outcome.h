// What compressing a model came to, and how it is told: to programs and to people.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cli/console.h"
#include "cli/text.h"
#include "compress/compress.h"
#include "compress/evaluate.h"
#include "compress/metrics.h"
#include "network/model.h"

namespace deixis::cli {

// A model's score on some pictures: accuracy, or the error of where it points.
struct Score {
  Task task = Task::kClassify;
  Evaluation evaluation;
};

// Everything that was found out, for both kinds of output.
struct Outcome {
  std::string source;
  std::string out;
  int64_t source_bytes = 0;
  int64_t float32_bytes = 0;  // of all parameters, before any compression
  int64_t file_bytes = 0;
  std::string weights;  // "one codebook per group"; empty where it differs from layer to layer
  bool archived = false;
  bool written = false;
  std::optional<Score> before;
  std::optional<Score> after;
  std::string judged_on;  // the folder
  std::string calibrated_on;
  // The written network's answers against the original's; not for models that locate.
  std::optional<LogitComparison> comparison;
  double seconds = 0;
  const Model* model = nullptr;
  const CompressedModel* compressed = nullptr;

  double ratio() const {
    return static_cast<double>(source_bytes) / static_cast<double>(file_bytes);
  }
  double float32_ratio() const {
    return static_cast<double>(float32_bytes) / static_cast<double>(file_bytes);
  }
};

Json OutcomeJson(const Outcome& outcome);
std::string OutcomeText(const Outcome& outcome, const Style& style);

}  // namespace deixis::cli
