// 2-D convolution of u8 activations with signed 8-bit weights, or with weights that are 4-bit
// indices into small codebooks, in NHWC:
//
//   acc[n, oy, ox, o] = sum over r, s, c of
//                       w[o, c, r, s] * x[n, oy * stride + r - padding, ox * stride + s - padding,
//                       c]
//   y = clamp(round(acc * scale[o] + bias[o] + residual * residual_scale), 0, 255)
//
// acc is exact in int32; the rest is float32 with every operation rounded by itself and the last
// rounding to nearest, ties to even: every instruction set gives the same bits. ReLU is the clamp
// at 0; a zero point of input, output or residual goes into `bias` by the caller.
//
// The tile is that of conv2d_f32 with quads in the place of floats: four consecutive input bytes of
// a row, or the four weights of one output channel that meet them. Codebook weights are decoded a
// panel at a time into scratch memory, by one byte shuffle per 16 weights, and then serve all
// pixels.
#pragma once

#include <cstdint>
#include <span>

#include "base/thread_pool.h"
#include "base/weight_panels.h"
#include "kernels/aligned.h"
#include "kernels/conv2d_f32/conv2d_f32.h"
#include "kernels/nhwc.h"

namespace deixis {

enum class WeightForm8 { kInt8, kCodebook4 };

// Input bytes that may be read (and do not matter) after the last one of a row: a row is read in
// quads, and so up to 3 bytes after the end of the whole input must be readable.
inline constexpr int64_t kInputSlackBytes = 3;
// Terms of a sum that surely fit int32: 255 * 128 * 65793 < 2^31.
inline constexpr int64_t kMaxTermsU8 = 65793;

// Weights in the order in which the kernel reads them.
//
// Card:
//   panels     base/weight_panels.h; channels beyond C_out are zero, or any centroid
//   kInt8      int8 weights; what pads a row is zero
//   kCodebook4 4-bit indices; what decodes at a row's padding is made zero after decoding
//   tables     kCodebook4: [RoundUp(C_out, 16) / 4][16] int8, one codebook per 4 output channels;
//              one 128-bit lane of a byte shuffle decodes 4 channels x 4 inputs with it
//   alignment  64 bytes, but for panels that lie elsewhere
struct Conv2dU8Weights {
  static constexpr int64_t kPanelChannels = WeightPanels::kChannels;

  Conv2dShape shape;
  WeightForm8 form = WeightForm8::kInt8;
  std::span<const uint8_t> panels;
  const int8_t* tables = nullptr;
  const float* scale = nullptr;  // [RoundUp(C_out, WeightPanels::kGranule)]
  const float* bias = nullptr;   // the same

  WeightPanels layout() const {
    return {.out_channels = shape.out_channels,
            .in_channels = shape.in_channels,
            .filter_height = shape.filter_height,
            .filter_width = shape.filter_width};
  }
  int64_t num_panels() const { return (shape.out_channels + kPanelChannels - 1) / kPanelChannels; }
  // Of the weights of one output channel, as they are kept.
  int64_t stored_channel_bytes() const {
    return form == WeightForm8::kInt8 ? layout().weight_channel_bytes()
                                      : layout().index_channel_bytes();
  }
};

// The same with the memory that it needs.
struct PackedConv2dU8 {
  Conv2dShape shape;
  WeightForm8 form = WeightForm8::kInt8;
  AlignedVector<uint8_t> own_panels;          // empty when they lie elsewhere
  std::span<const uint8_t> elsewhere_panels;  // kept alive by whoever packed
  AlignedVector<int8_t> tables;
  AlignedVector<float> scale;
  AlignedVector<float> bias;

  operator Conv2dU8Weights() const {  // NOLINT: implicit, as a vector to a span
    return {.shape = shape,
            .form = form,
            .panels = own_panels.empty() ? elsewhere_panels : std::span<const uint8_t>(own_panels),
            .tables = tables.data(),
            .scale = scale.data(),
            .bias = bias.data()};
  }
  WeightPanels layout() const { return Conv2dU8Weights(*this).layout(); }
  int64_t num_bytes() const {
    return static_cast<int64_t>(Conv2dU8Weights(*this).panels.size() + tables.size() +
                                (scale.size() + bias.size()) * sizeof(float));
  }
};

// `weights` is [C_out, C_in, K_h, K_w]; `scale` is [C_out]; `bias` is [C_out], or empty for zeros.
// num_terms() of the shape is at most kMaxTermsU8.
PackedConv2dU8 PackConv2dU8(const Conv2dShape& shape, std::span<const int8_t> weights,
                            std::span<const float> scale, std::span<const float> bias = {});
// `indices` is [C_out, C_in, K_h, K_w], each below 16; `codebooks` is [ceil(C_out / 4)][16].
PackedConv2dU8 PackConv2dU8Codebook(const Conv2dShape& shape, std::span<const uint8_t> indices,
                                    std::span<const int8_t> codebooks, std::span<const float> scale,
                                    std::span<const float> bias = {});

// The same for indices that already lie in panels, layout().index_bytes() of them, which must
// outlive what is returned; what pads them may be anything.
PackedConv2dU8 ViewConv2dU8Codebook(const Conv2dShape& shape, std::span<const uint8_t> panels,
                                    std::span<const int8_t> codebooks, std::span<const float> scale,
                                    std::span<const float> bias = {});

struct EpilogueU8 {
  // [N, H_out, W_out, C_out], or no data for none. Must not overlap the output.
  NhwcView<const uint8_t> residual;
  float residual_scale = 0;
};

// Bytes of scratch memory, 64-byte aligned, that Conv2dU8 wants for decoded panels; 0 for kInt8.
int64_t Conv2dU8ScratchBytes(const Conv2dU8Weights& weights, int num_threads);

// `input` is [N, H, W, C_in] with a border of at least `padding` pixels that hold the input's zero
// point; `output` is [N, H_out, W_out, C_out], whose border is not written. Does not allocate.
void Conv2dU8(const Conv2dU8Weights& weights, const NhwcView<const uint8_t>& input,
              const NhwcView<uint8_t>& output, const EpilogueU8& epilogue, uint8_t* scratch,
              ThreadPool* pool = nullptr);
// The same with y = acc * scale[o] + bias[o] as float: for the head.
void Conv2dU8ToF32(const Conv2dU8Weights& weights, const NhwcView<const uint8_t>& input,
                   const NhwcView<float>& output, uint8_t* scratch, ThreadPool* pool = nullptr);

// Plain loops over the weights as int8, [C_out, C_in, K_h, K_w]: the oracle of the tests. They read
// the border as the kernel does.
void Conv2dU8Reference(const Conv2dShape& shape, std::span<const int8_t> weights,
                       std::span<const float> scale, std::span<const float> bias,
                       const NhwcView<const uint8_t>& input, const NhwcView<uint8_t>& output,
                       const EpilogueU8& epilogue = {});
void Conv2dU8ToF32Reference(const Conv2dShape& shape, std::span<const int8_t> weights,
                            std::span<const float> scale, std::span<const float> bias,
                            const NhwcView<const uint8_t>& input, const NhwcView<float>& output);

}  // namespace deixis
