#include "pipeline/unknown.h"

#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

#include "compress/metrics.h"

namespace deixis {
namespace {

using Matrix = Eigen::MatrixXd;
using Vector = Eigen::VectorXd;

// What is added to each variance, as a share of the mean variance within categories: a few dozen
// pictures tell little about small ones.
constexpr double kShrinkage = 0.1;
constexpr double kLeastRecall = 0.90;

Tensor ToTensor(const Matrix& matrix) {
  std::vector<float> values;
  for (Eigen::Index row = 0; row < matrix.rows(); ++row) {
    for (Eigen::Index column = 0; column < matrix.cols(); ++column) {
      values.push_back(static_cast<float>(matrix(row, column)));
    }
  }
  return Tensor::FromVector<float>({matrix.rows(), matrix.cols()}, std::move(values));
}

double Share(std::span<const double> scores, double threshold) {
  if (scores.empty()) return 0;
  const auto passed =
      std::ranges::count_if(scores, [&](double score) { return score >= threshold; });
  return static_cast<double>(passed) / static_cast<double>(scores.size());
}

}  // namespace

Rejection RejectionFrom(const Eigen::MatrixXf& logits, std::span<const int> labels) {
  const Matrix rows = logits.cast<double>();
  const Eigen::Index n = rows.cols();
  const auto count = static_cast<double>(rows.rows());
  Matrix means = Matrix::Zero(n, n);
  Vector sizes = Vector::Zero(n);
  for (Eigen::Index i = 0; i < rows.rows(); ++i) {
    means.row(labels[i]) += rows.row(i);
    sizes[labels[i]] += 1;
  }
  for (Eigen::Index c = 0; c < n; ++c) means.row(c) /= std::max(sizes[c], 1.0);
  Matrix within = rows;
  for (Eigen::Index i = 0; i < rows.rows(); ++i) within.row(i) -= means.row(labels[i]);
  const Vector mean = rows.colwise().mean();
  const Matrix around = rows.rowwise() - mean.transpose();
  Matrix covariance = within.transpose() * within / count;
  Matrix background = around.transpose() * around / count;
  const double shrinkage = kShrinkage * covariance.trace() / static_cast<double>(n) + 1e-9;
  covariance.diagonal().array() += shrinkage;
  background.diagonal().array() += shrinkage;
  const std::vector<double> centre(mean.begin(), mean.end());
  return {.means = ToTensor(means),
          .precision = ToTensor(covariance.inverse()),
          .background_mean =
              Tensor::FromVector<float>({n}, std::vector<float>(centre.begin(), centre.end())),
          .background_precision = ToTensor(background.inverse())};
}

float ChooseThreshold(std::span<const double> known, std::span<const double> unknown,
                      UnknownFigures& figures) {
  figures.roc = AreaUnderRoc(known, unknown);
  figures.fpr95 = FalsePositivesAtRecall(known, unknown, 0.95);
  double best = Quantile(known, 1 - kLeastRecall);
  double most = -1;
  for (const double threshold : known) {
    const double recall = Share(known, threshold);
    if (recall < kLeastRecall) continue;
    const double gain = recall - Share(unknown, threshold);
    if (gain > most) {
      most = gain;
      best = threshold;
    }
  }
  // A little below the picture itself, which is to pass also when it is computed in other bits.
  const auto threshold = static_cast<float>(best - 1e-3 * (1 + std::abs(best)));
  figures.recall = Share(known, threshold);
  figures.accepted = Share(unknown, threshold);
  return threshold;
}

}  // namespace deixis
