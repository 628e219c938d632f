// A network as compression leaves it, for tests of what trains it on.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <variant>
#include <vector>

#include "network/graph.h"
#include "network/model.h"

namespace deixis::testing {

inline constexpr int kCentroids = 8;

// The 3x3 convolutions of layer2 in evenly spaced centroids, their batch norms folded (they are the
// identity in a fresh network).
inline Model CompressedNetwork(const Model& dense) {
  Model model = dense;
  for (auto& [name, layer] : model.layers) {
    if (!name.starts_with("layer2")) continue;
    const std::vector<float> weights = DenseWeights(layer);
    const Shape shape = std::get<Tensor>(layer.weight).shape();
    float largest = 0;
    for (const float weight : weights) largest = std::max(largest, std::abs(weight));
    PalettizedTensor tensor;
    tensor.shape = shape;
    tensor.num_centroids = kCentroids;
    tensor.group_rows = 4;
    std::vector<uint8_t> indices;
    for (const float weight : weights) {
      const float place = (weight / largest + 1) / 2 * (kCentroids - 1);
      indices.push_back(static_cast<uint8_t>(std::lround(place)));
    }
    const int64_t row_length = static_cast<int64_t>(weights.size()) / shape[0];
    std::vector<uint8_t> packed = PackIndices(indices, row_length, BitsPerIndex(kCentroids));
    const auto num_packed = static_cast<int64_t>(packed.size());
    tensor.indices = Tensor::FromVector<uint8_t>({num_packed}, std::move(packed));
    std::vector<int8_t> codebook;
    for (int64_t group = 0; group < shape[0] / 4; ++group) {
      for (int k = 0; k < kCentroids; ++k) {
        codebook.push_back(static_cast<int8_t>(std::lround(-127 + 254.0 * k / (kCentroids - 1))));
      }
    }
    codebook[3] = 0;  // of the first group
    tensor.codebook = Tensor::FromVector<int8_t>({shape[0] / 4, kCentroids}, std::move(codebook));
    tensor.scale = Tensor::FromVector<float>(
        {shape[0]}, std::vector<float>(static_cast<size_t>(shape[0]), largest / 127));
    layer.weight = tensor;
    layer.bias = Tensor::FromVector<float>(
        {shape[0]}, std::vector<float>(static_cast<size_t>(shape[0]), 0.01f));
    model.batch_norms.erase(BatchNormAfter(model.graph, *FindNode(model.graph, name))->name);
  }
  return model;
}

}  // namespace deixis::testing
