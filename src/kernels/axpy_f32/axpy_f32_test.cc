#include "kernels/axpy_f32/axpy_f32.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/rng.h"
#include "kernels/targets.h"

namespace deixis {
namespace {

TEST(AxpyF32Test, EveryTargetLengthAndAlignment) {
  Rng rng(1);
  for (const KernelTarget& target : SupportedKernelTargets()) {
    const ScopedKernelTarget forced(target);
    for (const int64_t n : {0, 1, 3, 4, 5, 7, 8, 15, 16, 17, 31, 33, 97, 256}) {
      for (const int64_t offset : {0, 1}) {
        std::vector<float> x(n + offset + 1);
        std::vector<float> y(n + offset + 1);
        for (float& value : x) value = static_cast<float>(rng.Uniform(-1, 1));
        for (float& value : y) value = static_cast<float>(rng.Uniform(-1, 1));
        const auto a = static_cast<float>(rng.Uniform(-2, 2));
        std::vector<float> actual = y;
        AddScaledF32(a, x.data() + offset, actual.data() + offset, n);
        for (int64_t i = 0; i < n + offset + 1; ++i) {
          if (i < offset || i == n + offset) {  // guards
            EXPECT_EQ(actual[i], y[i]) << target.name << ", n " << n;
            continue;
          }
          const double product = double{a} * x[i];
          const double expected = y[i] + product;
          // At most one rounding of the product and one of the sum.
          const double bound = 0x1.0p-24 * (std::fabs(product) + std::fabs(expected)) * 1.001;
          EXPECT_NEAR(actual[i], expected, bound) << target.name << ", n " << n << ", i " << i;
        }
      }
    }
  }
}

TEST(AxpyF32Test, ReferenceOnKnownNumbers) {
  const std::vector<float> x = {1, -2, 0.5f};
  std::vector<float> y = {10, 20, 30};
  AddScaledF32Reference(2, x.data(), y.data(), 3);
  EXPECT_EQ(y, (std::vector<float>{12, 16, 31}));
  AddScaledF32(2, x.data(), y.data(), 3);
  EXPECT_EQ(y, (std::vector<float>{14, 12, 32}));
}

}  // namespace
}  // namespace deixis
