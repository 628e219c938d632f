// Multinomial logistic regression: the head of a classifier on embeddings that stay as they are.
//
// Fitted by L-BFGS (Nocedal and Wright, "Numerical Optimization", 2006, algorithm 7.4), which needs
// some dozens of passes over embeddings that fit in a cache. Beside ridge regression of ±1 it names
// two to four more of a hundred pictures right when each category has five to twenty
// (docs/teaching.md).
#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <functional>
#include <span>

namespace deixis {

// The least value of a smooth function found by L-BFGS from `start`: `function(x, gradient)` gives
// the value and writes the gradient. Ends after max_steps, or when a step gains less than 1e-6 of
// the value. The value never rises.
Eigen::VectorXf MinimizeLbfgs(
    Eigen::VectorXf start,
    const std::function<double(const Eigen::VectorXf& x, Eigen::VectorXf& gradient)>& function,
    int max_steps);

struct SoftmaxHead {
  Eigen::MatrixXf weight;  // [length, categories]
  Eigen::VectorXf bias;    // [categories]

  // [rows, categories]
  Eigen::MatrixXf Logits(const Eigen::MatrixXf& embeddings) const {
    return (embeddings * weight).rowwise() + bias.transpose();
  }
};

// The summed cross entropy over the rows of `embeddings` [rows, length], labels below num_labels,
// plus penalty / 2 times the squared weights, for embeddings of which each feature has about the
// same variance, scaled to a mean squared norm of 1 around their mean (so that a penalty means the
// same for every backbone). The features of each map, `map_channels` of them in turn, are measured
// by one another: maps differ by more than their features do. The bias is not penalized.
SoftmaxHead FitSoftmaxHead(const Eigen::MatrixXf& embeddings, std::span<const int64_t> map_channels,
                           std::span<const int> labels, int num_labels, double penalty,
                           int max_steps = 60);

}  // namespace deixis
