// Kernels that treat each element or pixel by itself: what is left of a network once convolutions
// have taken bias, residual and ReLU into their epilogues, and the way from a picture to floats.
#pragma once

#include <array>
#include <cstdint>

#include "base/preprocessing.h"
#include "base/thread_pool.h"
#include "kernels/nhwc.h"

namespace deixis {

// Views of equal extents; borders may differ. NaN stays NaN. An input may be the output.
void ReluF32(const NhwcView<const float>& input, const NhwcView<float>& output);
void ReluF32Reference(const NhwcView<const float>& input, const NhwcView<float>& output);

// a + b, then ReLU if asked for.
void AddF32(const NhwcView<const float>& a, const NhwcView<const float>& b, bool relu,
            const NhwcView<float>& output);
void AddF32Reference(const NhwcView<const float>& a, const NhwcView<const float>& b, bool relu,
                     const NhwcView<float>& output);

// What a picture becomes: value = pixel * factor[c] + offset[c], channel c of the output read from
// channel source[c] of the picture.
struct NormalizeParams {
  std::array<float, 3> factor = {};
  std::array<float, 3> offset = {};
  std::array<int, 3> source = {0, 1, 2};

  // (pixel / 255 - mean) / stddev, reordered from RGB to what the model wants.
  static NormalizeParams From(const Preprocessing& preprocessing);
};

// `pixels` is u8 [H, W, 3], dense; `output` is [1, H, W, 3]; its border is not written.
void NormalizeU8ToF32(const NormalizeParams& params, const uint8_t* pixels,
                      const NhwcView<float>& output);
void NormalizeU8ToF32Reference(const NormalizeParams& params, const uint8_t* pixels,
                               const NhwcView<float>& output);

}  // namespace deixis
