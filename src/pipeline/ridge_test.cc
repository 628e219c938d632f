// The dual form against ordinary least squares with a penalty, written out, and leaving out against
// really leaving out.
#include "pipeline/ridge.h"

#include <gtest/gtest.h>

#include <Eigen/LU>

#include "base/rng.h"

namespace deixis {
namespace {

constexpr int64_t kRows = 30;
constexpr int64_t kLength = 7;

std::vector<float> RandomRows() {
  Rng rng(4);
  std::vector<float> values(kRows * kLength);
  for (float& value : values) value = static_cast<float>(3 + rng.Normal());
  return values;
}

Matrix AsMatrix(const std::vector<float>& values) {
  Matrix matrix(kRows, kLength);
  for (int64_t i = 0; i < kRows * kLength; ++i) matrix(i / kLength, i % kLength) = values[i];
  return matrix;
}

Matrix RandomTargets() {
  Rng rng(5);
  Matrix targets(kRows, 2);
  for (int64_t i = 0; i < kRows; ++i) targets.row(i) << rng.Normal() + 4, rng.Normal() - 1;
  return targets;
}

// Weights and bias of least squares with `penalty` times the mean squared norm of centred rows.
Matrix PredictPlainly(const Matrix& rows, const Matrix& targets, double penalty,
                      const Matrix& which, double scale) {
  const Eigen::RowVectorXd mean = rows.colwise().mean();
  const Eigen::RowVectorXd target_mean = targets.colwise().mean();
  const Matrix centred = rows.rowwise() - mean;
  Matrix normal = centred.transpose() * centred;
  normal.diagonal().array() += penalty * scale;
  const Matrix weight = normal.inverse() * centred.transpose() * (targets.rowwise() - target_mean);
  return ((which.rowwise() - mean) * weight).rowwise() + target_mean;
}

std::vector<int64_t> AllRows() {
  std::vector<int64_t> rows(kRows);
  for (int64_t i = 0; i < kRows; ++i) rows[i] = i;
  return rows;
}

TEST(CentredKernel, IsOfCentredRows) {
  ThreadPool pool(2);
  const std::vector<float> values = RandomRows();
  const Matrix rows = AsMatrix(values);
  const Matrix centred = rows.rowwise() - rows.colwise().mean();
  const Matrix kernel = CentredKernel(values, kRows, kLength, pool);
  EXPECT_LT((kernel - centred * centred.transpose()).cwiseAbs().maxCoeff(), 1e-4);
}

TEST(FitRidge, IsLeastSquaresWithAPenalty) {
  ThreadPool pool(1);
  const std::vector<float> values = RandomRows();
  const Matrix kernel = CentredKernel(values, kRows, kLength, pool);
  const Matrix targets = RandomTargets();
  const double scale = kernel.trace() / kRows;
  for (const double penalty : {1e-2, 1.0}) {
    const Matrix predicted = FitRidge(kernel, AllRows(), targets, penalty).Predict(kernel, {3, 8});
    const Matrix rows = AsMatrix(values);
    const Matrix expected = PredictPlainly(rows, targets, penalty, rows({3, 8}, Eigen::all), scale);
    EXPECT_LT((predicted - expected).cwiseAbs().maxCoeff(), 2e-3) << penalty;
  }
}

TEST(ChooseRidge, LeavingAFoldOutIsAFitWithoutIt) {
  ThreadPool pool(1);
  const std::vector<float> values = RandomRows();
  const Matrix kernel = CentredKernel(values, kRows, kLength, pool);
  const Matrix targets = RandomTargets();
  std::vector<int> folds;
  for (int64_t i = 0; i < kRows; ++i) folds.push_back(static_cast<int>(i * 3 / kRows));
  const RidgeChoice choice = ChooseRidge(kernel, AllRows(), targets, folds);
  // The same with the first fold really left out; the penalty is in units of all rows.
  const double scale = kernel.trace() / kRows;
  const Matrix rows = AsMatrix(values);
  const Matrix expected = PredictPlainly(rows.bottomRows(20), targets.bottomRows(20),
                                         choice.penalty, rows.topRows(10), scale);
  EXPECT_LT((choice.held_out.topRows(10) - expected).cwiseAbs().maxCoeff(), 5e-3);
  EXPECT_GT((choice.held_out - targets).cwiseAbs().maxCoeff(), 0.1);
}

TEST(ChooseRidge, NoiseWantsAPenaltyAndALineNone) {
  ThreadPool pool(1);
  const std::vector<float> values = RandomRows();
  const Matrix kernel = CentredKernel(values, kRows, kLength, pool);
  const Matrix line = AsMatrix(values).leftCols(2);
  const std::vector<int> folds(kRows, 0);  // each row for itself
  EXPECT_EQ(ChooseRidge(kernel, AllRows(), line, folds).penalty, kRidgePenalties.front());
  EXPECT_EQ(ChooseRidge(kernel, AllRows(), RandomTargets(), folds).penalty, kRidgePenalties.back());
}

}  // namespace
}  // namespace deixis
