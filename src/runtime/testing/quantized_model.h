// Models for tests as compression leaves them: activations with scales, layers with codebooks.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "network/fold.h"
#include "network/model.h"
#include "runtime/executor.h"

namespace deixis::testing {

// Scales from the range that each value has for one picture.
inline void QuantizeActivations(Model& model, std::span<const uint8_t> pixels) {
  model.activations.clear();
  auto executor = Executor::Create(model);
  ASSERT_TRUE(executor.ok()) << executor.error().message;
  std::map<std::string, ActivationQuantization> activations;
  executor->Observe(pixels, [&](const ObservedValue& value) {
    if (value.is_answer) return;
    const auto [low, high] = std::minmax_element(value.elements.begin(), value.elements.end());
    const float smallest = std::min(*low, 0.0f);
    const float scale = std::max((std::max(*high, 0.0f) - smallest) / 255, 1e-6f);
    activations[std::string(value.name)] = {
        .scale = scale, .zero_point = static_cast<int>(std::lrint(-smallest / scale))};
  });
  model.activations = std::move(activations);
}

// Every layer but the first with `group_rows` rows per codebook (all of them when there are fewer),
// random indices below `num_indices` and random int8 centroids, kept as K = `num_centroids` >=
// `num_indices`: the weights are the same for any K. The batch norm is folded away.
inline void PalettizeLayers(Model& model, int num_indices, int64_t group_rows, int num_centroids) {
  for (auto& [name, layer] : model.layers) {
    if (name == "conv1") continue;
    const Shape shape = std::get<Tensor>(layer.weight).shape();
    Rng rng(shape[0] + num_indices);
    const int64_t rows = shape[0];
    const int64_t row_length = *NumElements(shape) / rows;
    std::vector<uint8_t> indices(static_cast<size_t>(rows * row_length));
    for (uint8_t& index : indices) index = static_cast<uint8_t>(rng.Below(num_indices));
    const int64_t rows_of_group = std::min(group_rows, rows);
    const int64_t num_groups = (rows + rows_of_group - 1) / rows_of_group;
    std::vector<int8_t> codebook(static_cast<size_t>(num_groups * num_centroids));
    for (int64_t g = 0; g < num_groups; ++g) {
      for (int c = 0; c < num_indices; ++c) {
        codebook[g * num_centroids + c] =
            static_cast<int8_t>(static_cast<int>(rng.Below(255)) - 127);
      }
    }
    std::vector<float> scale(static_cast<size_t>(rows));
    for (float& value : scale) value = static_cast<float>(rng.Uniform(0.0005, 0.001));
    std::vector<float> bias(static_cast<size_t>(rows));
    for (float& value : bias) value = static_cast<float>(rng.Uniform(0.0, 0.2));
    const auto packed = PackIndices(indices, row_length, BitsPerIndex(num_centroids));
    layer = {.weight =
                 PalettizedTensor{
                     .shape = shape,
                     .num_centroids = num_centroids,
                     .group_rows = rows_of_group,
                     .indices = Tensor::FromVector({static_cast<int64_t>(packed.size())}, packed),
                     .codebook = Tensor::FromVector({num_groups, num_centroids}, codebook),
                     .scale = Tensor::FromVector({rows}, scale)},
             .bias = Tensor::FromVector({rows}, bias)};
    if (const Node* node = BatchNormAfter(model.graph, *FindNode(model.graph, name))) {
      model.batch_norms.erase(node->name);
    }
  }
}

}  // namespace deixis::testing
