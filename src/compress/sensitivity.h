// What the network would lose if one layer alone were stored with K centroids: the table that an
// allocation of sizes is chosen from.
//
// Trying every layer with every K would take hundreds of runs over the pictures. But the divergence
// between two networks' outputs is a smooth function of K: a straight line in their logarithms, as
// good as. So every layer is fitted and tried with two K, by itself, as it would be fitted with the
// others (error feedback on a part of the pictures; what that gains differs from layer to layer),
// and the other K lie on the line.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "compress/allocate.h"
#include "compress/compress.h"
#include "compress/picture_set.h"
#include "network/model.h"

namespace deixis {

struct SensitivityOptions {
  std::vector<int> centroids = {2, 4, 8, 16, 32, 64, 128, 256};  // ascending
  int64_t max_pictures = 128;                                    // that outputs are compared on
};

// For every layer of `plan` (whose K is not read) one option per entry of options.centroids, in
// that order: its bytes, and the damage in nats of Kullback-Leibler divergence from the original's
// class probabilities (classify) or in squared output units (locate), mean over the pictures.
// Without pictures: the squared error of the layer's weights relative to their square, as if all
// layers mattered alike. kUsage for a K outside 2..256 or an order that does not ascend.
Result<std::vector<LayerOptions>> MeasureLayerOptions(const Model& model,
                                                      const std::vector<LayerPlan>& plan,
                                                      PictureSet* pictures,
                                                      const CompressOptions& compress,
                                                      const SensitivityOptions& options);

}  // namespace deixis
