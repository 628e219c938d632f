#include "kernels/gemm_f32/gemm_f32.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/rng.h"
#include "base/testing/compare.h"
#include "kernels/targets.h"

namespace deixis {
namespace {

using testing::FirstBitDifference;
using testing::FirstOutOfBound;
using testing::SumErrorFactor;

struct Update {
  std::vector<float> x;
  std::vector<double> h;  // before
};

Update RandomUpdate(int64_t num_rows, int64_t n, int64_t row_stride, uint64_t seed) {
  Rng rng(seed);
  Update update;
  update.x.resize(static_cast<size_t>(num_rows * row_stride));
  for (float& value : update.x) value = static_cast<float>(rng.Uniform(-1, 1));
  update.h.resize(static_cast<size_t>(n * n));
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = i; j < n; ++j) update.h[i * n + j] = update.h[j * n + i] = rng.Uniform(-1, 1);
  }
  return update;
}

void Check(int64_t num_rows, int64_t n, int64_t row_stride, ThreadPool* pool) {
  const uint64_t seed = static_cast<uint64_t>(num_rows * 1000 + n);
  const Update update = RandomUpdate(num_rows, n, row_stride, seed);
  std::vector<double> expected = update.h;
  SymmetricRankKUpdateF32Reference(update.x.data(), num_rows, n, row_stride, expected.data());

  // gamma of 512 terms in float, of the sum of the absolute terms; float64's own error is far
  // below.
  std::vector<float> absolute = update.x;
  for (float& value : absolute) value = std::abs(value);
  std::vector<double> bound(update.h.size(), 0.0);
  SymmetricRankKUpdateF32Reference(absolute.data(), num_rows, n, row_stride, bound.data());
  for (double& value : bound) value = value * SumErrorFactor(513) + 1e-12;

  for (const KernelTarget& target : SupportedKernelTargets()) {
    const ScopedKernelTarget forced(target);
    std::vector<double> actual = update.h;
    SymmetricRankKUpdateF32(update.x.data(), num_rows, n, row_stride, actual.data(), pool);
    const auto mismatch = FirstOutOfBound<double, double>(actual, expected, bound);
    EXPECT_FALSE(mismatch) << target.name << ", " << num_rows << " rows, n " << n << ", seed "
                           << seed << ": " << *mismatch;
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = 0; j < i; ++j) ASSERT_EQ(actual[i * n + j], actual[j * n + i]);
    }
  }
}

TEST(SymmetricRankKUpdateF32, ShapesAroundPanelsAndBlocks) {
  for (const int64_t n : {0, 1, 5, 6, 7, 27, 63, 64, 65, 129}) {
    for (const int64_t rows : {0, 1, 2, 17}) Check(rows, n, n + rows % 3, nullptr);
  }
  for (const int64_t rows : {511, 512, 513, 1031}) Check(rows, 67, 67, nullptr);
}

TEST(SymmetricRankKUpdateF32, ThreadsDoNotChangeABit) {
  const Update update = RandomUpdate(700, 300, 300, 5);
  std::vector<double> one = update.h;
  SymmetricRankKUpdateF32(update.x.data(), 700, 300, 300, one.data());
  for (const int num_threads : {2, 5}) {
    ThreadPool pool(num_threads);
    std::vector<double> many = update.h;
    SymmetricRankKUpdateF32(update.x.data(), 700, 300, 300, many.data(), &pool);
    const auto difference = FirstBitDifference<double>(many, one);
    EXPECT_FALSE(difference) << *difference;
  }
  ThreadPool pool(3);
  Check(40, 200, 200, &pool);
}

}  // namespace
}  // namespace deixis
