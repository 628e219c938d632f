// The weights of one layer that disturb its output least, given that they share few centroids.
//
// With X̂ the rows of inputs that the layer sees, Y what it should give and W its weights, the
// squared error of the output is a quadratic form in W:
//
//   |X̂ Wᵀ - Y|² = Σ_o ( w_oᵀ H w_o - 2 b_oᵀ w_o ) + const,   H = X̂ᵀX̂ [I, I],  b_o = X̂ᵀ y_o [I]
//
// Nearest centroids ignore what is off the diagonal of H. Here the error of each rounded weight is
// passed on to the weights that are not rounded yet, where H says that they can make up for it
// ("error feedback": Frantar and Alistarh, "Optimal Brain Compression", 2022; GPTQ, 2022), in the
// form of Babai's nearest plane, which needs the Cholesky factor of H but not its inverse. Then,
// exactly and in turn, each step lowering the error: every weight moves to the centroid that is
// best while all others stay; scales and centroids are solved from their normal equations.
// Everything is deterministic, for any number of threads.
#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "compress/palettize.h"
#include "kernels/conv2d_f32/conv2d_f32.h"

namespace deixis {

struct QuadraticProblem {
  Shape shape;                 // of the weight; C_out rows of I
  std::vector<float> hessian;  // H [I, I], positive definite (damped)
  std::vector<float> linear;   // b [C_out, I]

  int64_t num_rows() const { return shape.at(0); }
  int64_t row_length() const { return static_cast<int64_t>(linear.size()) / num_rows(); }
};

class LayerFit {
 public:
  // Solves the problem without codebooks, clusters the solution (weighted by the diagonal of H) and
  // assigns by error feedback. `pruned` as in Palettize. With `prune_nearest_zero` the centroid
  // nearest to zero of each group is 0 from then on, and its weights stay 0. kInvalidData when H is
  // not positive definite to float precision.
  static Result<LayerFit> Create(QuadraticProblem problem, const PalettizeOptions& options,
                                 std::span<const uint8_t> pruned, bool prune_nearest_zero,
                                 ThreadPool& pool);

  // The same with plain int8 weights (int8_weights.h) in the place of codebooks. Not for Improve().
  static Result<LayerFit> CreateInt8(QuadraticProblem problem, std::span<const uint8_t> pruned,
                                     ThreadPool& pool);

  // Rounds of: scales, weights one at a time (two sweeps), centroids. The error never rises.
  void Improve(int num_rounds, ThreadPool& pool);

  // Another b for the same H: the target has changed.
  void SetLinear(std::vector<float> linear);

  // Centroids become integers of int8 and stay so in further rounds.
  void RoundToInt8(ThreadPool& pool);

  const Palettization& palettization() const { return palettization_; }
  // Σ_o ( w_oᵀ H w_o - 2 b_oᵀ w_o ) of the weights as they stand.
  double Objective(ThreadPool& pool);

 private:
  using RowMajorMatrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

  LayerFit() = default;
  static LayerFit Prepare(QuadraticProblem problem);
  Result<RowMajorMatrix> Factor(double damping) const;
  void Solve(const RowMajorMatrix& factor);
  int Nearest(std::span<const float> codebook, float value) const;
  void FeedBackErrors(const RowMajorMatrix& factor, ThreadPool& pool);
  std::vector<double> RowObjectives() const;
  void UpdateProducts(ThreadPool& pool);
  void RefitScales();
  int64_t SweepWeights(ThreadPool& pool);
  struct CentroidEquations;
  void RefitCentroids(ThreadPool& pool);
  void SumEquations(int64_t first, int64_t end, std::span<CentroidEquations> equations) const;
  void SolveCentroids(int64_t group, const std::vector<double>& matrix,
                      const std::vector<double>& right_side);

  QuadraticProblem problem_;
  PackedConv2dF32 packed_hessian_;
  std::vector<float> diagonal_;      // of H
  std::vector<int64_t> walk_order_;  // columns by descending diagonal
  Palettization palettization_;
  std::vector<float> weights_;   // as they stand, [C_out, I]
  std::vector<float> solution_;  // without codebooks, [C_out, I]
  std::vector<float> products_;  // weights_ * H, [C_out, I]
  bool integer_centroids_ = false;
  bool all_integers_ = false;  // the codebook is that of int8_weights.h
};

}  // namespace deixis
