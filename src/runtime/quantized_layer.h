// A layer's weights, batch norm folded, in the integers of the u8 runtime.
#pragma once

#include <optional>

#include "base/preprocessing.h"
#include "base/quantization.h"
#include "base/result.h"
#include "kernels/conv2d_u8/conv2d_u8.h"
#include "network/fold.h"

namespace deixis {

// How what a layer reads and makes is kept.
struct LayerQuantization {
  ActivationQuantization input;
  std::optional<ActivationQuantization> residual;
  std::optional<ActivationQuantization> output;  // none: the layer's sums leave as float
};

// Palettized weights that RunOnIndices() are used as their 4-bit indices, others with int8
// codebooks as the int8 numbers they stand for. Everything else is rounded to int8 with one scale
// per output channel, symmetric. Zero points and the residual's offset go into the bias, all in
// float64, rounded once. Indices that lie in panels are used in place: what is returned then views
// layer.weight's bytes, which must outlive it. The sizes of `layer` are those of `shape`.
// kInvalidData when a scale or bias leaves float's range, or the sums could leave int32.
Result<PackedConv2dU8> PackQuantizedLayer(const FoldedLayer& layer, const Conv2dShape& shape,
                                          const LayerQuantization& quantization);

// The layer that reads the picture's bytes, [H, W, 3] in RGB: mean and deviation go into weights
// and bias, so the picture needs no preparation; its border must hold PictureBorder().
Result<PackedConv2dU8> PackPictureLayer(const FoldedLayer& layer, const Conv2dShape& shape,
                                        const Preprocessing& preprocessing,
                                        const std::optional<ActivationQuantization>& output);

// The bytes, R, G and B, that come nearest to the mean picture, and so to 0 after normalisation.
std::array<uint8_t, 3> PictureBorder(const Preprocessing& preprocessing);

}  // namespace deixis
