#include "kernels/peak/peak.h"

#include <gtest/gtest.h>

#include "kernels/testing/targets_to_test.h"

namespace deixis {
namespace {

// What the accumulators hold is what was done, so it grows by the same number in every round.
TEST(PeakLoop, CountsWhatItDoes) {
  for (const KernelTarget& target : testing::TargetsToTest()) {
    const ScopedKernelTarget scoped(target);
    for (const auto loop : {PeakLoopF32, PeakLoopU8}) {
      EXPECT_EQ(loop(0), 0) << target.name;
      const int64_t of_one = loop(1);
      EXPECT_GE(of_one, 4 * 12) << target.name;
      EXPECT_EQ(loop(77), 77 * of_one) << target.name;
      EXPECT_EQ(loop(kMaxPeakRounds), kMaxPeakRounds * of_one) << target.name;
    }
    // Four bytes in the place of one float.
    EXPECT_EQ(PeakLoopU8(1), 4 * PeakLoopF32(1)) << target.name;
  }
}

}  // namespace
}  // namespace deixis
