#include "compress/entropy_constrained.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <string>
#include <vector>

#include "compress/palettize_rows.h"

namespace deixis {
namespace {

constexpr double kSettled = 1e-4;  // relative fall of the objective that is worth another round

constexpr int64_t kZeroHeadStart = 3;

std::vector<int64_t> CountIndices(const Palettization& palettization) {
  std::vector<int64_t> counts(palettization.num_centroids, 0);
  for (const uint8_t index : palettization.indices) ++counts[index];
  return counts;
}

// Bits of each index under the layer's own shares. An index that nothing uses costs what a single
// use would, so that it can come back.
std::vector<double> BitsOfIndices(const std::vector<int64_t>& counts, int64_t num_weights) {
  std::vector<double> bits(counts.size());
  for (size_t c = 0; c < counts.size(); ++c) {
    bits[c] = std::log2(static_cast<double>(num_weights) /
                        static_cast<double>(std::max<int64_t>(1, counts[c])));
  }
  return bits;
}

double TotalBits(const std::vector<int64_t>& counts, const std::vector<double>& bits) {
  double total = 0;
  for (size_t c = 0; c < counts.size(); ++c) total += static_cast<double>(counts[c]) * bits[c];
  return total;
}

// The index that is nearest to zero in most groups.
int CommonZeroIndex(const Palettization& palettization) {
  std::vector<int64_t> votes(palettization.num_centroids, 0);
  for (int64_t group = 0; group < palettization.num_groups(); ++group) {
    const std::span<const float> codebook = palettization.Codebook(group);
    const auto nearest = std::min_element(codebook.begin(), codebook.end(), [](float a, float b) {
      return std::fabs(a) < std::fabs(b);
    });
    ++votes[nearest - codebook.begin()];
  }
  return static_cast<int>(std::max_element(votes.begin(), votes.end()) - votes.begin());
}

// Makes centroid `zero` of an ascending codebook 0. Where that breaks the order, the centroids
// between are spread over the empty side; clustering moves them where they are needed.
void PlaceZero(std::span<float> codebook, int zero) {
  const int k = static_cast<int>(codebook.size());
  codebook[zero] = 0.0f;
  int first = zero;  // of the run left of zero that is not negative
  while (first > 0 && codebook[first - 1] >= 0) --first;
  const float low = first > 0 ? codebook[first - 1] : -codebook[k - 1];
  for (int c = first; c < zero; ++c) {
    codebook[c] = low * static_cast<float>(zero - c) / static_cast<float>(zero - first + 1);
  }
  int last = zero;  // of the run right of zero that is not positive
  while (last + 1 < k && codebook[last + 1] <= 0) ++last;
  const float high = last + 1 < k ? codebook[last + 1] : -codebook[0];
  for (int c = zero + 1; c <= last; ++c) {
    codebook[c] = high * static_cast<float>(c - zero) / static_cast<float>(last - zero + 1);
  }
  std::sort(codebook.begin(), codebook.begin() + zero);
  std::sort(codebook.begin() + zero + 1, codebook.end());
}

void ForceZero(Palettization& palettization) {
  palettization.zero_index.resize(palettization.num_groups(), -1);
  const int zero = CommonZeroIndex(palettization);
  for (int64_t group = 0; group < palettization.num_groups(); ++group) {
    if (palettization.ZeroIndex(group) == zero) continue;
    const int old_zero = palettization.ZeroIndex(group);
    PlaceZero(palettization.Codebook(group), zero);
    palettization.zero_index[group] = static_cast<int16_t>(zero);
    if (palettization.pruned.empty() || old_zero < 0) continue;
    const RowRange rows = RowsOfGroup(palettization, group);
    const int64_t length = palettization.row_length();
    for (int64_t at = rows.begin * length; at < rows.end * length; ++at) {
      if (palettization.pruned[at] != 0) palettization.indices[at] = static_cast<uint8_t>(zero);
    }
  }
}

// The index of least h (w - s c)² + price * bits for each weight of the row.
void AssignRow(Palettization& palettization, std::span<const float> weights,
               const Importance& importance, const std::vector<double>& bit_prices, int64_t row) {
  const int64_t length = palettization.row_length();
  const int64_t group = palettization.GroupOfRow(row);
  const double scale = palettization.scale[row];
  std::vector<double> values(palettization.num_centroids);
  for (int c = 0; c < palettization.num_centroids; ++c) {
    values[c] = scale * palettization.Codebook(group)[c];
  }
  for (int64_t i = 0; i < length; ++i) {
    const int64_t at = row * length + i;
    if (!palettization.pruned.empty() && palettization.pruned[at] != 0) continue;
    const double h = importance.at(row, i);
    double best_cost = std::numeric_limits<double>::infinity();
    int best = 0;
    for (int c = 0; c < palettization.num_centroids; ++c) {
      const double error = weights[at] - values[c];
      const double cost = h * error * error + bit_prices[c];
      if (cost < best_cost) {
        best_cost = cost;
        best = c;
      }
    }
    palettization.indices[at] = static_cast<uint8_t>(best);
  }
}

}  // namespace

double IndexEntropy(const Palettization& palettization) {
  const auto num_weights = static_cast<int64_t>(palettization.indices.size());
  const std::vector<int64_t> counts = CountIndices(palettization);
  return TotalBits(counts, BitsOfIndices(counts, num_weights)) / static_cast<double>(num_weights);
}

Result<EntropyOutcome> ConstrainEntropy(Palettization& palettization,
                                        std::span<const float> weights,
                                        std::span<const float> importance,
                                        const EntropyOptions& options, ThreadPool& pool) {
  if (!(options.lambda >= 0) || !std::isfinite(options.lambda)) {
    return UsageError("lambda: expected a number of at least 0, found " +
                      std::to_string(options.lambda));
  }
  const auto num_weights = static_cast<int64_t>(palettization.indices.size());
  const double start = SquaredError(palettization, weights, importance);
  const double price =
      options.lambda * 2 * std::numbers::ln2 * start / static_cast<double>(num_weights);
  if (options.force_zero) ForceZero(palettization);
  const Importance importance_view(importance, palettization.row_length());

  EntropyOutcome outcome;
  outcome.objective = std::numeric_limits<double>::infinity();
  std::vector<int64_t> counts = CountIndices(palettization);
  // Two centroids on either side of zero would serve as well as one on it; a head start decides.
  if (options.force_zero) counts[palettization.ZeroIndex(0)] *= kZeroHeadStart;
  while (outcome.rounds < options.max_rounds) {
    std::vector<double> bit_prices = BitsOfIndices(counts, num_weights);
    for (double& bits : bit_prices) bits *= price;
    pool.ParallelFor(palettization.num_rows(), [&](int64_t row, int) {
      AssignRow(palettization, weights, importance_view, bit_prices, row);
    });
    RefitCentroids(palettization, weights, importance);
    RefitScales(palettization, weights, importance);
    counts = CountIndices(palettization);
    const double bits = TotalBits(counts, BitsOfIndices(counts, num_weights));
    const double last = outcome.objective;
    outcome.distortion = SquaredError(palettization, weights, importance);
    outcome.bits_per_weight = bits / static_cast<double>(num_weights);
    outcome.objective = outcome.distortion + price * bits;
    ++outcome.rounds;
    if (outcome.objective > last * (1 - kSettled)) break;
  }
  return outcome;
}

}  // namespace deixis
