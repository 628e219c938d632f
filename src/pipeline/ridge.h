// Ridge regression in its dual form: with far fewer pictures than numbers per picture (a flatten
// head reads 25,088) it is the inner products of pictures that count, and everything about leaving
// some of them out follows from one factorization per penalty.
//
//   predictions = K(., rows) a + b,   a = (K + s I)^-1 (Y - b)
//
// with K the kernel of centred rows and s the penalty times the mean of its diagonal. The bias is
// not penalized (but for a hundredth of a per cent). Saunders, Gammerman and Vovk, "Ridge
// Regression Learning Algorithm in Dual Variables", 1998.
#pragma once

#include <Eigen/Core>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "base/thread_pool.h"

namespace deixis {

using Matrix = Eigen::MatrixXd;
using Vector = Eigen::VectorXd;

// As shares of a picture's mean squared distance from the mean picture.
inline constexpr std::array kRidgePenalties = {3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0};

// Inner products of the rows of `values` [num_rows, length], each less their mean. O(n^2 length).
Matrix CentredKernel(std::span<const float> values, int64_t num_rows, int64_t length,
                     ThreadPool& pool);

// A fit to some rows of a kernel.
struct RidgeFit {
  std::vector<int64_t> rows;
  Matrix dual;  // a: [rows, outputs]
  Vector bias;  // b: [outputs]

  // [which, outputs]
  Matrix Predict(const Matrix& kernel, const std::vector<int64_t>& which) const;
};
RidgeFit FitRidge(const Matrix& kernel, const std::vector<int64_t>& rows, const Matrix& targets,
                  double penalty);

// The penalty under which rows are predicted best by the fit that leaves their fold out (squared
// error), and these predictions. `folds` by row; one fold alone counts as each row for itself.
struct RidgeChoice {
  double penalty = 0;
  Matrix held_out;  // [rows, outputs]
};
RidgeChoice ChooseRidge(const Matrix& kernel, const std::vector<int64_t>& rows,
                        const Matrix& targets, const std::vector<int>& folds);

}  // namespace deixis
