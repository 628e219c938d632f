// Activations in eight bits while a network is compressed: each value that the u8 runtime keeps is
// given its scale when it has been computed for all calibration pictures, and is rounded there and
// then, so that the layers behind are fitted to what they will really see. Their biases, which
// match means (calibrate.h), thereby also make up for what rounding and clipping do to the mean.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "compress/activation_range.h"
#include "compress/segments.h"
#include "network/graph.h"

namespace deixis {

struct ActivationReport {
  std::string name;  // as in Model::activations
  ActivationQuantization quantization;
  float min = 0;  // seen on the calibration pictures
  float max = 0;
  double sqnr_db = 0;           // infinite when nothing is lost
  double clipped_fraction = 0;  // of the values
};

// The name under which Model::activations has the segment's output; empty when that is no value of
// its own: max pooling and subsampling keep their input's, the network's answer stays float.
std::string ActivationName(const Graph& graph, const Segment& segment);

class ActivationRounding {
 public:
  ActivationRounding(const RangeOptions& options, ThreadPool& pool)
      : options_(options), pool_(pool) {}

  // Chooses how `values`, all that the pictures gave, are kept, and rounds them. kInvalidData when
  // some are NaN or infinite.
  Status Apply(const std::string& name, std::span<float> values);

  const std::vector<ActivationReport>& reports() const { return reports_; }
  std::map<std::string, ActivationQuantization> quantizations() const;

 private:
  RangeOptions options_;
  ThreadPool& pool_;
  std::vector<ActivationReport> reports_;
};

}  // namespace deixis
