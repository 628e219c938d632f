// What a plan will take on disk, known before any work is done: sizes depend on shapes, K and
// granularity only.
#pragma once

#include <cstdint>
#include <vector>

#include "base/dtype.h"
#include "base/result.h"
#include "compress/compress.h"
#include "network/model.h"

namespace deixis {

// Bytes of the layer's indices, codebooks, scales and bias.
Result<int64_t> LayerBytes(const Model& model, const LayerPlan& plan, DType codebook_dtype);

// Bytes of the file that SaveModel would write for the model compressed by `plan`, indices packed
// (not the archive form). Provenance that is added later is not counted.
Result<int64_t> FileBytes(const Model& model, const std::vector<LayerPlan>& plan,
                          DType codebook_dtype);

// At most this many bytes more when activations are kept in eight bits: their scales, in the
// metadata.
int64_t ActivationBytes(const Graph& graph);

}  // namespace deixis
