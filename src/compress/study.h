// The study of weight sharing, with numbers where the original had pictures: what k-means on the
// weights of one layer's output nodes costs the task, for each K, with and without the centroid
// nearest to zero; and what the same costs over the whole network, against the bytes on disk.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "compress/palettize.h"
#include "compress/picture_set.h"
#include "network/model.h"

namespace deixis {

struct StudyOptions {
  std::string layer;  // empty: the head
  std::vector<int> centroids = {2, 3, 8, 16};
  bool whole_network = true;
  int num_threads = 1;
  // What is being measured, and how much of all is done (0..1). False stops with kInterrupted.
  std::function<bool(const std::string& stage, double done)> progress;
};

// A score is the top-1 accuracy (0..1, larger is better) of a classifier, the mean error in pixels
// (smaller is better) of a model that locates.
struct PrunedCase {
  std::vector<int> removed;  // per node: the index of the centroid that was set to 0
  double sparsity = 0;       // share of the layer's weights that are 0
  double weight_mse = 0;
  double score = 0;
};

// One K on the studied layer, a codebook per output node.
struct StudyCase {
  int centroids = 0;
  int bits_per_index = 0;
  int64_t bytes = 0;             // of the palettized layer: indices, codebooks, scales
  std::vector<float> codebooks;  // [nodes, K], ascending within a node
  double weight_mse = 0;         // mean squared difference to the weights as trained
  double score = 0;
  PrunedCase pruned;
};

// The whole network at one K and granularity.
struct StudyPlan {
  Granularity granularity = Granularity::kRow;
  int centroids = 0;
  bool calibrated = false;  // with statistics matching and error feedback on calibration pictures
  int64_t bytes = 0;        // of the file
  double ratio = 0;         // fp32 bytes of the weights / bytes
  double score = 0;
};

struct Study {
  std::string model_path;
  std::string architecture;
  int64_t model_bytes = 0;  // fp32 bytes of all parameters
  std::string data_folder;
  std::string calibration_folder;  // empty when nothing was calibrated
  int64_t images = 0;
  Task task = Task::kClassify;
  double baseline_score = 0;
  std::string layer;
  int64_t nodes = 0;
  int64_t weights_per_node = 0;
  std::vector<float> weights;           // [nodes, weights_per_node]
  std::vector<std::string> node_names;  // of the head: the categories; else empty
  std::vector<StudyCase> cases;
  std::vector<StudyPlan> plans;
};

// `calibration` may be null. Every score is measured by running the network with the compressed
// weights in place over all of `pictures`; those of plans from the file written and loaded again.
// kNotFound for a layer the network does not have, naming those it has; kUsage for a K outside
// 2..256.
Result<Study> RunStudy(const Model& model, const std::string& model_path, PictureSet& pictures,
                       PictureSet* calibration, const StudyOptions& options);

// Writes index.html (self-contained), study.json, layer.csv, codebooks.csv and network.csv into
// `folder`, which is created; each file atomically. At most some 8 MB of weights go into the page:
// the first nodes, the page says how many.
Status WriteStudy(const Study& study, const std::string& folder);

}  // namespace deixis
