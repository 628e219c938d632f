#include "kernels/linear_f32/linear_f32.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/rng.h"
#include "base/testing/compare.h"
#include "kernels/targets.h"

namespace deixis {
namespace {

using testing::FirstOutOfBound;
using testing::GuardedBuffer;
using testing::SumErrorFactor;

std::vector<float> RandomFloats(Rng& rng, int64_t count) {
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = static_cast<float>(rng.Uniform(-1, 1));
  return values;
}

std::vector<float> Absolute(std::vector<float> values) {
  for (float& value : values) value = std::abs(value);
  return values;
}

TEST(LinearF32, AgreesWithPlainLoops) {
  uint64_t seed = 0;
  ThreadPool pool(2);
  for (const int64_t in : {0, 1, 7, 64, 513}) {
    for (const int64_t out : {1, 2, 10, 16, 17, 100, 129}) {
      for (const int64_t rows : {0, 1, 2, 7, 50}) {
        Rng rng(++seed);
        const std::vector<float> weights = RandomFloats(rng, in * out);
        const std::vector<float> bias =
            seed % 3 == 0 ? std::vector<float>() : RandomFloats(rng, out);
        const std::vector<float> input = RandomFloats(rng, rows * in);
        std::vector<float> expected(static_cast<size_t>(rows * out));
        LinearF32Reference(in, out, weights, bias, input.data(), expected.data(), rows);
        std::vector<float> sums(expected.size());
        LinearF32Reference(in, out, Absolute(weights), Absolute(bias), Absolute(input).data(),
                           sums.data(), rows);
        std::vector<double> bound(sums.begin(), sums.end());
        for (double& value : bound) value *= SumErrorFactor(in + 3);

        const PackedConv2dF32 packed = PackLinearF32(in, out, weights, bias);
        for (const KernelTarget& target : SupportedKernelTargets()) {
          const ScopedKernelTarget forced(target);
          GuardedBuffer<float> output(rows * out, 4);
          LinearF32(packed, input.data(), output.data(), rows, &pool);
          const auto mismatch = FirstOutOfBound<float, float>(output.span(), expected, bound);
          EXPECT_FALSE(mismatch) << target.name << ", seed " << seed << ", " << rows << " rows of "
                                 << in << " to " << out << ": " << *mismatch;
          EXPECT_TRUE(output.GuardsAreIntact());
        }
      }
    }
  }
}

}  // namespace
}  // namespace deixis
