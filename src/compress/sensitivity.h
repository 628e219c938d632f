// What the network would lose if one layer alone were stored with K centroids: the table that an
// allocation of sizes is chosen from.
//
// Trying every layer with every K would take hundreds of runs over the pictures. But the divergence
// between two networks' outputs is quadratic in a small disturbance, and the disturbance of a layer
// grows with the squared error of its weights. So each layer is tried once, with a K that disturbs
// without destroying, and scaled to the others by the ratio of squared errors.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/result.h"
#include "compress/allocate.h"
#include "compress/compress.h"
#include "compress/picture_set.h"
#include "network/model.h"

namespace deixis {

struct SensitivityOptions {
  std::vector<int> centroids = {2, 4, 8, 16, 32, 64, 128, 256};  // ascending
  int64_t max_pictures = 64;
  DType codebook_dtype = DType::kI8;
  int num_threads = 1;
  std::function<bool(const CompressProgress&)> progress;  // as in CompressOptions
};

// For every layer of `plan` (whose K is not read) one option per entry of options.centroids, in
// that order: its bytes, and the damage in nats of Kullback-Leibler divergence from the original's
// class probabilities (classify) or in squared output units (locate), mean over the pictures.
// Without pictures: the squared error of the layer's weights relative to their square, as if all
// layers mattered alike. kUsage for a K outside 2..256 or an order that does not ascend.
Result<std::vector<LayerOptions>> MeasureLayerOptions(const Model& model,
                                                      const std::vector<LayerPlan>& plan,
                                                      PictureSet* pictures,
                                                      const SensitivityOptions& options);

}  // namespace deixis
