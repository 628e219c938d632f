#include "compress/layer_fit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/rng.h"
#include "compress/int8_weights.h"

namespace deixis {
namespace {

// H = XᵀX / n + a little, of inputs that share `common` of their variation, and b = H w for some
// weights w: the least error is reached at w.
QuadraticProblem SomeProblem(int64_t rows, int64_t length, double common, uint64_t seed) {
  Rng rng(seed);
  const int64_t num_inputs = 4 * length;
  std::vector<double> inputs(num_inputs * length);
  for (int64_t r = 0; r < num_inputs; ++r) {
    const double shared = rng.Normal();
    for (int64_t i = 0; i < length; ++i) {
      inputs[r * length + i] =
          common * shared + (0.5 + 0.1 * static_cast<double>(i % 7)) * rng.Normal();
    }
  }
  QuadraticProblem problem;
  problem.shape = {rows, length};
  problem.hessian.resize(length * length);
  for (int64_t i = 0; i < length; ++i) {
    for (int64_t j = 0; j < length; ++j) {
      double sum = i == j ? 0.01 : 0.0;
      for (int64_t r = 0; r < num_inputs; ++r) {
        sum += inputs[r * length + i] * inputs[r * length + j] / static_cast<double>(num_inputs);
      }
      problem.hessian[i * length + j] = static_cast<float>(sum);
    }
  }
  problem.linear.assign(rows * length, 0.0f);
  for (int64_t o = 0; o < rows; ++o) {
    std::vector<double> weights(length);
    for (double& weight : weights) weight = 0.1 * rng.Normal();
    for (int64_t i = 0; i < length; ++i) {
      double sum = 0;
      for (int64_t j = 0; j < length; ++j) sum += problem.hessian[i * length + j] * weights[j];
      problem.linear[o * length + i] = static_cast<float>(sum);
    }
  }
  return problem;
}

// By the definition, in float64.
double ObjectiveOf(const QuadraticProblem& problem, const std::vector<float>& weights) {
  const int64_t length = problem.row_length();
  double objective = 0;
  for (int64_t o = 0; o < problem.num_rows(); ++o) {
    const float* w = weights.data() + o * length;
    for (int64_t i = 0; i < length; ++i) {
      double product = 0;
      for (int64_t j = 0; j < length; ++j)
        product += double{problem.hessian[i * length + j]} * w[j];
      objective += w[i] * (product - 2.0 * problem.linear[o * length + i]);
    }
  }
  return objective;
}

LayerFit MustFit(const QuadraticProblem& problem, int k, Granularity granularity, ThreadPool& pool,
                 std::span<const uint8_t> pruned = {}, bool prune_nearest_zero = false) {
  Result<LayerFit> fit = LayerFit::Create(problem, {.num_centroids = k, .granularity = granularity},
                                          pruned, prune_nearest_zero, pool);
  EXPECT_TRUE(fit.ok()) << (fit.ok() ? "" : fit.error().message);
  return std::move(fit).value();
}

TEST(LayerFitTest, ObjectiveIsThatOfTheDefinition) {
  const QuadraticProblem problem = SomeProblem(6, 20, 0.8, 1);
  ThreadPool pool(2);
  LayerFit fit = MustFit(problem, 4, Granularity::kGroup, pool);
  const double expected = ObjectiveOf(problem, DenseWeights(fit.palettization()));
  EXPECT_NEAR(fit.Objective(pool), expected, 1e-5 * std::fabs(expected));
}

TEST(LayerFitTest, ErrorFeedbackBeatsNearestCentroidsWhereInputsAreCorrelated) {
  const QuadraticProblem problem = SomeProblem(8, 40, 2.0, 2);
  ThreadPool pool(1);
  LayerFit fit = MustFit(problem, 4, Granularity::kGroup, pool);
  Palettization nearest = fit.palettization();
  // The least error of all weights is that of the solution; measure both from there.
  LayerFit exact = MustFit(problem, 256, Granularity::kRow, pool);
  const std::vector<float> solution = DenseWeights(exact.palettization());
  const double least = ObjectiveOf(problem, solution);
  Reassign(nearest, solution, pool);
  EXPECT_LT(fit.Objective(pool) - least,
            0.5 * (ObjectiveOf(problem, DenseWeights(nearest)) - least));
}

TEST(LayerFitTest, ErrorFeedbackBeatsTheNearestIntegersToo) {
  const int64_t rows = 6;
  const int64_t length = 50;
  const QuadraticProblem problem = SomeProblem(rows, length, 2.0, 9);
  ThreadPool pool(2);
  LayerFit exact = MustFit(problem, 256, Granularity::kRow, pool);  // a centroid for each weight
  const std::vector<float> solution = DenseWeights(exact.palettization());
  const double least = ObjectiveOf(problem, solution);
  std::vector<uint8_t> pruned(rows * length, 0);
  for (const bool prunes : {false, true}) {
    if (prunes) pruned[7] = pruned[length + 3] = 1;
    Result<LayerFit> fit = LayerFit::CreateInt8(problem, pruned, pool);
    ASSERT_TRUE(fit.ok());
    const Palettization& integers = fit->palettization();
    EXPECT_EQ(integers.num_centroids, 256);
    EXPECT_EQ(integers.group_rows, rows);
    if (prunes) {
      EXPECT_EQ(DenseWeights(integers)[7], 0);
      EXPECT_EQ(DenseWeights(integers)[length + 3], 0);
      break;
    }
    // The same scales, and the integers nearest to the solution.
    std::vector<float> nearest(solution.size());
    for (size_t at = 0; at < solution.size(); ++at) {
      const float scale = integers.scale[at / length];
      nearest[at] = scale * static_cast<float>(IndexOfInt8(solution[at] / scale) - 128);
    }
    EXPECT_LT(ObjectiveOf(problem, DenseWeights(integers)) - least,
              0.5 * (ObjectiveOf(problem, nearest) - least));
  }
}

TEST(LayerFitTest, WithoutCorrelationTheNearestCentroidIsBest) {
  QuadraticProblem problem = SomeProblem(4, 30, 0.0, 3);
  std::vector<float> weights(4 * 30);
  for (int64_t i = 0; i < 30; ++i) {
    for (int64_t j = 0; j < 30; ++j) {
      if (i != j) problem.hessian[i * 30 + j] = 0;
    }
    for (int64_t o = 0; o < 4; ++o) {
      weights[o * 30 + i] = problem.linear[o * 30 + i] / problem.hessian[i * 30 + i];
    }
  }
  ThreadPool pool(1);
  const LayerFit fit = MustFit(problem, 5, Granularity::kGroup, pool);
  Palettization nearest = fit.palettization();
  Reassign(nearest, weights, pool);
  EXPECT_EQ(nearest.indices, fit.palettization().indices);
}

TEST(LayerFitTest, EnoughCentroidsReachTheSolution) {
  const QuadraticProblem problem = SomeProblem(3, 25, 1.0, 4);
  ThreadPool pool(1);
  LayerFit fit = MustFit(problem, 32, Granularity::kRow, pool);
  // b = H w: at the least error the objective is -wᵀ b, and the gradient H w - b vanishes.
  const std::vector<float> weights = DenseWeights(fit.palettization());
  double expected = 0;
  for (size_t at = 0; at < weights.size(); ++at) expected -= weights[at] * problem.linear[at];
  EXPECT_NEAR(fit.Objective(pool), expected, 1e-4 * std::fabs(expected));
}

TEST(LayerFitTest, RoundsNeverRaiseTheError) {
  for (const Granularity granularity :
       {Granularity::kRow, Granularity::kGroup, Granularity::kTensor}) {
    for (const int k : {2, 3, 8, 16}) {
      const QuadraticProblem problem = SomeProblem(7, 36, 1.0, 5);
      ThreadPool pool(2);
      LayerFit fit = MustFit(problem, k, granularity, pool);
      double objective = fit.Objective(pool);
      for (int round = 0; round < 4; ++round) {
        fit.Improve(1, pool);
        const double next = fit.Objective(pool);
        EXPECT_LE(next, objective + 1e-5 * std::fabs(objective)) << "K " << k;
        objective = next;
      }
      fit.RoundToInt8(pool);
      objective = fit.Objective(pool);
      fit.Improve(2, pool);
      EXPECT_LE(fit.Objective(pool), objective + 1e-5 * std::fabs(objective)) << "int8, K " << k;
    }
  }
}

TEST(LayerFitTest, RoundedCodebooksAreIntegersAndStaySo) {
  const QuadraticProblem problem = SomeProblem(8, 30, 1.0, 6);
  ThreadPool pool(1);
  LayerFit fit = MustFit(problem, 8, Granularity::kGroup, pool);
  fit.RoundToInt8(pool);
  fit.Improve(3, pool);
  for (const float centroid : fit.palettization().centroids) {
    EXPECT_EQ(centroid, std::nearbyint(centroid));
    EXPECT_LE(std::fabs(centroid), 127.0f);
  }
  EXPECT_TRUE(Pack(fit.palettization(), DType::kI8).ok());
}

TEST(LayerFitTest, PrunedWeightsStayZero) {
  const QuadraticProblem problem = SomeProblem(5, 24, 1.0, 7);
  std::vector<uint8_t> pruned(5 * 24, 0);
  for (size_t at = 0; at < pruned.size(); at += 3) pruned[at] = 1;
  ThreadPool pool(1);
  LayerFit fit = MustFit(problem, 4, Granularity::kGroup, pool, pruned);
  fit.Improve(2, pool);
  fit.RoundToInt8(pool);
  fit.Improve(2, pool);
  const std::vector<float> weights = DenseWeights(fit.palettization());
  for (size_t at = 0; at < pruned.size(); ++at) {
    if (pruned[at] == 0) continue;
    EXPECT_EQ(weights[at], 0.0f) << at;
  }
}

TEST(LayerFitTest, TheCentroidNearestToZeroStaysZero) {
  const QuadraticProblem problem = SomeProblem(8, 24, 1.0, 8);
  ThreadPool pool(1);
  LayerFit fit = MustFit(problem, 3, Granularity::kGroup, pool, {}, /*prune_nearest_zero=*/true);
  const std::vector<uint8_t> pruned = fit.palettization().pruned;
  ASSERT_EQ(pruned.size(), 8u * 24u);
  fit.Improve(3, pool);
  fit.RoundToInt8(pool);
  fit.Improve(1, pool);
  const std::vector<float> weights = DenseWeights(fit.palettization());
  for (size_t at = 0; at < pruned.size(); ++at) {
    if (pruned[at] == 0) continue;
    EXPECT_EQ(weights[at], 0.0f) << at;
  }
  EXPECT_GT(std::ranges::count(weights, 0.0f), 0);
}

TEST(LayerFitTest, ThreadsDoNotChangeABit) {
  const QuadraticProblem problem = SomeProblem(10, 30, 1.0, 9);
  const auto run = [&](int threads) {
    ThreadPool pool(threads);
    LayerFit fit = MustFit(problem, 4, Granularity::kGroup, pool);
    fit.Improve(2, pool);
    fit.RoundToInt8(pool);
    fit.Improve(1, pool);
    return fit.palettization();
  };
  const Palettization one = run(1);
  const Palettization three = run(3);
  EXPECT_EQ(one.indices, three.indices);
  EXPECT_EQ(one.centroids, three.centroids);
  EXPECT_EQ(one.scale, three.scale);
}

TEST(LayerFitTest, AnIndefiniteMatrixIsRefused) {
  QuadraticProblem problem = SomeProblem(2, 6, 0.5, 10);
  problem.hessian[0] = -1;
  ThreadPool pool(1);
  EXPECT_FALSE(LayerFit::Create(problem, {.num_centroids = 2}, {}, false, pool).ok());
}

}  // namespace
}  // namespace deixis
