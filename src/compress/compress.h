// Compression of a whole network: a plan says what becomes of each layer, and Compress carries it
// out, with calibration pictures or without.
//
// Without pictures every chosen layer is palettized by itself: exact k-means of its weights,
// rounded to an int8 codebook. With pictures the layers are fitted one after the other, in the
// order in which the network runs, each so that its output comes as near as possible to the
// original network's although everything before it is compressed already (layer_fit.h,
// calibrate.h). No labels are used and nothing is trained.
//
// A layer that is not chosen keeps its bytes and its batch norm's, bit for bit.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/dtype.h"
#include "base/result.h"
#include "compress/activation_rounding.h"
#include "compress/palettize.h"
#include "compress/picture_set.h"
#include "network/model.h"

namespace deixis {

enum class WeightForm {
  kCodebook,  // indices into small codebooks
  kInt8,  // eight bits per weight, a scale per output channel: K = 256 and kTensor (int8_weights.h)
};

// What becomes of one layer.
struct LayerPlan {
  std::string name;
  WeightForm form = WeightForm::kCodebook;
  int num_centroids = 16;  // K, 2..256
  Granularity granularity = Granularity::kGroup;
  bool prune_nearest_zero = false;  // the centroid nearest to zero of each codebook becomes 0
  double sparsity = 0;              // this fraction of smallest weights becomes and stays 0
};

struct CalibrationOptions {
  // Off: with pictures at hand only scales and biases are matched to the original's outputs.
  bool error_feedback = true;
  // Pictures used at most, mirror images included; fewer where activations would not fit.
  int64_t max_pictures = 2000;
  bool mirror = true;
  int64_t max_activation_bytes = int64_t{1200} << 20;
  // Rows (output pixels) that a layer is fitted on.
  int64_t max_rows = 60000;
  // Of the mean diagonal of H: how strongly the fit clings to the original weights.
  double damping = 0.01;
  int rounds = 3;  // of scales, weights and centroids
  // Fit every layer on what the original network gives it, as if no other were compressed: to find
  // out what each costs by itself, not for a network that is to be used.
  bool on_original_inputs = false;
  // How far the spread of each channel is restored: 0 leaves the least-squares scale, 1 restores
  // the variance of the original's output.
  double spread = 0.5;
};

struct CompressProgress {
  std::string_view stage;  // "calibrate", "compress"
  std::string_view layer;  // may be empty
  double fraction = 0;     // of the whole work, 0..1
};

struct CompressOptions {
  std::string layers = "all";  // or a regular expression (ECMAScript) that matches whole names
  WeightForm form = WeightForm::kCodebook;
  int num_centroids = 16;
  Granularity granularity = Granularity::kGroup;
  bool prune_nearest_zero = false;
  double sparsity = 0;
  DType codebook_dtype = DType::kI8;  // kI8, kF16 or kF32
  // Activations in eight bits too, for the u8 runtime. Needs pictures, and codebooks of int8.
  std::optional<RangeOptions> activations;
  CalibrationOptions calibration;
  int num_threads = 1;
  // May be empty; false stops the work with kInterrupted. Called from the calling thread.
  std::function<bool(const CompressProgress&)> progress;

  // kUsage with what is out of range.
  Status Validate() const;
};

struct LayerReport {
  LayerPlan plan;
  Shape shape;
  int64_t bytes_before = 0;  // weights, bias and batch norm in the source
  int64_t bytes_after = 0;   // indices, codebook, scale and bias
  double weight_mse = 0;     // of the folded weights
  double weight_snr_db = 0;
  double output_snr_db = 0;  // of the layer's output before ReLU, on the calibration pictures; 0
                             // without them
  double sparsity = 0;       // exact zeros
};

struct CompressedModel {
  Model model;
  std::vector<LayerReport> layers;            // in the order of the graph
  std::vector<ActivationReport> activations;  // in the order in which the network makes them
  int64_t calibration_pictures = 0;
};

// The chosen layers, in the order of the graph, all with the options' K, granularity and pruning.
// kUsage for a bad expression or one that matches no layer.
Result<std::vector<LayerPlan>> MakePlan(const Model& model, const CompressOptions& options);

// Carries `plan` out. `pictures` may be null. The options' layers, K, granularity and pruning are
// not read. Deterministic, whatever the number of threads.
Result<CompressedModel> CompressByPlan(const Model& model, const std::vector<LayerPlan>& plan,
                                       PictureSet* pictures, const CompressOptions& options);

// MakePlan, then CompressByPlan.
Result<CompressedModel> Compress(const Model& model, PictureSet* pictures,
                                 const CompressOptions& options);

}  // namespace deixis
