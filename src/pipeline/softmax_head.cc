#include "pipeline/softmax_head.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <utility>
#include <vector>

#include "kernels/linear_f32/linear_f32.h"

namespace deixis {
namespace {

using MatrixF = Eigen::MatrixXf;
using RowMajorF = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using VectorF = Eigen::VectorXf;

constexpr size_t kRemembered = 10;  // steps whose curvature is used
constexpr double kLeastGain = 1e-6;
constexpr int kMaxHalvings = 20;
// Of the mean variance of a map's features.
constexpr float kLeastVariance = 0.1f;

struct Step {
  VectorF x;         // how far it went
  VectorF gradient;  // how the gradient changed
  float curvature;   // their product
};

// The direction of steepest descent in the metric that the last steps suggest.
VectorF Direction(const VectorF& gradient, const std::deque<Step>& steps) {
  VectorF direction = -gradient;
  std::vector<float> factors(steps.size());
  for (size_t i = steps.size(); i-- > 0;) {
    factors[i] = steps[i].x.dot(direction) / steps[i].curvature;
    direction -= factors[i] * steps[i].gradient;
  }
  if (!steps.empty()) direction *= steps.back().curvature / steps.back().gradient.squaredNorm();
  for (size_t i = 0; i < steps.size(); ++i) {
    const float factor = steps[i].gradient.dot(direction) / steps[i].curvature;
    direction += (factors[i] - factor) * steps[i].x;
  }
  return direction;
}

}  // namespace

Eigen::VectorXf MinimizeLbfgs(VectorF start,
                              const std::function<double(const VectorF&, VectorF&)>& function,
                              int max_steps) {
  VectorF x = std::move(start);
  VectorF gradient(x.size());
  double value = function(x, gradient);
  std::deque<Step> steps;
  VectorF tried_gradient(x.size());
  for (int i = 0; i < max_steps; ++i) {
    VectorF direction = Direction(gradient, steps);
    double slope = gradient.dot(direction);
    if (!(slope < 0)) {  // curvature lost to rounding
      steps.clear();
      direction = -gradient;
      slope = -gradient.squaredNorm();
      if (slope == 0) break;
    }
    float length = steps.empty() ? 1.0f / std::max(1.0f, gradient.norm()) : 1.0f;
    VectorF tried;
    double tried_value = std::numeric_limits<double>::infinity();
    int halvings = 0;
    for (; halvings < kMaxHalvings; ++halvings, length /= 2) {
      tried = x + length * direction;
      tried_value = function(tried, tried_gradient);
      if (tried_value <= value + 1e-4 * length * slope) break;
    }
    if (halvings == kMaxHalvings) break;
    Step step{.x = tried - x, .gradient = tried_gradient - gradient, .curvature = 0};
    step.curvature = step.x.dot(step.gradient);
    const double gain = value - tried_value;
    x = std::move(tried);
    std::swap(gradient, tried_gradient);
    value = tried_value;
    if (step.curvature > 0) {
      steps.push_back(std::move(step));
      if (steps.size() > kRemembered) steps.pop_front();
    }
    if (gain < kLeastGain * std::abs(value)) break;
  }
  return x;
}

SoftmaxHead FitSoftmaxHead(const MatrixF& embeddings, std::span<const int64_t> map_channels,
                           std::span<const int> labels, int num_labels, double penalty,
                           int max_steps) {
  const Eigen::Index length = embeddings.cols();
  const VectorF mean = embeddings.colwise().mean();
  MatrixF inputs = embeddings.rowwise() - mean.transpose();
  const VectorF variance =
      inputs.colwise().squaredNorm().transpose() / static_cast<float>(inputs.rows());
  VectorF scale = VectorF::Ones(length);
  Eigen::Index first = 0;
  for (const int64_t channels : map_channels) {
    // Features that hardly vary are not blown up to what is mostly noise.
    const auto of_map = variance.segment(first, channels);
    const float least = kLeastVariance * of_map.mean();
    if (least > 0) scale.segment(first, channels) = (of_map.array() + least).rsqrt();
    first += channels;
  }
  inputs *= scale.asDiagonal();
  const float norm = std::sqrt(inputs.squaredNorm() / static_cast<float>(inputs.rows()));
  if (norm > 0) {
    inputs /= norm;
    scale /= norm;
  }
  const Eigen::Index num_weights = length * num_labels;
  // Both products of a step run in the runtime's kernels, which choose their instructions when they
  // run; Eigen, compiled for any processor, takes a fit twice as long. A column-major matrix is the
  // row-major one of its transpose.
  const RowMajorF rows = inputs;
  RowMajorF shares(inputs.rows(), num_labels);
  RowMajorF gradient_rows(length, num_labels);
  const auto cost = [&](const VectorF& x, VectorF& gradient) {
    const std::span<const float> values(x.data(), static_cast<size_t>(x.size()));
    const auto split = static_cast<size_t>(num_weights);
    LinearF32(PackLinearF32(length, num_labels, values.first(split), values.subspan(split)),
              rows.data(), shares.data(), rows.rows());
    double sum = 0;
    for (Eigen::Index row = 0; row < shares.rows(); ++row) {
      const float largest = shares.row(row).maxCoeff();
      const float of_label = shares(row, labels[row]) - largest;
      shares.row(row) = (shares.row(row).array() - largest).exp();
      const float total = shares.row(row).sum();
      shares.row(row) /= total;
      sum += std::log(double{total}) - of_label;
      shares(row, labels[row]) -= 1;
    }
    const MatrixF by_label = shares;
    LinearF32(PackLinearF32(inputs.rows(), num_labels,
                            {by_label.data(), static_cast<size_t>(by_label.size())}),
              inputs.data(), gradient_rows.data(), length);
    const Eigen::Map<const MatrixF> weight(x.data(), length, num_labels);
    Eigen::Map<MatrixF> weight_gradient(gradient.data(), length, num_labels);
    weight_gradient = gradient_rows + static_cast<float>(penalty) * weight;
    gradient.tail(num_labels) = shares.colwise().sum().transpose();
    return sum + penalty / 2 * double{weight.squaredNorm()};
  };
  const VectorF x = MinimizeLbfgs(VectorF::Zero(num_weights + num_labels), cost, max_steps);
  SoftmaxHead head;
  head.weight = scale.asDiagonal() * Eigen::Map<const MatrixF>(x.data(), length, num_labels);
  head.bias = x.tail(num_labels) - head.weight.transpose() * mean;
  return head;
}

}  // namespace deixis
