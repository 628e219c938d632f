#include "compress/palettize.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "base/dtype.h"
#include "compress/palettize_rows.h"

namespace deixis {
namespace {

// Clustering and scales in turn: the error falls fast at first, and more rounds change nothing that
// shows in a network's accuracy.
constexpr int kScaleRounds = 4;
constexpr int kRefinements = 8;

// The rows of one group, for the fit of their codebook.
struct GroupRowsView {
  int64_t first_row = 0;
  int64_t end_row = 0;
  int64_t row_length = 0;
  const float* weights = nullptr;  // [C_out, I]
  const Importance* importance = nullptr;
  const uint8_t* pruned = nullptr;  // [C_out, I] or null

  bool Pruned(int64_t row, int64_t i) const {
    return pruned != nullptr && pruned[row * row_length + i] != 0;
  }
};

struct GroupFit {
  std::vector<float> centroids;  // ascending, at most K
  int zero_index = -1;
};

// The free weights of the group, each divided by its row's scale and weighted by scale² times its
// importance: squared distances there are squared errors of the weights.
Result<LinePoints> PoolRows(const GroupRowsView& view, const std::vector<float>& scale) {
  std::vector<float> values;
  std::vector<float> weights;
  bool weighted = !view.importance->uniform();
  float largest_scale = 0;
  for (int64_t row = view.first_row; row < view.end_row; ++row) {
    weighted |= scale[row] != scale[view.first_row];
    largest_scale = std::max(largest_scale, scale[row]);
  }
  for (int64_t row = view.first_row; row < view.end_row; ++row) {
    const float share = scale[row] / largest_scale;  // at most 1: its square cannot overflow
    for (int64_t i = 0; i < view.row_length; ++i) {
      if (view.Pruned(row, i)) continue;
      values.push_back(view.weights[row * view.row_length + i] / scale[row]);
      if (weighted) weights.push_back(share * share * view.importance->at(row, i));
    }
  }
  if (values.empty()) values.push_back(0);  // everything is pruned
  if (values.size() != weights.size()) weights.clear();
  return LinePoints::Create(values, weights);
}

// Puts 0 into its place among ascending centroids.
GroupFit WithZero(std::vector<float> centroids, bool needs_zero) {
  GroupFit fit{std::move(centroids), -1};
  if (!needs_zero) return fit;
  const auto place = std::lower_bound(fit.centroids.begin(), fit.centroids.end(), 0.0f);
  fit.zero_index = static_cast<int>(place - fit.centroids.begin());
  if (place == fit.centroids.end() || *place != 0.0f) fit.centroids.insert(place, 0.0f);
  return fit;
}

void StoreFit(Palettization& palettization, int64_t group, const GroupFit& fit) {
  const std::span<float> codebook = palettization.Codebook(group);
  for (size_t c = 0; c < codebook.size(); ++c) {
    codebook[c] = fit.centroids[std::min(c, fit.centroids.size() - 1)];
  }
  if (!palettization.zero_index.empty()) {
    palettization.zero_index[group] = static_cast<int16_t>(fit.zero_index);
  }
}

// Fits one group and leaves its codebook, scales and indices in `palettization`.
Status FitGroup(const GroupRowsView& view, const PalettizeOptions& options, int64_t group,
                Palettization& palettization) {
  const bool scaled = options.channel_scales && options.granularity != Granularity::kRow;
  bool needs_zero = false;
  for (int64_t row = view.first_row; row < view.end_row; ++row) {
    double square = 0;
    for (int64_t i = 0; i < view.row_length; ++i) {
      const double weight = view.weights[row * view.row_length + i];
      square += weight * weight;
      needs_zero |= view.Pruned(row, i);
    }
    // Rows of equal spread share a codebook best: start from the root mean square.
    const auto spread =
        static_cast<float>(std::sqrt(square / static_cast<double>(view.row_length)));
    palettization.scale[row] = scaled && std::isnormal(spread) ? spread : 1.0f;
  }
  const int k = options.num_centroids - (needs_zero ? 1 : 0);
  DEIXIS_ASSIGN(LinePoints points, PoolRows(view, palettization.scale));
  Clusters clusters = KMeans1D(points, k);
  StoreFit(palettization, group, WithZero(clusters.centroids, needs_zero));
  for (int round = 0; scaled && round < kScaleRounds; ++round) {
    for (int64_t row = view.first_row; row < view.end_row; ++row) {
      ReassignRow(palettization, view.weights, row);
      RefitScaleOfRow(palettization, view.weights, *view.importance, row);
    }
    DEIXIS_ASSIGN(points, PoolRows(view, palettization.scale));
    clusters = round + 1 < kScaleRounds ? LloydPolish(points, clusters.centroids, kRefinements)
                                        : KMeans1D(points, k);
    StoreFit(palettization, group, WithZero(clusters.centroids, needs_zero));
  }
  for (int64_t row = view.first_row; row < view.end_row; ++row) {
    ReassignRow(palettization, view.weights, row);
  }
  return Ok();
}

Status CheckLength(const char* what, size_t found, int64_t expected) {
  if (static_cast<int64_t>(found) == expected) return Ok();
  return InvalidData(std::string(what) + ": expected " + std::to_string(expected) +
                     " values, found " + std::to_string(found));
}

}  // namespace

RowRange RowsOfGroup(const Palettization& palettization, int64_t group) {
  const int64_t begin = group * palettization.group_rows;
  return {begin, std::min(palettization.num_rows(), begin + palettization.group_rows)};
}

std::span<const float> UsedCentroids(std::span<const float> codebook) {
  size_t used = codebook.size();
  while (used > 1 && codebook[used - 2] == codebook[used - 1]) --used;
  return codebook.first(used);
}

void ReassignRow(Palettization& palettization, const float* weights, int64_t row) {
  const int64_t length = palettization.row_length();
  const int64_t group = palettization.GroupOfRow(row);
  const float scale = palettization.scale[row];
  const std::span<uint8_t> indices = std::span(palettization.indices).subspan(row * length, length);
  std::vector<float> scaled(length);
  for (int64_t i = 0; i < length; ++i) scaled[i] = weights[row * length + i] / scale;
  AssignNearest(scaled, UsedCentroids(palettization.Codebook(group)), indices);
  if (palettization.pruned.empty()) return;
  const int zero = palettization.ZeroIndex(group);
  for (int64_t i = 0; i < length; ++i) {
    if (palettization.pruned[row * length + i] != 0) indices[i] = static_cast<uint8_t>(zero);
  }
}

void RefitScaleOfRow(Palettization& palettization, const float* weights,
                     const Importance& importance, int64_t row) {
  const int64_t length = palettization.row_length();
  const std::span<const float> codebook = palettization.Codebook(palettization.GroupOfRow(row));
  double product = 0;
  double square = 0;
  for (int64_t i = 0; i < length; ++i) {
    const double centroid = codebook[palettization.indices[row * length + i]];
    product += importance.at(row, i) * centroid * weights[row * length + i];
    square += importance.at(row, i) * centroid * centroid;
  }
  const auto scale = static_cast<float>(product / square);
  if (std::isnormal(scale) && scale > 0) palettization.scale[row] = scale;
}

double SquaredErrorOfRow(const Palettization& palettization, const float* weights,
                         const Importance& importance, int64_t row) {
  const int64_t length = palettization.row_length();
  const std::span<const float> codebook = palettization.Codebook(palettization.GroupOfRow(row));
  const double scale = palettization.scale[row];
  double total = 0;
  for (int64_t i = 0; i < length; ++i) {
    const int64_t at = row * length + i;
    const double error = weights[at] - scale * codebook[palettization.indices[at]];
    total += importance.at(row, i) * error * error;
  }
  return total;
}

CentroidTargets TargetsOfGroup(const Palettization& palettization, const float* weights,
                               const Importance& importance, int64_t group) {
  const int64_t length = palettization.row_length();
  CentroidTargets targets;
  targets.weight.resize(palettization.num_centroids);
  targets.mean.resize(palettization.num_centroids);
  const RowRange rows = RowsOfGroup(palettization, group);
  for (int64_t row = rows.begin; row < rows.end; ++row) {
    const double scale = palettization.scale[row];
    for (int64_t i = 0; i < length; ++i) {
      const int64_t at = row * length + i;
      const int c = palettization.indices[at];
      const double weight = importance.at(row, i) * scale;
      targets.mean[c] += weight * weights[at];
      targets.weight[c] += weight * scale;
    }
  }
  for (int c = 0; c < palettization.num_centroids; ++c) {
    if (targets.weight[c] > 0) targets.mean[c] /= targets.weight[c];
  }
  return targets;
}

std::string_view GranularityName(Granularity granularity) {
  switch (granularity) {
    case Granularity::kRow:
      return "row";
    case Granularity::kGroup:
      return "group";
    case Granularity::kTensor:
      return "tensor";
  }
  std::abort();
}

int64_t GroupRows(Granularity granularity, int64_t num_rows) {
  switch (granularity) {
    case Granularity::kRow:
      return 1;
    case Granularity::kGroup:
      return std::min(kRowsPerGroup, num_rows);
    case Granularity::kTensor:
      return num_rows;
  }
  return 1;
}

Result<Palettization> Palettize(std::span<const float> weights, const Shape& shape,
                                const PalettizeOptions& options, std::span<const float> importance,
                                std::span<const uint8_t> pruned, ThreadPool& pool) {
  if (options.num_centroids < 2 || options.num_centroids > kMaxCentroids) {
    return UsageError("number of centroids: expected 2 to 256, found " +
                      std::to_string(options.num_centroids));
  }
  const std::optional<int64_t> num_weights = NumElements(shape);
  if (shape.empty() || !num_weights || *num_weights == 0) {
    return InvalidData("weights: expected at least one row with one value, found shape " +
                       ToString(shape));
  }
  const int64_t num_rows = shape[0];
  const int64_t row_length = *num_weights / num_rows;
  DEIXIS_RETURN_IF_ERROR(CheckLength("weights", weights.size(), *num_weights));
  if (!pruned.empty()) DEIXIS_RETURN_IF_ERROR(CheckLength("mask", pruned.size(), *num_weights));
  if (!importance.empty() && static_cast<int64_t>(importance.size()) != row_length) {
    DEIXIS_RETURN_IF_ERROR(CheckLength("importance", importance.size(), *num_weights));
  }

  Palettization result;
  result.shape = shape;
  result.num_centroids = options.num_centroids;
  result.group_rows = GroupRows(options.granularity, num_rows);
  result.centroids.resize(result.num_groups() * options.num_centroids);
  result.scale.resize(num_rows, 1.0f);
  result.indices.resize(*num_weights);
  result.pruned.assign(pruned.begin(), pruned.end());
  if (!pruned.empty()) result.zero_index.assign(result.num_groups(), -1);

  const Importance importance_view(importance, row_length);
  std::vector<Status> statuses(result.num_groups());
  pool.ParallelFor(result.num_groups(), [&](int64_t group, int) {
    GroupRowsView view;
    view.first_row = group * result.group_rows;
    view.end_row = std::min(num_rows, view.first_row + result.group_rows);
    view.row_length = row_length;
    view.weights = weights.data();
    view.importance = &importance_view;
    view.pruned = pruned.empty() ? nullptr : pruned.data();
    statuses[group] = FitGroup(view, options, group, result);
  });
  for (int64_t group = 0; group < result.num_groups(); ++group) {
    if (!statuses[group].ok()) {
      return statuses[group].error().WithContext("rows from " +
                                                 std::to_string(group * result.group_rows));
    }
  }
  return result;
}

double SquaredError(const Palettization& palettization, std::span<const float> weights,
                    std::span<const float> importance) {
  const Importance importance_view(importance, palettization.row_length());
  double total = 0;
  for (int64_t row = 0; row < palettization.num_rows(); ++row) {
    total += SquaredErrorOfRow(palettization, weights.data(), importance_view, row);
  }
  return total;
}

std::vector<float> DenseWeights(const Palettization& palettization) {
  std::vector<float> dense(palettization.indices.size());
  const int64_t length = palettization.row_length();
  for (int64_t row = 0; row < palettization.num_rows(); ++row) {
    const std::span<const float> codebook = palettization.Codebook(palettization.GroupOfRow(row));
    for (int64_t at = row * length; at < (row + 1) * length; ++at) {
      dense[at] = palettization.scale[row] * codebook[palettization.indices[at]];
    }
  }
  return dense;
}

void Reassign(Palettization& palettization, std::span<const float> weights, ThreadPool& pool) {
  pool.ParallelFor(palettization.num_rows(),
                   [&](int64_t row, int) { ReassignRow(palettization, weights.data(), row); });
}

void RefitScales(Palettization& palettization, std::span<const float> weights,
                 std::span<const float> importance) {
  const Importance importance_view(importance, palettization.row_length());
  for (int64_t row = 0; row < palettization.num_rows(); ++row) {
    RefitScaleOfRow(palettization, weights.data(), importance_view, row);
  }
}

void RefitCentroids(Palettization& palettization, std::span<const float> weights,
                    std::span<const float> importance) {
  const Importance importance_view(importance, palettization.row_length());
  for (int64_t group = 0; group < palettization.num_groups(); ++group) {
    const CentroidTargets targets =
        TargetsOfGroup(palettization, weights.data(), importance_view, group);
    const std::span<float> codebook = palettization.Codebook(group);
    for (int c = 0; c < palettization.num_centroids; ++c) {
      if (c == palettization.ZeroIndex(group) || !(targets.weight[c] > 0)) continue;
      codebook[c] = static_cast<float>(targets.mean[c]);
    }
    SortCodebook(palettization, group);
  }
}

void SortCodebook(Palettization& palettization, int64_t group) {
  const std::span<float> codebook = palettization.Codebook(group);
  if (std::is_sorted(codebook.begin(), codebook.end())) return;
  const int k = palettization.num_centroids;
  std::vector<int> order(k);
  for (int c = 0; c < k; ++c) order[c] = c;
  std::stable_sort(order.begin(), order.end(),
                   [&](int a, int b) { return codebook[a] < codebook[b]; });
  std::vector<float> sorted(k);
  std::vector<uint8_t> new_index(k);
  for (int c = 0; c < k; ++c) {
    sorted[c] = codebook[order[c]];
    new_index[order[c]] = static_cast<uint8_t>(c);
  }
  std::copy(sorted.begin(), sorted.end(), codebook.begin());
  const int zero = palettization.ZeroIndex(group);
  if (zero >= 0) palettization.zero_index[group] = new_index[zero];
  const int64_t length = palettization.row_length();
  const int64_t first = group * palettization.group_rows;
  const int64_t end = std::min(palettization.num_rows(), first + palettization.group_rows);
  for (int64_t at = first * length; at < end * length; ++at) {
    palettization.indices[at] = new_index[palettization.indices[at]];
  }
}

Result<PalettizedTensor> Pack(const Palettization& palettization, DType codebook_dtype) {
  const Shape codebook_shape = {palettization.num_groups(), palettization.num_centroids};
  const std::vector<float>& centroids = palettization.centroids;
  PalettizedTensor packed;
  switch (codebook_dtype) {
    case DType::kF32:
      packed.codebook = Tensor::FromVector(codebook_shape, centroids);
      break;
    case DType::kF16: {
      std::vector<std::byte> bytes(centroids.size() * sizeof(uint16_t));
      for (size_t c = 0; c < centroids.size(); ++c) {
        const uint16_t half = FloatToHalf(centroids[c]);
        std::memcpy(bytes.data() + c * sizeof(half), &half, sizeof(half));
      }
      packed.codebook = Tensor::FromBytes(DType::kF16, codebook_shape, std::move(bytes));
      break;
    }
    case DType::kI8: {
      std::vector<int8_t> integers(centroids.size());
      for (size_t c = 0; c < centroids.size(); ++c) {
        if (!(std::fabs(centroids[c]) <= 128) || centroids[c] != std::nearbyint(centroids[c]) ||
            centroids[c] == 128) {
          return InternalError("centroid " + std::to_string(c) + ": expected an int8, found " +
                                   std::to_string(centroids[c]),
                               "round the codebooks to int8 first");
        }
        integers[c] = static_cast<int8_t>(centroids[c]);
      }
      packed.codebook = Tensor::FromVector(codebook_shape, std::move(integers));
      break;
    }
    default:
      return UsageError("codebook: expected int8, float16 or float32, found " +
                        std::string(TorchName(codebook_dtype)));
  }
  packed.shape = palettization.shape;
  packed.num_centroids = palettization.num_centroids;
  packed.group_rows = palettization.group_rows;
  const int bits = BitsPerIndex(palettization.num_centroids);
  std::vector<uint8_t> bytes = PackIndices(palettization.indices, palettization.row_length(), bits);
  const Shape indices_shape = {static_cast<int64_t>(bytes.size())};
  packed.indices = Tensor::FromVector(indices_shape, std::move(bytes));
  packed.scale = Tensor::FromVector(Shape{palettization.num_rows()}, palettization.scale);
  return packed;
}

}  // namespace deixis
