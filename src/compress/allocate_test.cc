#include "compress/allocate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "base/rng.h"

namespace deixis {
namespace {

using ::testing::HasSubstr;

// Larger forms usually damage less, but not always, and not convexly.
std::vector<LayerOptions> RandomLayers(Rng& rng, int num_layers, int num_options,
                                       int64_t unit_bytes) {
  std::vector<LayerOptions> layers(num_layers);
  for (LayerOptions& options : layers) {
    const auto size = static_cast<int64_t>(1 + rng.Below(20)) * unit_bytes;
    for (int o = 0; o < num_options; ++o) {
      LayerOption option;
      option.num_bytes = size * (o + 1) + static_cast<int64_t>(rng.Below(unit_bytes));
      option.damage = std::exp2(-o) * rng.Uniform(0.3, 3);
      options.push_back(option);
    }
  }
  return layers;
}

void ForEachAllocation(const std::vector<LayerOptions>& layers,
                       const std::function<void(int64_t, double)>& body) {
  const std::function<void(size_t, int64_t, double)> visit = [&](size_t layer, int64_t num_bytes,
                                                                 double damage) {
    if (layer == layers.size()) return body(num_bytes, damage);
    for (const LayerOption& option : layers[layer]) {
      visit(layer + 1, num_bytes + option.num_bytes, damage + option.damage);
    }
  };
  visit(0, 0, 0);
}

void ExpectConsistent(const std::vector<LayerOptions>& layers, const Allocation& allocation) {
  ASSERT_EQ(allocation.choice.size(), layers.size());
  int64_t num_bytes = 0;
  double damage = 0;
  for (size_t layer = 0; layer < layers.size(); ++layer) {
    num_bytes += layers[layer][allocation.choice[layer]].num_bytes;
    damage += layers[layer][allocation.choice[layer]].damage;
  }
  EXPECT_EQ(allocation.num_bytes, num_bytes);
  EXPECT_NEAR(allocation.damage, damage, 1e-9);
}

TEST(AllocateForBytesTest, EqualsBruteForceOnSmallInstances) {
  Rng rng(1);
  for (int trial = 0; trial < 60; ++trial) {
    const std::vector<LayerOptions> layers = RandomLayers(rng, 6, 4, 10);
    int64_t smallest = std::numeric_limits<int64_t>::max();
    int64_t largest = 0;
    ForEachAllocation(layers, [&](int64_t num_bytes, double) {
      smallest = std::min(smallest, num_bytes);
      largest = std::max(largest, num_bytes);
    });
    const int64_t target = smallest + static_cast<int64_t>(rng.Below(largest - smallest));
    double best_filled = std::numeric_limits<double>::infinity();
    double best = best_filled;
    ForEachAllocation(layers, [&](int64_t num_bytes, double damage) {
      if (num_bytes > target) return;
      best = std::min(best, damage);
      if (static_cast<double>(num_bytes) >= kMinFill * static_cast<double>(target)) {
        best_filled = std::min(best_filled, damage);
      }
    });
    const Result<Allocation> allocation = AllocateForBytes(layers, target);
    ASSERT_TRUE(allocation.ok());
    ExpectConsistent(layers, *allocation);
    EXPECT_LE(allocation->num_bytes, target);
    EXPECT_LE(allocation->damage, (std::isfinite(best_filled) ? best_filled : best) + 1e-9)
        << trial;
  }
}

TEST(AllocateForBytesTest, FillsLargeTargetsToNinetySevenPercent) {
  Rng rng(2);
  for (int trial = 0; trial < 10; ++trial) {
    const std::vector<LayerOptions> layers = RandomLayers(rng, 60, 8, 30'000);
    int64_t smallest = 0;
    int64_t largest = 0;
    for (const LayerOptions& options : layers) {
      smallest += options.front().num_bytes;
      largest += options.back().num_bytes;
    }
    const auto target = static_cast<int64_t>(
        rng.Uniform(1.1 * static_cast<double>(smallest), 0.8 * static_cast<double>(largest)));
    const Result<Allocation> allocation = AllocateForBytes(layers, target);
    ASSERT_TRUE(allocation.ok());
    ExpectConsistent(layers, *allocation);
    EXPECT_LE(allocation->num_bytes, target);
    EXPECT_GE(static_cast<double>(allocation->num_bytes), 0.97 * static_cast<double>(target));
  }
}

TEST(AllocateForBytesTest, BeatsTheUniformPlanOfTheSameSize) {
  Rng rng(3);
  const std::vector<LayerOptions> layers = RandomLayers(rng, 21, 8, 10'000);
  for (int uniform = 1; uniform < 7; ++uniform) {
    int64_t num_bytes = 0;
    double damage = 0;
    for (const LayerOptions& options : layers) {
      num_bytes += options[uniform].num_bytes;
      damage += options[uniform].damage;
    }
    EXPECT_LT(AllocateForBytes(layers, num_bytes)->damage, damage);
  }
}

TEST(AllocateForBytesTest, TheSmallestFormsThatJustFitAreFound) {
  std::vector<LayerOptions> layers(100, {{1'000'001, 1.0}, {2'000'000, 0.5}});
  const Result<Allocation> allocation = AllocateForBytes(layers, 100 * 1'000'001);
  ASSERT_TRUE(allocation.ok());
  EXPECT_EQ(allocation->num_bytes, 100 * 1'000'001);
}

TEST(AllocateForBytesTest, TakesTheBestOfEachWhenAllFit) {
  const std::vector<LayerOptions> layers = {{{10, 3.0}, {20, 1.0}, {30, 2.0}}, {{5, 0.0}}};
  const Result<Allocation> allocation = AllocateForBytes(layers, 1000);
  ASSERT_TRUE(allocation.ok());
  EXPECT_EQ(allocation->choice, (std::vector<int>{1, 0}));
}

TEST(AllocateForBytesTest, SaysWhatWouldFit) {
  const std::vector<LayerOptions> layers = {{{10, 3.0}, {20, 1.0}}, {{5, 0.0}}};
  const Result<Allocation> allocation = AllocateForBytes(layers, 14);
  ASSERT_FALSE(allocation.ok());
  EXPECT_EQ(allocation.error().code, ErrorCode::kUsage);
  EXPECT_THAT(allocation.error().message, HasSubstr("15 bytes"));
  EXPECT_EQ(AllocateForBytes({{}}, 10).error().code, ErrorCode::kInvalidData);
  EXPECT_FALSE(AllocateForBytes({{{-1, 0.0}}}, 10).ok());
  EXPECT_FALSE(AllocateForBytes({{{1, NAN}}}, 10).ok());
}

TEST(AllocateForBytesTest, OptionsThatFailedAreNeverChosen) {
  const std::vector<LayerOptions> layers = {{{10, NAN}, {11, 5.0}, {12, INFINITY}}};
  EXPECT_EQ(AllocateForBytes(layers, 12)->choice[0], 1);
  EXPECT_EQ(AllocateForDamage(layers, 100)->choice[0], 1);
}

TEST(AllocateForDamageTest, EqualsBruteForceOnSmallInstances) {
  Rng rng(4);
  for (int trial = 0; trial < 60; ++trial) {
    const std::vector<LayerOptions> layers = RandomLayers(rng, 6, 4, 10);
    double least = std::numeric_limits<double>::infinity();
    ForEachAllocation(layers, [&](int64_t, double damage) { least = std::min(least, damage); });
    const double max_damage = least * rng.Uniform(1.001, 4);
    int64_t fewest = std::numeric_limits<int64_t>::max();
    ForEachAllocation(layers, [&](int64_t num_bytes, double damage) {
      if (damage <= max_damage) fewest = std::min(fewest, num_bytes);
    });
    const Result<Allocation> allocation = AllocateForDamage(layers, max_damage);
    ASSERT_TRUE(allocation.ok());
    ExpectConsistent(layers, *allocation);
    EXPECT_LE(allocation->damage, max_damage + 1e-9);
    EXPECT_EQ(allocation->num_bytes, fewest) << trial;
  }
}

TEST(AllocateForDamageTest, SaysWhatCannotBeHad) {
  const std::vector<LayerOptions> layers = {{{10, 3.0}, {20, 1.0}}};
  EXPECT_EQ(AllocateForDamage(layers, 0.5).error().code, ErrorCode::kUsage);
  EXPECT_FALSE(AllocateForDamage(layers, NAN).ok());
  EXPECT_EQ(AllocateForDamage(layers, 3)->choice[0], 0);
}

}  // namespace
}  // namespace deixis
