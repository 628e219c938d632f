#include "runtime/quantized_layer.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "kernels/elementwise_f32/elementwise_f32.h"
#include "runtime/error_diffusion.h"

namespace deixis {
namespace {

// real weight = scale[o] * weights[o][i].
struct Int8Weights {
  std::vector<int8_t> weights;
  std::vector<double> scale;
};

// What an epilogue needs beside the weights, before it is rounded to float.
struct Epilogue {
  std::vector<double> scale;
  std::vector<double> bias;
};

Int8Weights RoundToInt8(const std::vector<float>& weights, size_t num_channels) {
  Int8Weights rounded;
  const size_t row_length = weights.size() / num_channels;
  for (size_t o = 0; o < num_channels; ++o) {
    const auto row = std::span(weights).subspan(o * row_length, row_length);
    float largest = 0;
    for (const float weight : row) largest = std::max(largest, std::fabs(weight));
    const double scale = largest > 0 ? largest / 127.0 : 1.0;
    rounded.scale.push_back(scale);
    for (const float weight : row) {
      rounded.weights.push_back(static_cast<int8_t>(std::lrint(weight / scale)));
    }
  }
  return rounded;
}

const PalettizedTensor* WithInt8Codebook(const FoldedLayer& layer) {
  const auto* palettized = std::get_if<PalettizedTensor>(&layer.weight);
  return palettized != nullptr && palettized->codebook.dtype() == DType::kI8 ? palettized : nullptr;
}

Int8Weights ToInt8(const FoldedLayer& layer) {
  if (WithInt8Codebook(layer) == nullptr) {
    return RoundToInt8(layer.ScaledWeights(), layer.scale.size());
  }
  Int8Weights exact;
  for (const float weight : layer.RawWeights()) {
    exact.weights.push_back(static_cast<int8_t>(weight));
  }
  exact.scale.assign(layer.scale.begin(), layer.scale.end());
  return exact;
}

// [ceil(C_out / 4)][16], whatever K and granularity are.
std::vector<int8_t> KernelCodebooks(const PalettizedTensor& tensor) {
  const auto entries = tensor.codebook.As<int8_t>();
  const int64_t num_codebooks = (tensor.num_rows() + kCodebookChannels - 1) / kCodebookChannels;
  std::vector<int8_t> codebooks(static_cast<size_t>(num_codebooks * kCodebookSize));
  for (int64_t g = 0; g < num_codebooks; ++g) {
    const int64_t group = g * kCodebookChannels / tensor.group_rows;
    std::copy_n(entries.begin() + group * tensor.num_centroids, tensor.num_centroids,
                codebooks.begin() + g * kCodebookSize);
  }
  return codebooks;
}

// The sum of each output channel's integer weights.
std::vector<double> RowSums(std::span<const int8_t> weights, size_t num_channels) {
  std::vector<double> sums(num_channels);
  const size_t row_length = weights.size() / num_channels;
  for (size_t i = 0; i < weights.size(); ++i) sums[i / row_length] += weights[i];
  return sums;
}

// real -> kept: y / scale + zero point, or as it is.
void ToOutputUnits(const LayerQuantization& quantization, Epilogue& epilogue) {
  if (!quantization.output) return;
  const double output_scale = quantization.output->scale;
  for (double& scale : epilogue.scale) scale /= output_scale;
  for (double& bias : epilogue.bias) {
    bias = bias / output_scale + quantization.output->zero_point;
    if (quantization.residual) {
      bias -= quantization.residual->scale / output_scale * quantization.residual->zero_point;
    }
  }
}

Result<std::pair<std::vector<float>, std::vector<float>>> Round(const std::string& layer_name,
                                                                const Epilogue& epilogue) {
  std::pair<std::vector<float>, std::vector<float>> rounded;
  for (size_t o = 0; o < epilogue.scale.size(); ++o) {
    rounded.first.push_back(static_cast<float>(epilogue.scale[o]));
    rounded.second.push_back(static_cast<float>(epilogue.bias[o]));
    if (std::isfinite(rounded.first.back()) && std::isfinite(rounded.second.back())) continue;
    return InvalidData("layer \"" + layer_name +
                           "\": the scales of its input, weights and output take channel " +
                           std::to_string(o) + " out of the range of float32",
                       "calibrate the activations again");
  }
  return rounded;
}

// Whether the file's panels are those of this very filter. Those of a linear layer are made for one
// pixel, whatever it reads.
bool LiesAsRead(const PalettizedTensor& tensor, const Conv2dShape& shape) {
  if (tensor.layout != IndexLayout::kPanels) return false;
  const WeightPanels panels = tensor.panels();
  return panels.filter_height == shape.filter_height && panels.filter_width == shape.filter_width;
}

Status CheckTerms(const std::string& layer_name, const Conv2dShape& shape) {
  if (shape.num_terms() <= kMaxTermsU8) return Ok();
  return InvalidData("layer \"" + layer_name + "\": " + std::to_string(shape.num_terms()) +
                     " terms in a sum; 8-bit sums hold at most " + std::to_string(kMaxTermsU8));
}

}  // namespace

Result<PackedConv2dU8> PackQuantizedLayer(const FoldedLayer& layer, const Conv2dShape& shape,
                                          const LayerQuantization& quantization) {
  DEIXIS_RETURN_IF_ERROR(CheckTerms(layer.name, shape));
  const PalettizedTensor* palettized = WithInt8Codebook(layer);
  const bool on_indices = palettized != nullptr && RunsOnIndices(*palettized);
  const bool shifted_input = quantization.input.zero_point != 0;
  const auto num_channels = static_cast<size_t>(shape.out_channels);

  Int8Weights int8;
  if (!on_indices || shifted_input) int8 = ToInt8(layer);
  Epilogue epilogue;
  for (size_t o = 0; o < num_channels; ++o) {
    const double scale = on_indices ? double{layer.scale[o]} : int8.scale[o];
    epilogue.scale.push_back(scale * quantization.input.scale);
    epilogue.bias.push_back(layer.bias[o]);
  }
  if (shifted_input) {
    const std::vector<double> sums = RowSums(int8.weights, num_channels);
    for (size_t o = 0; o < num_channels; ++o) {
      epilogue.bias[o] -= epilogue.scale[o] * quantization.input.zero_point * sums[o];
    }
  }
  ToOutputUnits(quantization, epilogue);
  DEIXIS_ASSIGN(const auto rounded, Round(layer.name, epilogue));
  const auto& [scale, bias] = rounded;
  if (!on_indices) return PackConv2dU8(shape, int8.weights, scale, bias);
  const std::vector<int8_t> codebooks = KernelCodebooks(*palettized);
  if (LiesAsRead(*palettized, shape)) {
    return ViewConv2dU8Codebook(shape, palettized->indices.As<uint8_t>(), codebooks, scale, bias);
  }
  return PackConv2dU8Codebook(shape, UnpackIndices(*palettized), codebooks, scale, bias);
}

Result<PackedConv2dU8> PackPictureLayer(const FoldedLayer& layer, const Conv2dShape& shape,
                                        const Preprocessing& preprocessing,
                                        const std::optional<ActivationQuantization>& output) {
  DEIXIS_RETURN_IF_ERROR(CheckTerms(layer.name, shape));
  const NormalizeParams normalize = NormalizeParams::From(preprocessing);
  const std::vector<float> normalized_weights = layer.ScaledWeights();
  const auto num_channels = static_cast<size_t>(shape.out_channels);
  const int64_t filter_elements = shape.filter_height * shape.filter_width;
  // The weights that meet channel c of the network meet byte source[c] of the picture.
  std::vector<float> weights(normalized_weights.size());
  std::array<double, 3> mean_byte{};
  for (int64_t c = 0; c < 3; ++c) {
    const int source = normalize.source[c];
    mean_byte[source] = 255.0 * preprocessing.mean[c];
    for (size_t o = 0; o < num_channels; ++o) {
      const float* from = normalized_weights.data() + (o * 3 + c) * filter_elements;
      float* to = weights.data() + (o * 3 + source) * filter_elements;
      for (int64_t i = 0; i < filter_elements; ++i) to[i] = from[i] * normalize.factor[c];
    }
  }
  Int8Weights int8 = RoundToInt8(weights, num_channels);
  for (size_t plane = 0; plane < 3 * num_channels; ++plane) {
    const size_t first = plane * static_cast<size_t>(filter_elements);
    const auto size = static_cast<size_t>(filter_elements);
    DiffuseToInt8(std::span(weights).subspan(first, size), shape.filter_width,
                  int8.scale[plane / 3], std::span(int8.weights).subspan(first, size));
  }
  Epilogue epilogue{.scale = int8.scale, .bias = {layer.bias.begin(), layer.bias.end()}};
  // The mean is taken from the rounded weights: then rounding errors meet what a picture differs
  // from its mean by, which is less than the picture itself.
  for (size_t o = 0; o < num_channels; ++o) {
    for (int64_t i = 0; i < 3 * filter_elements; ++i) {
      epilogue.bias[o] -= int8.scale[o] * int8.weights[o * 3 * filter_elements + i] *
                          mean_byte[i / filter_elements];
    }
  }
  ToOutputUnits({.input = {}, .residual = {}, .output = output}, epilogue);
  DEIXIS_ASSIGN(const auto rounded, Round(layer.name, epilogue));
  return PackConv2dU8(shape, int8.weights, rounded.first, rounded.second);
}

std::array<uint8_t, 3> PictureBorder(const Preprocessing& preprocessing) {
  const NormalizeParams normalize = NormalizeParams::From(preprocessing);
  std::array<uint8_t, 3> border{};
  for (size_t c = 0; c < 3; ++c) {
    const double byte = std::clamp(255.0 * preprocessing.mean[c], 0.0, 255.0);
    border[normalize.source[c]] = static_cast<uint8_t>(std::lrint(byte));
  }
  return border;
}

}  // namespace deixis
