#include "kernels/elementwise_f32/elementwise_f32.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/elementwise_f32/elementwise_f32.cc"
#include <hwy/foreach_target.h>  // IWYU pragma: keep
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace deixis {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Negative becomes zero; NaN stays. Not Max, which on x86 would make a NaN zero.
template <class V>
HWY_INLINE V KeepPositive(V value) {
  const hn::DFromV<V> d;
  return hn::IfThenZeroElse(hn::Lt(value, hn::Zero(d)), value);
}

void ReluRow(const float* input, float* output, int64_t count) {
  const HWY_CAPPED(float, 16) d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    hn::StoreU(KeepPositive(hn::LoadU(d, input + i)), d, output + i);
  }
  for (; i < count; ++i) output[i] = input[i] < 0 ? 0 : input[i];
}

void AddRow(const float* a, const float* b, bool relu, float* output, int64_t count) {
  const HWY_CAPPED(float, 16) d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto sum = hn::Add(hn::LoadU(d, a + i), hn::LoadU(d, b + i));
    hn::StoreU(relu ? KeepPositive(sum) : sum, d, output + i);
  }
  for (; i < count; ++i) {
    const float sum = a[i] + b[i];
    output[i] = relu && sum < 0 ? 0 : sum;
  }
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace deixis
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace deixis {
namespace {
HWY_EXPORT(ReluRow);
HWY_EXPORT(AddRow);
}  // namespace

void ReluF32(const NhwcView<const float>& input, const NhwcView<float>& output) {
  const auto relu_row = HWY_DYNAMIC_DISPATCH(ReluRow);
  for (int64_t n = 0; n < output.batch; ++n) {
    for (int64_t y = 0; y < output.height; ++y) {
      relu_row(input.Pixel(n, y, 0), output.Pixel(n, y, 0), output.width * output.channels);
    }
  }
}

void AddF32(const NhwcView<const float>& a, const NhwcView<const float>& b, bool relu,
            const NhwcView<float>& output) {
  const auto add_row = HWY_DYNAMIC_DISPATCH(AddRow);
  for (int64_t n = 0; n < output.batch; ++n) {
    for (int64_t y = 0; y < output.height; ++y) {
      add_row(a.Pixel(n, y, 0), b.Pixel(n, y, 0), relu, output.Pixel(n, y, 0),
              output.width * output.channels);
    }
  }
}

NormalizeParams NormalizeParams::From(const Preprocessing& preprocessing) {
  NormalizeParams params;
  for (size_t c = 0; c < 3; ++c) {
    const double stddev = preprocessing.stddev[c];
    params.factor[c] = static_cast<float>(1.0 / (255.0 * stddev));
    params.offset[c] = static_cast<float>(-preprocessing.mean[c] / stddev);
    if (preprocessing.channel_order == ChannelOrder::kBgr)
      params.source[c] = 2 - static_cast<int>(c);
  }
  return params;
}

void NormalizeU8ToF32(const NormalizeParams& params, const uint8_t* pixels,
                      const NhwcView<float>& output) {
  for (int64_t y = 0; y < output.height; ++y) {
    float* to = output.Pixel(0, y, 0);
    for (int64_t x = 0; x < output.width; ++x, pixels += 3, to += 3) {
      for (int c = 0; c < 3; ++c) {
        to[c] = static_cast<float>(pixels[params.source[c]]) * params.factor[c] + params.offset[c];
      }
    }
  }
}

}  // namespace deixis
#endif  // HWY_ONCE
