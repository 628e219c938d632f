// The part of a convolution that one thread takes at a time.
#pragma once

#include <cstdint>

namespace deixis {

struct ConvChunk {
  int64_t panel = 0;        // of output channels
  int64_t pixel_begin = 0;  // output pixels, counted through rows and images
  int64_t pixel_end = 0;
  int64_t rows_per_pass = 1;  // filter rows summed before the next tile's turn
};

}  // namespace deixis
