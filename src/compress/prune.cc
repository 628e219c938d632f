#include "compress/prune.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace deixis {

void PruneNearestZero(Palettization& palettization) {
  const int64_t length = palettization.row_length();
  palettization.pruned.resize(palettization.indices.size(), 0);
  palettization.zero_index.resize(palettization.num_groups(), -1);
  for (int64_t group = 0; group < palettization.num_groups(); ++group) {
    const std::span<float> codebook = palettization.Codebook(group);
    const auto nearest = std::min_element(codebook.begin(), codebook.end(), [](float a, float b) {
      return std::fabs(a) < std::fabs(b);
    });
    const auto zero = static_cast<int16_t>(nearest - codebook.begin());
    *nearest = 0.0f;
    palettization.zero_index[group] = zero;
    const int64_t first = group * palettization.group_rows;
    const int64_t end = std::min(palettization.num_rows(), first + palettization.group_rows);
    for (int64_t at = first * length; at < end * length; ++at) {
      if (palettization.indices[at] == zero) palettization.pruned[at] = 1;
    }
  }
}

Result<std::vector<uint8_t>> MagnitudeMask(std::span<const float> weights, double sparsity) {
  if (!(sparsity >= 0 && sparsity <= 1)) {
    return UsageError("sparsity: expected a fraction from 0 to 1, found " +
                      std::to_string(sparsity));
  }
  const size_t n = weights.size();
  const auto num_pruned = static_cast<size_t>(std::floor(sparsity * static_cast<double>(n)));
  std::vector<uint8_t> mask(n, 0);
  if (num_pruned == 0) return mask;
  std::vector<float> magnitudes(n);
  for (size_t i = 0; i < n; ++i) magnitudes[i] = std::fabs(weights[i]);
  std::nth_element(magnitudes.begin(), magnitudes.begin() + (num_pruned - 1), magnitudes.end());
  const float threshold = magnitudes[num_pruned - 1];
  size_t left = num_pruned;
  for (size_t i = 0; i < n; ++i) {
    if (std::fabs(weights[i]) < threshold) {
      mask[i] = 1;
      --left;
    }
  }
  for (size_t i = 0; i < n && left > 0; ++i) {
    if (std::fabs(weights[i]) == threshold) {
      mask[i] = 1;
      --left;
    }
  }
  return mask;
}

double Sparsity(const Palettization& palettization) {
  const int64_t length = palettization.row_length();
  int64_t zeros = 0;
  for (int64_t row = 0; row < palettization.num_rows(); ++row) {
    const std::span<const float> codebook =
        std::as_const(palettization).Codebook(palettization.GroupOfRow(row));
    for (int64_t at = row * length; at < (row + 1) * length; ++at) {
      zeros += codebook[palettization.indices[at]] == 0.0f ? 1 : 0;
    }
  }
  return static_cast<double>(zeros) / static_cast<double>(palettization.indices.size());
}

}  // namespace deixis
