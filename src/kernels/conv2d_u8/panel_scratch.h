// A thread's memory for the decoded weights of one panel, and which one is there.
#pragma once

#include <cstdint>

namespace deixis {

struct PanelScratchU8 {
  int64_t* panel = nullptr;  // -1 for none
  uint8_t* decoded = nullptr;
};

}  // namespace deixis
