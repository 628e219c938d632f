// What compression with and without pictures have in common: masks, packing, putting a layer into
// the model, and its report.
#pragma once

#include <span>
#include <vector>

#include "base/result.h"
#include "compress/compress.h"
#include "compress/palettize.h"
#include "network/fold.h"

namespace deixis {

// Weights with the batch norm folded in: what is palettized.
struct FoldedWeights {
  Shape shape;
  std::vector<float> weights;  // [C_out, I]
  std::vector<float> bias;     // [C_out]
};
Result<FoldedWeights> FoldedWeightsOf(const Model& model, const std::string& name);

// The mask of plan.sparsity, empty when nothing is pruned by magnitude.
Result<std::vector<uint8_t>> PrunedMask(const LayerPlan& plan, const FoldedWeights& folded);

PalettizeOptions PalettizeOptionsOf(const LayerPlan& plan);

// Replaces the layer and drops its batch norm; gives the report but for output_snr_db.
Result<LayerReport> InstallLayer(const LayerPlan& plan, const FoldedWeights& folded,
                                 const Palettization& palettization, std::vector<float> bias,
                                 DType codebook_dtype, Model& model);

}  // namespace deixis
