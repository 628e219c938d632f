#include "kernels/pool_f32/pool_f32.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/pool_f32/pool_f32.cc"
#include <hwy/foreach_target.h>  // IWYU pragma: keep
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace deixis {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The larger one; NaN when either is NaN.
template <class V>
HWY_INLINE V MaxOrNan(V a, V b) {
  // Not Ne(a, a): on AVX it is an ordered comparison, false for a NaN.
  return hn::IfThenElse(hn::Or(hn::Gt(a, b), hn::IsNaN(a)), a, b);
}

HWY_INLINE float MaxOrNan1(float a, float b) { return a > b || a != a ? a : b; }

// The part of a window that lies inside the image.
struct Window {
  const float* first;  // its first pixel
  int64_t rows;
  int64_t columns;
};

// to[c] = the largest of the window's channel c.
HWY_INLINE void WindowMax(const Window& window, int64_t row_stride, int64_t channels, float* to) {
  const HWY_CAPPED(float, 16) d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t c = 0;
  for (; c + lanes <= channels; c += lanes) {
    auto largest = hn::LoadU(d, window.first + c);
    for (int64_t y = 0; y < window.rows; ++y) {
      const float* pixel = window.first + y * row_stride + c;
      for (int64_t x = 0; x < window.columns; ++x, pixel += channels) {
        largest = MaxOrNan(hn::LoadU(d, pixel), largest);
      }
    }
    hn::StoreU(largest, d, to + c);
  }
  for (; c < channels; ++c) {
    float largest = window.first[c];
    for (int64_t y = 0; y < window.rows; ++y) {
      const float* pixel = window.first + y * row_stride + c;
      for (int64_t x = 0; x < window.columns; ++x, pixel += channels) {
        largest = MaxOrNan1(*pixel, largest);
      }
    }
    to[c] = largest;
  }
}

// One row of the output.
void MaxPoolRow(const MaxPoolShape& shape, const NhwcView<const float>& input,
                const NhwcView<float>& output, int64_t n, int64_t oy) {
  const int64_t top = oy * shape.stride - shape.padding;
  const int64_t y_begin = std::max<int64_t>(top, 0);
  const int64_t y_end = std::min(top + shape.filter_size, input.height);
  for (int64_t ox = 0; ox < output.width; ++ox) {
    const int64_t left = ox * shape.stride - shape.padding;
    const int64_t x_begin = std::max<int64_t>(left, 0);
    const int64_t x_end = std::min(left + shape.filter_size, input.width);
    WindowMax({.first = input.Pixel(n, y_begin, x_begin),
               .rows = y_end - y_begin,
               .columns = x_end - x_begin},
              input.row_stride, input.channels, output.Pixel(n, oy, ox));
  }
}

void AverageImage(const NhwcView<const float>& input, int64_t n, float* HWY_RESTRICT output) {
  const HWY_CAPPED(float, 16) d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const float factor = 1.0f / static_cast<float>(input.height * input.width);
  int64_t c = 0;
  for (; c + lanes <= input.channels; c += lanes) {
    auto sum = hn::Zero(d);
    for (int64_t y = 0; y < input.height; ++y) {
      // Rows are summed by themselves: the error grows with H + W instead of H * W.
      auto row = hn::Zero(d);
      for (int64_t x = 0; x < input.width; ++x) {
        row = hn::Add(row, hn::LoadU(d, input.Pixel(n, y, x) + c));
      }
      sum = hn::Add(sum, row);
    }
    hn::StoreU(hn::Mul(sum, hn::Set(d, factor)), d, output + c);
  }
  for (; c < input.channels; ++c) {
    float sum = 0;
    for (int64_t y = 0; y < input.height; ++y) {
      float row = 0;
      for (int64_t x = 0; x < input.width; ++x) row += input.Pixel(n, y, x)[c];
      sum += row;
    }
    output[c] = sum * factor;
  }
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace deixis
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace deixis {
namespace {
HWY_EXPORT(MaxPoolRow);
HWY_EXPORT(AverageImage);
}  // namespace

void MaxPoolF32(const MaxPoolShape& shape, const NhwcView<const float>& input,
                const NhwcView<float>& output, ThreadPool* pool) {
  if (output.width == 0 || output.channels == 0) return;
  const auto max_pool_row = HWY_DYNAMIC_DISPATCH(MaxPoolRow);
  const auto body = [&](int64_t row, int /*thread*/) {
    max_pool_row(shape, input, output, row / output.height, row % output.height);
  };
  const int64_t num_rows = output.batch * output.height;
  if (pool != nullptr) return pool->ParallelFor(num_rows, body);
  for (int64_t row = 0; row < num_rows; ++row) body(row, 0);
}

void GlobalAveragePoolF32(const NhwcView<const float>& input, float* output) {
  for (int64_t n = 0; n < input.batch; ++n) {
    HWY_DYNAMIC_DISPATCH(AverageImage)(input, n, output + n * input.channels);
  }
}

}  // namespace deixis
#endif  // HWY_ONCE
