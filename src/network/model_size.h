// Extents of weights however they are stored, and how large a network is before anything is done to
// it: the measure that compression is held against.
#pragma once

#include <cstdint>

#include "base/tensor.h"
#include "network/graph.h"
#include "network/model.h"

namespace deixis {

// Bytes of a plain fp32 state dict: weights and biases, and four numbers per channel of each batch
// norm (every convolution has one).
int64_t Fp32Bytes(const Graph& graph);

// [C_out, C_in, K_h, K_w], or the head's [C_out, C_in].
const Shape& WeightShape(const WeightStorage& weight);

}  // namespace deixis
