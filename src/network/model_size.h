// How large a network is before anything is done to it: the measure that compression is held
// against.
#pragma once

#include <cstdint>

#include "network/graph.h"

namespace deixis {

// Bytes of a plain fp32 state dict: weights and biases, and four numbers per channel of each batch
// norm (every convolution has one).
int64_t Fp32Bytes(const Graph& graph);

}  // namespace deixis
