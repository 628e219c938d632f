#include "kernels/pool_u8/pool_u8.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/pool_u8/pool_u8.cc"
#include <hwy/foreach_target.h>  // IWYU pragma: keep
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace deixis {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The part of a window that lies inside the image.
struct WindowU8 {
  const uint8_t* first;  // its first pixel
  int64_t rows;
  int64_t columns;
};

// to[c] = the largest of the window's channel c.
HWY_INLINE void WindowMaxU8(const WindowU8& window, int64_t row_stride, int64_t channels,
                            uint8_t* to) {
  const HWY_CAPPED(uint8_t, 64) d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t c = 0;
  for (; c + lanes <= channels; c += lanes) {
    auto largest = hn::Zero(d);
    for (int64_t y = 0; y < window.rows; ++y) {
      const uint8_t* pixel = window.first + y * row_stride + c;
      for (int64_t x = 0; x < window.columns; ++x, pixel += channels) {
        largest = hn::Max(hn::LoadU(d, pixel), largest);
      }
    }
    hn::StoreU(largest, d, to + c);
  }
  for (; c < channels; ++c) {
    uint8_t largest = 0;
    for (int64_t y = 0; y < window.rows; ++y) {
      const uint8_t* pixel = window.first + y * row_stride + c;
      for (int64_t x = 0; x < window.columns; ++x, pixel += channels) {
        largest = std::max(*pixel, largest);
      }
    }
    to[c] = largest;
  }
}

// One row of the output.
void MaxPoolRowU8(const MaxPoolShape& shape, const NhwcView<const uint8_t>& input,
                  const NhwcView<uint8_t>& output, int64_t n, int64_t oy) {
  const int64_t top = oy * shape.stride - shape.padding;
  const int64_t y_begin = std::max<int64_t>(top, 0);
  const int64_t y_end = std::min(top + shape.filter_size, input.height);
  for (int64_t ox = 0; ox < output.width; ++ox) {
    const int64_t left = ox * shape.stride - shape.padding;
    const int64_t x_begin = std::max<int64_t>(left, 0);
    const int64_t x_end = std::min(left + shape.filter_size, input.width);
    WindowMaxU8({.first = input.Pixel(n, y_begin, x_begin),
                 .rows = y_end - y_begin,
                 .columns = x_end - x_begin},
                input.row_stride, input.channels, output.Pixel(n, oy, ox));
  }
}

// One vector of channels of an image: the mean of `count` of them.
template <class D>
HWY_INLINE void AverageChannelsU8(D d, const AverageU8& average,
                                  const NhwcView<const uint8_t>& input, int64_t n, int64_t c,
                                  uint8_t* output) {
  const hn::Rebind<uint8_t, D> d8;
  const hn::Rebind<float, D> df;
  auto sum = hn::Zero(d);
  for (int64_t y = 0; y < input.height; ++y) {
    const uint8_t* pixel = input.Pixel(n, y, 0) + c;
    for (int64_t x = 0; x < input.width; ++x, pixel += input.channels) {
      sum = hn::Add(sum, hn::PromoteTo(d, hn::LoadU(d8, pixel)));
    }
  }
  // Not MulAdd: targets without it would round differently. The clamp before the conversion.
  const auto scaled = hn::Mul(hn::ConvertTo(df, sum), hn::Set(df, average.factor));
  const auto value = hn::Add(scaled, hn::Set(df, average.offset));
  const auto clamped = hn::Min(hn::Max(value, hn::Zero(df)), hn::Set(df, 255.0f));
  hn::StoreU(hn::DemoteTo(d8, hn::NearestInt(clamped)), d8, output + c);
}

void AverageImageU8(const AverageU8& average, const NhwcView<const uint8_t>& input, int64_t n,
                    uint8_t* output) {
  const HWY_CAPPED(int32_t, 16) d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t c = 0;
  for (; c + lanes <= input.channels; c += lanes) {
    AverageChannelsU8(d, average, input, n, c, output);
  }
  for (; c < input.channels; ++c) {
    AverageChannelsU8(HWY_CAPPED(int32_t, 1)(), average, input, n, c, output);
  }
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace deixis
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace deixis {
namespace {
HWY_EXPORT(MaxPoolRowU8);
HWY_EXPORT(AverageImageU8);
}  // namespace

void MaxPoolU8(const MaxPoolShape& shape, const NhwcView<const uint8_t>& input,
               const NhwcView<uint8_t>& output, ThreadPool* pool) {
  if (output.width == 0 || output.channels == 0) return;
  const auto max_pool_row = HWY_DYNAMIC_DISPATCH(MaxPoolRowU8);
  const auto body = [&](int64_t row, int /*thread*/) {
    max_pool_row(shape, input, output, row / output.height, row % output.height);
  };
  const int64_t num_rows = output.batch * output.height;
  if (pool != nullptr) return pool->ParallelFor(num_rows, body);
  for (int64_t row = 0; row < num_rows; ++row) body(row, 0);
}

void GlobalAveragePoolU8(const AverageU8& average, const NhwcView<const uint8_t>& input,
                         uint8_t* output) {
  for (int64_t n = 0; n < input.batch; ++n) {
    HWY_DYNAMIC_DISPATCH(AverageImageU8)(average, input, n, output + n * input.channels);
  }
}

}  // namespace deixis
#endif  // HWY_ONCE
