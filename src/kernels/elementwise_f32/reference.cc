// Elementwise operations as plain loops: the oracle of the fast paths.
#include "kernels/elementwise_f32/elementwise_f32.h"

namespace deixis {
namespace {

template <typename Body>
void ForEachElement(const NhwcView<float>& view, const Body& body) {
  for (int64_t n = 0; n < view.batch; ++n) {
    for (int64_t y = 0; y < view.height; ++y) {
      for (int64_t x = 0; x < view.width; ++x) {
        for (int64_t c = 0; c < view.channels; ++c) body(n, y, x, c);
      }
    }
  }
}

}  // namespace

void ReluF32Reference(const NhwcView<const float>& input, const NhwcView<float>& output) {
  ForEachElement(output, [&](int64_t n, int64_t y, int64_t x, int64_t c) {
    const float value = input.Pixel(n, y, x)[c];
    output.Pixel(n, y, x)[c] = value < 0 ? 0 : value;
  });
}

void AddF32Reference(const NhwcView<const float>& a, const NhwcView<const float>& b, bool relu,
                     const NhwcView<float>& output) {
  ForEachElement(output, [&](int64_t n, int64_t y, int64_t x, int64_t c) {
    const float value = a.Pixel(n, y, x)[c] + b.Pixel(n, y, x)[c];
    output.Pixel(n, y, x)[c] = relu && value < 0 ? 0 : value;
  });
}

void NormalizeU8ToF32Reference(const NormalizeParams& params, const uint8_t* pixels,
                               const NhwcView<float>& output) {
  ForEachElement(output, [&](int64_t, int64_t y, int64_t x, int64_t c) {
    const double pixel = pixels[(y * output.width + x) * 3 + params.source[c]];
    output.Pixel(0, y, x)[c] = static_cast<float>(pixel * params.factor[c] + params.offset[c]);
  });
}

}  // namespace deixis
