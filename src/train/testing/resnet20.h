// The smallest network there is a graph for, as most tests here train it.
#pragma once

#include <cstdint>

#include "network/architecture.h"

namespace deixis::testing {

inline Architecture Resnet20(int64_t num_outputs = 2) {
  Architecture architecture = *FindArchitecture("resnet20-cifar");
  architecture.num_outputs = num_outputs;
  return architecture;
}

}  // namespace deixis::testing
