#include "pipeline/ridge.h"

#include <Eigen/Cholesky>
#include <algorithm>
#include <limits>
#include <utility>

#include "kernels/aligned.h"
#include "kernels/gemm_f32/gemm_f32.h"

namespace deixis {
namespace {

// Numbers of each row that are multiplied at a time.
constexpr int64_t kChunk = 2048;
// What the constant input by which the bias is fitted weighs against the others.
constexpr double kBiasWeight = 1e3;

// K + s I + w 1 1', with w large enough to leave the bias free.
struct System {
  Matrix matrix;
  double constant = 0;  // w
};

System SystemOf(const Matrix& kernel, const std::vector<int64_t>& rows, double penalty) {
  System system{.matrix = kernel(rows, rows)};
  const auto n = static_cast<double>(rows.size());
  const double scale = std::max(system.matrix.trace() / n, std::numeric_limits<double>::min());
  system.constant = kBiasWeight * scale;
  system.matrix.array() += system.constant;
  system.matrix.diagonal().array() += penalty * scale;
  return system;
}

// By fold its places in the rows.
std::vector<std::vector<int64_t>> PlacesByFold(const std::vector<int>& folds) {
  const int num_folds = folds.empty() ? 0 : *std::ranges::max_element(folds) + 1;
  std::vector<std::vector<int64_t>> places(num_folds <= 1 ? folds.size() : num_folds);
  for (size_t i = 0; i < folds.size(); ++i) {
    places[num_folds <= 1 ? i : folds[i]].push_back(static_cast<int64_t>(i));
  }
  return places;
}

// What each row's residual is when its fold is left out: of the inverse G of the system, the block
// of the fold solved for the fold's part of G Y. Exact; no fold is ever fitted by itself.
Matrix LeaveOut(const System& system, const Matrix& targets, const std::vector<int>& folds) {
  const auto n = system.matrix.rows();
  const Matrix inverse = system.matrix.llt().solve(Matrix::Identity(n, n));
  const Matrix dual = inverse * targets;
  Matrix predictions = targets;
  for (const std::vector<int64_t>& places : PlacesByFold(folds)) {
    if (places.empty()) continue;
    const Matrix block = inverse(places, places);
    const Matrix residuals = block.llt().solve(Matrix(dual(places, Eigen::all)));
    predictions(places, Eigen::all) -= residuals;
  }
  return predictions;
}

}  // namespace

Matrix CentredKernel(std::span<const float> values, int64_t num_rows, int64_t length,
                     ThreadPool& pool) {
  std::vector<double> sums(static_cast<size_t>(num_rows * num_rows));
  AlignedVector<float> chunk;
  for (int64_t begin = 0; begin < length; begin += kChunk) {
    const int64_t count = std::min(kChunk, length - begin);
    chunk.assign(static_cast<size_t>(count * num_rows), 0.0f);
    for (int64_t i = 0; i < count; ++i) {
      // Less the mean here already, so that no precision is lost to what all pictures share.
      double mean = 0;
      for (int64_t row = 0; row < num_rows; ++row) mean += values[row * length + begin + i];
      mean /= static_cast<double>(num_rows);
      for (int64_t row = 0; row < num_rows; ++row) {
        chunk[i * num_rows + row] = values[row * length + begin + i] - static_cast<float>(mean);
      }
    }
    SymmetricRankKUpdateF32(chunk.data(), count, num_rows, num_rows, sums.data(), &pool);
  }
  return Eigen::Map<Matrix>(sums.data(), num_rows, num_rows);
}

Matrix RidgeFit::Predict(const Matrix& kernel, const std::vector<int64_t>& which) const {
  return (kernel(which, rows) * dual).rowwise() + bias.transpose();
}

RidgeFit FitRidge(const Matrix& kernel, const std::vector<int64_t>& rows, const Matrix& targets,
                  double penalty) {
  const System system = SystemOf(kernel, rows, penalty);
  RidgeFit fit{.rows = rows, .dual = system.matrix.llt().solve(targets), .bias = {}};
  fit.bias = system.constant * fit.dual.colwise().sum().transpose();
  return fit;
}

RidgeChoice ChooseRidge(const Matrix& kernel, const std::vector<int64_t>& rows,
                        const Matrix& targets, const std::vector<int>& folds) {
  RidgeChoice best;
  double least = std::numeric_limits<double>::infinity();
  for (const double penalty : kRidgePenalties) {
    Matrix predictions = LeaveOut(SystemOf(kernel, rows, penalty), targets, folds);
    const double error = (predictions - targets).squaredNorm();
    if (error < least) {
      least = error;
      best = {.penalty = penalty, .held_out = std::move(predictions)};
    }
  }
  return best;
}

}  // namespace deixis
