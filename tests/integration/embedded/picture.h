// The picture that the program on the chip and the one that knows the answer both make.
#pragma once

#include <stdint.h>

inline void MakePicture(uint8_t* pixels, int64_t num_bytes) {
  uint32_t state = 20261122;
  for (int64_t i = 0; i < num_bytes; ++i) {
    state = state * 1664525u + 1013904223u;  // Numerical Recipes' generator
    pixels[i] = static_cast<uint8_t>(state >> 24);
  }
}
