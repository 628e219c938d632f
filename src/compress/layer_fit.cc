#include "compress/layer_fit.h"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "compress/int8_codebook.h"
#include "compress/int8_weights.h"
#include "compress/palettize_rows.h"
#include "compress/prune.h"
#include "kernels/axpy_f32/axpy_f32.h"
#include "kernels/linear_f32/linear_f32.h"

namespace deixis {
namespace {

// Rows that a thread takes at a time: they share each pass over H.
constexpr int64_t kPanelRows = 4;
// Rows whose equations for the centroids are in memory at a time, K² numbers each.
constexpr int64_t kRowsAtOnce = 32;
// Columns of H that are gathered per centroid at a time, so that the sums stay in cache.
constexpr int64_t kColumnTile = 512;
constexpr int kSweepsPerRound = 2;
constexpr int kIntegerSweeps = 20;
// More on the diagonal makes a walk more cautious, which some rows need. Of the mean diagonal.
constexpr double kWalkDampings[] = {0.03, 0.3};
constexpr int64_t kMaxColumnsToWalkAgain = 1200;  // a factorisation costs their cube
// Relative ridge of the centroids' normal equations: centroids without weights stay where they are.
constexpr double kCentroidRidge = 1e-7;

// The nearest of a few ascending centroids; of two equally near the lower.
int NearestCentroid(std::span<const float> centroids, float value) {
  int index = 0;
  for (size_t c = 0; c + 1 < centroids.size(); ++c) {
    index += value > 0.5f * (centroids[c] + centroids[c + 1]) ? 1 : 0;
  }
  return index;
}

}  // namespace

// K equations for the centroids of one row or group.
struct LayerFit::CentroidEquations {
  explicit CentroidEquations(int64_t k) : matrix(k * k), right_side(k) {}

  void Clear() {
    std::fill(matrix.begin(), matrix.end(), 0.0);
    std::fill(right_side.begin(), right_side.end(), 0.0);
  }
  void Add(const CentroidEquations& other) {
    for (size_t i = 0; i < matrix.size(); ++i) matrix[i] += other.matrix[i];
    for (size_t i = 0; i < right_side.size(); ++i) right_side[i] += other.right_side[i];
  }

  std::vector<double> matrix;  // [K, K]
  std::vector<double> right_side;
};

// What both kinds of fit begin with.
LayerFit LayerFit::Prepare(QuadraticProblem problem) {
  LayerFit fit;
  fit.problem_ = std::move(problem);
  const int64_t length = fit.problem_.row_length();
  fit.diagonal_.resize(length);
  for (int64_t i = 0; i < length; ++i) fit.diagonal_[i] = fit.problem_.hessian[i * length + i];
  fit.walk_order_.resize(length);
  std::iota(fit.walk_order_.begin(), fit.walk_order_.end(), 0);
  std::stable_sort(fit.walk_order_.begin(), fit.walk_order_.end(),
                   [&](int64_t a, int64_t b) { return fit.diagonal_[a] > fit.diagonal_[b]; });
  fit.packed_hessian_ = PackLinearF32(length, length, fit.problem_.hessian);
  fit.products_.resize(fit.problem_.linear.size());
  return fit;
}

Result<LayerFit> LayerFit::Create(QuadraticProblem problem, const PalettizeOptions& options,
                                  std::span<const uint8_t> pruned, bool prune_nearest_zero,
                                  ThreadPool& pool) {
  LayerFit fit = Prepare(std::move(problem));
  const int64_t length = fit.problem_.row_length();
  DEIXIS_ASSIGN(const RowMajorMatrix factor, fit.Factor(0));
  fit.Solve(factor);
  DEIXIS_ASSIGN(fit.palettization_,
                Palettize(fit.solution_, fit.problem_.shape, options, fit.diagonal_, pruned, pool));
  if (prune_nearest_zero) PruneNearestZero(fit.palettization_);
  fit.weights_ = DenseWeights(fit.palettization_);
  fit.FeedBackErrors(factor, pool);
  for (const double damping : kWalkDampings) {
    if (length > kMaxColumnsToWalkAgain) break;
    DEIXIS_ASSIGN(const RowMajorMatrix damped, fit.Factor(damping));
    fit.FeedBackErrors(damped, pool);
  }
  return fit;
}

Result<LayerFit> LayerFit::CreateInt8(QuadraticProblem problem, std::span<const uint8_t> pruned,
                                      ThreadPool& pool) {
  LayerFit fit = Prepare(std::move(problem));
  DEIXIS_ASSIGN(const RowMajorMatrix factor, fit.Factor(0));
  fit.Solve(factor);
  fit.all_integers_ = true;
  fit.palettization_ =
      QuantizeToInt8(fit.solution_, fit.problem_.shape, fit.diagonal_, pruned, pool);
  fit.weights_ = DenseWeights(fit.palettization_);
  fit.FeedBackErrors(factor, pool);
  return fit;
}

// The Cholesky factor L of H with its mean diagonal's `damping` more on the diagonal, columns in
// ascending order of the walk's importance: the walk goes backwards.
Result<LayerFit::RowMajorMatrix> LayerFit::Factor(double damping) const {
  const int64_t length = problem_.row_length();
  const float* hessian = problem_.hessian.data();
  double trace = 0;
  for (const float value : diagonal_) trace += value;
  const auto ridge = static_cast<float>(damping * trace / static_cast<double>(length));
  RowMajorMatrix factor(length, length);
  for (int64_t i = 0; i < length; ++i) {
    const float* row = hessian + walk_order_[length - 1 - i] * length;
    for (int64_t j = 0; j < length; ++j) factor(i, j) = row[walk_order_[length - 1 - j]];
    factor(i, i) += ridge;
  }
  const Eigen::LLT<Eigen::Ref<RowMajorMatrix>> cholesky(factor);
  if (cholesky.info() != Eigen::Success) {
    return InvalidData("second moments of the inputs: expected a positive definite matrix of " +
                           std::to_string(length) + " columns, found one that is not",
                       "use more calibration pictures");
  }
  return factor;
}

void LayerFit::Solve(const RowMajorMatrix& factor) {
  const int64_t length = problem_.row_length();
  const int64_t rows = problem_.num_rows();
  RowMajorMatrix right_sides(length, rows);
  for (int64_t i = 0; i < length; ++i) {
    const int64_t column = walk_order_[length - 1 - i];
    for (int64_t o = 0; o < rows; ++o) right_sides(i, o) = problem_.linear[o * length + column];
  }
  factor.triangularView<Eigen::Lower>().solveInPlace(right_sides);
  factor.transpose().triangularView<Eigen::Upper>().solveInPlace(right_sides);
  solution_.resize(rows * length);
  for (int64_t i = 0; i < length; ++i) {
    const int64_t column = walk_order_[length - 1 - i];
    for (int64_t o = 0; o < rows; ++o) solution_[o * length + column] = right_sides(i, o);
  }
}

int LayerFit::Nearest(std::span<const float> codebook, float value) const {
  return all_integers_ ? IndexOfInt8(value) : NearestCentroid(codebook, value);
}

// Babai's nearest plane, from the last column of the factor to the first: the error of weight i
// asks weight j < i to move by -factor(i, j) / factor(j, j) times as much. A row keeps the indices
// that it has when the walk does not find better ones: where codebooks end, what is asked for may
// be out of reach, the more so the less H was damped.
void LayerFit::FeedBackErrors(const RowMajorMatrix& factor, ThreadPool& pool) {
  const int64_t length = problem_.row_length();
  const int64_t rows = problem_.num_rows();
  UpdateProducts(pool);
  const std::vector<double> before = RowObjectives();
  const std::vector<uint8_t> kept = palettization_.indices;
  const int64_t panels = (rows + kPanelRows - 1) / kPanelRows;
  pool.ParallelFor(panels, [&](int64_t panel, int) {
    const int64_t first = panel * kPanelRows;
    const int64_t end = std::min(rows, first + kPanelRows);
    std::vector<float> asked((end - first) * length, 0.0f);
    for (int64_t i = length - 1; i >= 0; --i) {
      const float* factor_row = factor.data() + i * length;
      const int64_t column = walk_order_[length - 1 - i];
      for (int64_t row = first; row < end; ++row) {
        const int64_t at = row * length + column;
        float* row_asked = asked.data() + (row - first) * length;
        const int64_t group = palettization_.GroupOfRow(row);
        const std::span<const float> codebook = UsedCentroids(palettization_.Codebook(group));
        const float scale = palettization_.scale[row];
        const float wanted = solution_[at] - row_asked[i] / factor_row[i];
        const bool is_pruned = !palettization_.pruned.empty() && palettization_.pruned[at] != 0;
        const int index =
            is_pruned ? palettization_.ZeroIndex(group) : Nearest(codebook, wanted / scale);
        palettization_.indices[at] = static_cast<uint8_t>(index);
        AddScaledF32(scale * codebook[index] - solution_[at], factor_row, row_asked, i);
      }
    }
  });
  weights_ = DenseWeights(palettization_);
  UpdateProducts(pool);
  const std::vector<double> after = RowObjectives();
  for (int64_t row = 0; row < rows; ++row) {
    if (after[row] < before[row]) continue;
    std::copy_n(kept.begin() + row * length, length, palettization_.indices.begin() + row * length);
  }
  weights_ = DenseWeights(palettization_);
}

std::vector<double> LayerFit::RowObjectives() const {
  const int64_t length = problem_.row_length();
  std::vector<double> objectives(problem_.num_rows(), 0.0);
  for (int64_t at = 0; at < static_cast<int64_t>(weights_.size()); ++at) {
    objectives[at / length] +=
        double{weights_[at]} * (double{products_[at]} - 2.0 * problem_.linear[at]);
  }
  return objectives;
}

void LayerFit::SetLinear(std::vector<float> linear) { problem_.linear = std::move(linear); }

void LayerFit::UpdateProducts(ThreadPool& pool) {
  LinearF32(packed_hessian_, weights_.data(), products_.data(), problem_.num_rows(), &pool);
}

double LayerFit::Objective(ThreadPool& pool) {
  UpdateProducts(pool);
  const std::vector<double> rows = RowObjectives();
  return std::accumulate(rows.begin(), rows.end(), 0.0);
}

// Scaling a row scales its products too, so nothing is computed anew.
void LayerFit::RefitScales() {
  const int64_t length = problem_.row_length();
  for (int64_t row = 0; row < problem_.num_rows(); ++row) {
    double wanted = 0;
    double square = 0;
    for (int64_t at = row * length; at < (row + 1) * length; ++at) {
      wanted += double{weights_[at]} * problem_.linear[at];
      square += double{weights_[at]} * products_[at];
    }
    const auto factor = static_cast<float>(wanted / square);
    const float scale = palettization_.scale[row] * factor;
    if (!std::isnormal(factor) || factor <= 0 || !std::isnormal(scale)) continue;
    palettization_.scale[row] = scale;
    const std::span<const float> codebook = palettization_.Codebook(palettization_.GroupOfRow(row));
    for (int64_t at = row * length; at < (row + 1) * length; ++at) {
      weights_[at] = scale * codebook[palettization_.indices[at]];
      products_[at] *= factor;
    }
  }
}

int64_t LayerFit::SweepWeights(ThreadPool& pool) {
  const int64_t length = problem_.row_length();
  std::vector<int64_t> moves(problem_.num_rows(), 0);
  pool.ParallelFor(problem_.num_rows(), [&](int64_t row, int) {
    const int64_t group = palettization_.GroupOfRow(row);
    const std::span<const float> codebook = UsedCentroids(palettization_.Codebook(group));
    const float scale = palettization_.scale[row];
    float* products = products_.data() + row * length;
    for (const int64_t column : walk_order_) {
      const int64_t at = row * length + column;
      if (!palettization_.pruned.empty() && palettization_.pruned[at] != 0) continue;
      const float wanted =
          weights_[at] - (products[column] - problem_.linear[at]) / diagonal_[column];
      const int index = NearestCentroid(codebook, wanted / scale);
      if (index == palettization_.indices[at]) continue;
      const float weight = scale * codebook[index];
      AddScaledF32(weight - weights_[at], problem_.hessian.data() + column * length, products,
                   length);
      weights_[at] = weight;
      palettization_.indices[at] = static_cast<uint8_t>(index);
      ++moves[row];
    }
  });
  return std::accumulate(moves.begin(), moves.end(), int64_t{0});
}

// With the indices fixed the weights of a group are linear in its centroids: K equations for K
// centroids, Σ_r s_r² A_rᵀ H A_r c = Σ_r s_r A_rᵀ b_r, where A_r [I, K] has a one per weight. Each
// row's part is summed by itself, and parts are added in the order of the rows, a few rows at a
// time: the answer depends neither on threads nor on how many that are.
void LayerFit::RefitCentroids(ThreadPool& pool) {
  const int64_t k = palettization_.num_centroids;
  const int64_t num_groups = palettization_.num_groups();
  const int64_t groups_at_once = std::max<int64_t>(1, kRowsAtOnce / palettization_.group_rows);
  std::vector<CentroidEquations> rows(kRowsAtOnce, CentroidEquations(k));
  std::vector<CentroidEquations> groups(groups_at_once, CentroidEquations(k));
  for (int64_t first_group = 0; first_group < num_groups; first_group += groups_at_once) {
    const int64_t end_group = std::min(num_groups, first_group + groups_at_once);
    const int64_t end_row = RowsOfGroup(palettization_, end_group - 1).end;
    for (int64_t g = 0; g < end_group - first_group; ++g) groups[g].Clear();
    for (int64_t begin = RowsOfGroup(palettization_, first_group).begin; begin < end_row;
         begin += kRowsAtOnce) {
      const int64_t end = std::min(end_row, begin + kRowsAtOnce);
      const int64_t panels = (end - begin + kPanelRows - 1) / kPanelRows;
      pool.ParallelFor(panels, [&](int64_t panel, int) {
        const int64_t first = begin + panel * kPanelRows;
        SumEquations(first, std::min(end, first + kPanelRows),
                     std::span(rows).subspan(first - begin));
      });
      pool.ParallelFor(end_group - first_group, [&](int64_t g, int) {
        const RowRange range = RowsOfGroup(palettization_, first_group + g);
        for (int64_t row = std::max(begin, range.begin); row < std::min(end, range.end); ++row) {
          groups[g].Add(rows[row - begin]);
        }
      });
    }
    pool.ParallelFor(end_group - first_group, [&](int64_t g, int) {
      SolveCentroids(first_group + g, groups[g].matrix, groups[g].right_side);
      SortCodebook(palettization_, first_group + g);
    });
  }
  weights_ = DenseWeights(palettization_);
}

// The equations of rows first..end, at most kPanelRows of them, which share each pass over H.
void LayerFit::SumEquations(int64_t first, int64_t end,
                            std::span<CentroidEquations> equations) const {
  const int64_t length = problem_.row_length();
  const int64_t k = palettization_.num_centroids;
  for (int64_t row = first; row < end; ++row) equations[row - first].Clear();
  std::vector<float> sums((end - first) * k * kColumnTile);  // A_rᵀ H, a tile of columns
  for (int64_t tile = 0; tile < length; tile += kColumnTile) {
    const int64_t width = std::min(kColumnTile, length - tile);
    std::fill(sums.begin(), sums.end(), 0.0f);
    for (int64_t i = 0; i < length; ++i) {
      const float* hessian_row = problem_.hessian.data() + i * length + tile;
      for (int64_t row = first; row < end; ++row) {
        const int64_t index = palettization_.indices[row * length + i];
        AddScaledF32(1.0f, hessian_row, sums.data() + ((row - first) * k + index) * kColumnTile,
                     width);
      }
    }
    for (int64_t row = first; row < end; ++row) {
      const double square = double{palettization_.scale[row]} * palettization_.scale[row];
      for (int64_t a = 0; a < k; ++a) {
        const float* sum = sums.data() + ((row - first) * k + a) * kColumnTile;
        double* matrix_row = equations[row - first].matrix.data() + a * k;
        for (int64_t i = 0; i < width; ++i) {
          matrix_row[palettization_.indices[row * length + tile + i]] += square * sum[i];
        }
      }
    }
  }
  for (int64_t row = first; row < end; ++row) {
    for (int64_t i = 0; i < length; ++i) {
      equations[row - first].right_side[palettization_.indices[row * length + i]] +=
          double{palettization_.scale[row]} * problem_.linear[row * length + i];
    }
  }
}

void LayerFit::SolveCentroids(int64_t group, const std::vector<double>& matrix,
                              const std::vector<double>& right_side) {
  const int64_t k = palettization_.num_centroids;
  const std::span<float> codebook = palettization_.Codebook(group);
  const int zero = palettization_.ZeroIndex(group);
  std::vector<int64_t> free;
  double trace = 0;
  for (int64_t a = 0; a < k; ++a) {
    if (a == zero || !(matrix[a * k + a] > 0)) continue;
    free.push_back(a);
    trace += matrix[a * k + a];
  }
  if (free.empty()) return;
  const auto gradient_at = [&](int64_t a) {
    double gradient = -right_side[a];
    for (int64_t b = 0; b < k; ++b) gradient += matrix[a * k + b] * double{codebook[b]};
    return gradient;
  };
  if (integer_centroids_) {
    // One integer at a time: the error is a parabola in it, so the nearest integer is the best.
    for (int sweep = 0; sweep < kIntegerSweeps; ++sweep) {
      bool moved = false;
      for (const int64_t a : free) {
        const double best = codebook[a] - gradient_at(a) / matrix[a * k + a];
        const auto integer = static_cast<float>(std::clamp(
            std::nearbyint(best), double{-kMaxInt8Magnitude}, double{kMaxInt8Magnitude}));
        moved |= integer != codebook[a];
        codebook[a] = integer + 0.0f;
      }
      if (!moved) break;
    }
    return;
  }
  const auto n = static_cast<Eigen::Index>(free.size());
  Eigen::MatrixXd system(n, n);
  Eigen::VectorXd step(n);
  const double ridge = kCentroidRidge * trace / static_cast<double>(n);
  for (Eigen::Index a = 0; a < n; ++a) {
    step[a] = -gradient_at(free[a]);
    for (Eigen::Index b = 0; b < n; ++b) system(a, b) = matrix[free[a] * k + free[b]];
    system(a, a) += ridge;
  }
  const Eigen::LDLT<Eigen::MatrixXd> factored(system);
  if (factored.info() != Eigen::Success) return;
  step = factored.solve(step);
  if (!step.allFinite()) return;
  for (Eigen::Index a = 0; a < n; ++a) codebook[free[a]] += static_cast<float>(step[a]);
}

void LayerFit::Improve(int num_rounds, ThreadPool& pool) {
  UpdateProducts(pool);
  for (int round = 0; round < num_rounds; ++round) {
    RefitScales();
    int64_t moves = 0;
    for (int sweep = 0; sweep < kSweepsPerRound; ++sweep) {
      moves = SweepWeights(pool);
      if (moves == 0) break;
    }
    RefitCentroids(pool);
    UpdateProducts(pool);
  }
  RefitScales();
}

void LayerFit::RoundToInt8(ThreadPool& pool) {
  RoundCodebooksToInt8(palettization_, diagonal_, pool);
  integer_centroids_ = true;
  weights_ = DenseWeights(palettization_);
}

}  // namespace deixis
