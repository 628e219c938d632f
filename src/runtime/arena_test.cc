#include "runtime/arena.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/rng.h"

namespace deixis {
namespace {

constexpr int64_t kNoLimit = int64_t{1} << 40;

TEST(PlanArena, AChainNeedsTwoPlaces) {
  std::vector<ArenaValue> values;
  for (int i = 0; i < 10; ++i) values.push_back({.size = 64, .first_step = i, .last_step = i + 1});
  const auto size = PlanArena(values, 16, kNoLimit);
  ASSERT_TRUE(size.ok());
  EXPECT_EQ(*size, 128);
  EXPECT_TRUE(ProveArena(values, 16, *size).ok());
}

TEST(PlanArena, ARandomPlanIsProvedAndNotAbsurd) {
  const uint64_t seed = 7;
  Rng rng(seed);
  for (int round = 0; round < 200; ++round) {
    std::vector<ArenaValue> values;
    int64_t sum = 0;
    for (uint64_t i = rng.Below(30); i > 0; --i) {
      const int first = static_cast<int>(rng.Below(20));
      values.push_back({.size = static_cast<int64_t>(rng.Below(1000)),
                        .first_step = first,
                        .last_step = first + static_cast<int>(rng.Below(6))});
      sum += (values.back().size + 15) / 16 * 16;
    }
    const auto size = PlanArena(values, 16, kNoLimit);
    ASSERT_TRUE(size.ok());
    const Status proof = ProveArena(values, 16, *size);
    EXPECT_TRUE(proof.ok()) << "round " << round << " of seed " << seed << ": "
                            << proof.error().message;
    EXPECT_LE(*size, sum);
  }
}

TEST(PlanArena, RefusesToExceedTheLimit) {
  std::vector<ArenaValue> values = {{.size = 100, .first_step = 0, .last_step = 1},
                                    {.size = 100, .first_step = 1, .last_step = 2}};
  const auto size = PlanArena(values, 16, 200);
  ASSERT_FALSE(size.ok());
  EXPECT_EQ(size.error().code, ErrorCode::kResources);
}

TEST(ProveArena, FindsOverlapMisalignmentAndOverrun) {
  const std::vector<ArenaValue> good = {{.size = 20, .first_step = 0, .last_step = 1, .offset = 0},
                                        {.size = 8, .first_step = 1, .last_step = 2, .offset = 32}};
  EXPECT_TRUE(ProveArena(good, 16, 48).ok());
  EXPECT_FALSE(ProveArena(good, 16, 39).ok());
  std::vector<ArenaValue> bad = good;
  bad[1].offset = 16;
  EXPECT_FALSE(ProveArena(bad, 16, 48).ok());
  bad[1].first_step = 2;  // now they never meet
  EXPECT_TRUE(ProveArena(bad, 16, 48).ok());
  bad[1].offset = 33;
  EXPECT_FALSE(ProveArena(bad, 16, 48).ok());
  bad[1].offset = -16;
  EXPECT_FALSE(ProveArena(bad, 16, 48).ok());
}

}  // namespace
}  // namespace deixis
