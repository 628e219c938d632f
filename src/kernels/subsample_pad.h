// The shortcut without parameters (He et al. 2015, option A): every `stride`-th pixel of every
// `stride`-th row, between channels of padding. A copy, and so the same for every element type.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/nhwc.h"

namespace deixis {

// (C_out - C_in) / 2 channels of `padding` go before the input's channels and the rest after. C_out
// >= C_in; the output has ceil(H / stride) x ceil(W / stride) pixels; its border is not written.
template <typename T>
void SubsamplePad(int64_t stride, T padding, const NhwcView<const T>& input,
                  const NhwcView<T>& output) {
  const int64_t before = (output.channels - input.channels) / 2;
  const int64_t after = output.channels - input.channels - before;
  for (int64_t n = 0; n < output.batch; ++n) {
    for (int64_t y = 0; y < output.height; ++y) {
      for (int64_t x = 0; x < output.width; ++x) {
        T* to = std::fill_n(output.Pixel(n, y, x), before, padding);
        to = std::copy_n(input.Pixel(n, y * stride, x * stride), input.channels, to);
        std::fill_n(to, after, padding);
      }
    }
  }
}

}  // namespace deixis
