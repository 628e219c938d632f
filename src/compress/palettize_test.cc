#include "compress/palettize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/rng.h"
#include "compress/int8_codebook.h"
#include "compress/prune.h"

namespace deixis {
namespace {

using ::testing::HasSubstr;

// Rows of normal weights with spreads that differ, as those of a network do.
std::vector<float> SomeWeights(int64_t rows, int64_t length, uint64_t seed) {
  Rng rng(seed);
  std::vector<float> weights(rows * length);
  for (int64_t row = 0; row < rows; ++row) {
    const double spread = rng.Uniform(0.01, 0.1);
    for (int64_t i = 0; i < length; ++i) {
      weights[row * length + i] = static_cast<float>(spread * rng.Normal());
    }
  }
  return weights;
}

Palettization MustPalettize(const std::vector<float>& weights, const Shape& shape, int k,
                            Granularity granularity, std::span<const float> importance = {},
                            std::span<const uint8_t> pruned = {}, int threads = 1) {
  ThreadPool pool(threads);
  PalettizeOptions options;
  options.num_centroids = k;
  options.granularity = granularity;
  Result<Palettization> result = Palettize(weights, shape, options, importance, pruned, pool);
  EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.error().message);
  return std::move(result).value();
}

void ExpectSameBits(const Palettization& a, const Palettization& b) {
  EXPECT_EQ(a.indices, b.indices);
  EXPECT_EQ(a.centroids, b.centroids);
  EXPECT_EQ(a.scale, b.scale);
}

// Batch norm folded into a channel that training has switched off leaves weights of next to nothing
// beside ordinary ones.
TEST(PalettizeTest, ADeadChannelDoesNotSpoilItsGroup) {
  std::vector<float> weights = SomeWeights(4, 60, 21);
  for (int64_t i = 0; i < 60; ++i) weights[2 * 60 + i] *= 1e-9f;
  std::vector<float> importance(60);
  Rng rng(22);
  for (float& value : importance) value = static_cast<float>(rng.Uniform(0.001, 1));
  const Palettization result = MustPalettize(weights, {4, 60}, 16, Granularity::kGroup, importance);
  for (const float centroid : result.centroids) EXPECT_LT(std::fabs(centroid), 10.0f);
  double square = 0;
  for (int64_t row = 0; row < 4; ++row) {
    for (int64_t i = 0; i < 60; ++i) {
      square += importance[i] * weights[row * 60 + i] * weights[row * 60 + i];
    }
  }
  EXPECT_LT(SquaredError(result, weights, importance), 0.02 * square);
}

TEST(PalettizeTest, RowsAreExactKMeans) {
  const std::vector<float> weights = SomeWeights(3, 100, 1);
  const Palettization result = MustPalettize(weights, {3, 100}, 5, Granularity::kRow);
  ASSERT_EQ(result.num_groups(), 3);
  double total = 0;
  for (int64_t row = 0; row < 3; ++row) {
    EXPECT_EQ(result.scale[row], 1.0f);
    const auto values = std::span(weights).subspan(row * 100, 100);
    const Clusters clusters = KMeans1D(*LinePoints::Create(values), 5);
    EXPECT_TRUE(std::ranges::equal(result.Codebook(row), clusters.centroids));
    total += clusters.inertia;
  }
  EXPECT_NEAR(SquaredError(result, weights), total, 1e-6 * total);
}

TEST(PalettizeTest, FinerGranularityIsBetterWithoutScales) {
  const std::vector<float> weights = SomeWeights(16, 72, 2);
  ThreadPool pool(1);
  double last = std::numeric_limits<double>::infinity();
  for (const Granularity granularity :
       {Granularity::kTensor, Granularity::kGroup, Granularity::kRow}) {
    PalettizeOptions options;
    options.granularity = granularity;
    options.channel_scales = false;
    const Palettization result = *Palettize(weights, {16, 8, 3, 3}, options, {}, {}, pool);
    const double error = SquaredError(result, weights);
    EXPECT_LT(error, last);
    last = error;
  }
}

TEST(PalettizeTest, ChannelScalesLowerTheErrorOfAGroup) {
  const std::vector<float> weights = SomeWeights(16, 72, 3);
  ThreadPool pool(1);
  PalettizeOptions options;
  const Palettization scaled = *Palettize(weights, {16, 72}, options, {}, {}, pool);
  options.channel_scales = false;
  const Palettization plain = *Palettize(weights, {16, 72}, options, {}, {}, pool);
  EXPECT_LT(SquaredError(scaled, weights), 0.8 * SquaredError(plain, weights));
}

TEST(PalettizeTest, CodebooksAscendAndIndicesAreTheNearest) {
  const std::vector<float> weights = SomeWeights(6, 50, 4);  // the last group is short
  const Palettization result = MustPalettize(weights, {6, 50}, 8, Granularity::kGroup);
  ASSERT_EQ(result.num_groups(), 2);
  for (int64_t group = 0; group < 2; ++group) {
    EXPECT_TRUE(std::ranges::is_sorted(result.Codebook(group)));
  }
  for (int64_t row = 0; row < 6; ++row) {
    for (int64_t at = row * 50; at < (row + 1) * 50; ++at) {
      const auto codebook = result.Codebook(result.GroupOfRow(row));
      const auto distance = [&](float centroid) {
        return std::fabs(weights[at] - result.scale[row] * centroid);
      };
      for (const float centroid : codebook) {
        EXPECT_LE(distance(codebook[result.indices[at]]), distance(centroid) + 1e-7f);
      }
    }
  }
}

TEST(PalettizeTest, FewerDistinctValuesThanCentroidsIsExact) {
  const std::vector<float> weights = {1, 2, 1, 2, 2, 1, 5, 5, 5, 5, 5, 5};
  const Palettization result = MustPalettize(weights, {2, 6}, 4, Granularity::kRow);
  EXPECT_EQ(SquaredError(result, weights), 0);
  EXPECT_EQ(DenseWeights(result), weights);
  const Palettization zeros =
      MustPalettize(std::vector<float>(12, 0.0f), {2, 6}, 4, Granularity::kGroup);
  EXPECT_EQ(DenseWeights(zeros), std::vector<float>(12, 0.0f));
}

TEST(PalettizeTest, ExtremeMagnitudesKeepTheirPrecision) {
  for (const float unit : {1e-30f, 1e-10f, 1e25f}) {
    std::vector<float> weights = SomeWeights(4, 64, 5);
    double square = 0;
    for (float& weight : weights) {
      weight *= unit;
      square += double{weight} * weight;
    }
    const Palettization result = MustPalettize(weights, {4, 64}, 16, Granularity::kGroup);
    EXPECT_LT(SquaredError(result, weights), 0.02 * square) << unit;
  }
}

TEST(PalettizeTest, ImportancePerColumnEqualsTheSameSpelledOutPerWeight) {
  const std::vector<float> weights = SomeWeights(8, 40, 6);
  Rng rng(7);
  std::vector<float> columns(40);
  for (float& value : columns) value = static_cast<float>(rng.Uniform(0.1, 2));
  std::vector<float> spelled;
  for (int row = 0; row < 8; ++row) spelled.insert(spelled.end(), columns.begin(), columns.end());
  const Palettization a = MustPalettize(weights, {8, 40}, 8, Granularity::kGroup, columns);
  const Palettization b = MustPalettize(weights, {8, 40}, 8, Granularity::kGroup, spelled);
  ExpectSameBits(a, b);
  const Palettization plain = MustPalettize(weights, {8, 40}, 8, Granularity::kGroup);
  EXPECT_LT(SquaredError(a, weights, columns), SquaredError(plain, weights, columns));
}

TEST(PalettizeTest, ThreadsDoNotChangeTheAnswer) {
  const std::vector<float> weights = SomeWeights(37, 120, 8);
  const Palettization one = MustPalettize(weights, {37, 120}, 16, Granularity::kGroup);
  const Palettization four = MustPalettize(weights, {37, 120}, 16, Granularity::kGroup, {}, {}, 4);
  ExpectSameBits(one, four);
}

TEST(PalettizeTest, RefusesWhatItCannotUse) {
  ThreadPool pool(1);
  const std::vector<float> weights(8, 1.0f);
  const auto error = [&](const std::vector<float>& values, const Shape& shape, int k,
                         std::vector<float> importance = {}) {
    PalettizeOptions options;
    options.num_centroids = k;
    const Result<Palettization> result = Palettize(values, shape, options, importance, {}, pool);
    EXPECT_FALSE(result.ok());
    return result.ok() ? Error{} : result.error();
  };
  EXPECT_EQ(error(weights, {2, 4}, 1).code, ErrorCode::kUsage);
  EXPECT_EQ(error(weights, {2, 4}, 257).code, ErrorCode::kUsage);
  EXPECT_EQ(error(weights, {0, 4}, 4).code, ErrorCode::kInvalidData);
  EXPECT_THAT(error(weights, {3, 4}, 4).message, HasSubstr("expected 12 values, found 8"));
  EXPECT_THAT(error(weights, {2, 4}, 4, {1, 2, 3}).message, HasSubstr("importance"));
  std::vector<float> broken = weights;
  broken[5] = std::nanf("");
  EXPECT_THAT(error(broken, {2, 4}, 4).message, HasSubstr("finite"));
  broken[5] = INFINITY;
  EXPECT_EQ(error(broken, {2, 4}, 4).code, ErrorCode::kInvalidData);
}

TEST(RefitTest, EachStepLowersTheWeightedError) {
  const std::vector<float> weights = SomeWeights(8, 90, 9);
  Rng rng(10);
  std::vector<float> importance(weights.size());
  for (float& value : importance) value = static_cast<float>(rng.Uniform(0, 1));
  ThreadPool pool(2);
  Palettization p = MustPalettize(weights, {8, 90}, 6, Granularity::kGroup);
  double last = SquaredError(p, weights, importance);
  for (int round = 0; round < 5; ++round) {
    RefitScales(p, weights, importance);
    const double after_scales = SquaredError(p, weights, importance);
    EXPECT_LE(after_scales, last * (1 + 1e-6));
    RefitCentroids(p, weights, importance);
    const double after_centroids = SquaredError(p, weights, importance);
    EXPECT_LE(after_centroids, after_scales * (1 + 1e-6));
    Reassign(p, weights, pool);
    last = SquaredError(p, weights, importance);
    EXPECT_LE(last, after_centroids * (1 + 1e-6));
  }
}

TEST(SortCodebookTest, KeepsTheWeightsAndTheHeldZero) {
  Palettization p;
  p.shape = {1, 4};
  p.num_centroids = 3;
  p.group_rows = 1;
  p.centroids = {5, 0, -2};
  p.scale = {1};
  p.indices = {0, 1, 2, 1};
  p.zero_index = {1};
  const std::vector<float> before = DenseWeights(p);
  SortCodebook(p, 0);
  EXPECT_EQ(p.centroids, (std::vector<float>{-2, 0, 5}));
  EXPECT_EQ(DenseWeights(p), before);
  p.centroids = {3, 1, 0};
  p.zero_index = {2};
  SortCodebook(p, 0);
  EXPECT_EQ(p.zero_index[0], 0);
}

TEST(Int8Test, RoundingCostsLittleAndPolishGains) {
  const std::vector<float> weights = SomeWeights(16, 144, 11);
  ThreadPool pool(2);
  for (const int k : {2, 4, 16}) {
    Palettization p = MustPalettize(weights, {16, 144}, k, Granularity::kGroup);
    const double exact = SquaredError(p, weights);
    RoundCodebooksToInt8(p, {}, pool);
    const double rounded = SquaredError(p, weights);
    EXPECT_LT(rounded, exact * 1.02) << k;
    PolishInt8Codebooks(p, weights, {}, pool);
    EXPECT_LE(SquaredError(p, weights), rounded * (1 + 1e-6)) << k;
    for (const float centroid : p.centroids) {
      EXPECT_EQ(centroid, std::nearbyint(centroid));
      EXPECT_LE(std::fabs(centroid), kMaxInt8Magnitude);
    }
    for (int64_t group = 0; group < p.num_groups(); ++group) {
      EXPECT_TRUE(std::ranges::is_sorted(p.Codebook(group)));
    }
  }
}

TEST(Int8Test, IntegersThatFitAreKeptExactly) {
  // -50, 0 and 100 lie on the grid of step 1: rounding has nothing to lose.
  const std::vector<float> weights = {-50, 0, 100, 100, 0, -50, -50, 0};
  ThreadPool pool(1);
  Palettization p = MustPalettize(weights, {1, 8}, 4, Granularity::kRow);
  RoundCodebooksToInt8(p, {}, pool);
  EXPECT_NEAR(SquaredError(p, weights), 0, 1e-6);
}

TEST(Int8Test, A256EntryCodebookStaysWithinRange) {
  const std::vector<float> weights = SomeWeights(1, 4000, 12);
  ThreadPool pool(1);
  Palettization p = MustPalettize(weights, {1, 4000}, 256, Granularity::kRow);
  RoundCodebooksToInt8(p, {}, pool);
  PolishInt8Codebooks(p, weights, {}, pool);
  double square = 0;
  for (const float weight : weights) square += double{weight} * weight;
  EXPECT_LT(SquaredError(p, weights), 1e-3 * square);
}

TEST(PackTest, UnpacksToTheSameWeights) {
  const std::vector<float> weights = SomeWeights(6, 27, 16);
  ThreadPool pool(1);
  for (const int k : {2, 3, 5, 16, 17, 256}) {
    Palettization p = MustPalettize(weights, {6, 3, 3, 3}, k, Granularity::kGroup);
    const Result<PalettizedTensor> floats = Pack(p, DType::kF32);
    ASSERT_TRUE(floats.ok());
    ASSERT_TRUE(Validate(*floats, "w").ok());
    EXPECT_EQ(Dequantize(*floats), DenseWeights(p)) << k;

    const Result<PalettizedTensor> halves = Pack(p, DType::kF16);
    ASSERT_TRUE(halves.ok());
    const std::vector<float> dense = DenseWeights(p);
    const std::vector<float> rounded = Dequantize(*halves);
    for (size_t i = 0; i < dense.size(); ++i) {
      EXPECT_NEAR(rounded[i], dense[i], std::fabs(dense[i]) * 0x1.0p-10f + 1e-7f);
    }

    EXPECT_FALSE(Pack(p, DType::kI8).ok()) << "centroids are not integers yet";
    RoundCodebooksToInt8(p, {}, pool);
    const Result<PalettizedTensor> bytes = Pack(p, DType::kI8);
    ASSERT_TRUE(bytes.ok());
    ASSERT_TRUE(Validate(*bytes, "w").ok());
    EXPECT_EQ(Dequantize(*bytes), DenseWeights(p)) << k;
    EXPECT_EQ(bytes->num_bytes(), 6 * ((27 * BitsPerIndex(k) + 7) / 8) + 2 * k + 6 * sizeof(float));
  }
}

TEST(PruneTest, NearestZeroIsRemovedAndNothingElse) {
  const std::vector<float> weights = SomeWeights(4, 60, 13);
  Palettization p = MustPalettize(weights, {4, 60}, 3, Granularity::kRow);
  const Palettization before = p;
  PruneNearestZero(p);
  EXPECT_EQ(p.indices, before.indices);
  for (int64_t row = 0; row < 4; ++row) {
    const auto old_codebook = before.Codebook(row);
    const auto codebook = p.Codebook(row);
    const int zero = p.ZeroIndex(row);
    for (int c = 0; c < 3; ++c) {
      EXPECT_EQ(codebook[c], c == zero ? 0.0f : old_codebook[c]);
      EXPECT_GE(std::fabs(old_codebook[c]), std::fabs(old_codebook[zero]));
    }
  }
  EXPECT_GT(Sparsity(p), 0.3);
}

TEST(PruneTest, PrunedStaysZeroThroughEveryLaterStep) {
  const std::vector<float> weights = SomeWeights(10, 80, 14);
  ThreadPool pool(2);
  const std::vector<uint8_t> mask = *MagnitudeMask(weights, 0.6);
  for (const Granularity granularity :
       {Granularity::kRow, Granularity::kGroup, Granularity::kTensor}) {
    Palettization p = MustPalettize(weights, {10, 80}, 8, granularity, {}, mask);
    const auto expect_zeros = [&](const char* step) {
      const std::vector<float> dense = DenseWeights(p);
      for (size_t i = 0; i < dense.size(); ++i) {
        if (mask[i] == 0) continue;
        EXPECT_EQ(dense[i], 0.0f) << step << " " << i;
      }
    };
    expect_zeros("palettize");
    RefitCentroids(p, weights, {});
    expect_zeros("refit centroids");
    RefitScales(p, weights, {});
    Reassign(p, weights, pool);
    expect_zeros("reassign");
    RoundCodebooksToInt8(p, {}, pool);
    expect_zeros("round to int8");
    PolishInt8Codebooks(p, weights, {}, pool);
    expect_zeros("polish");
    EXPECT_GE(Sparsity(p), 0.6);
  }
}

TEST(PruneTest, AWhollyPrunedGroupIsAllZero) {
  const std::vector<float> weights = SomeWeights(4, 10, 15);
  const std::vector<uint8_t> mask(40, 1);
  Palettization p = MustPalettize(weights, {4, 10}, 4, Granularity::kGroup, {}, mask);
  EXPECT_EQ(DenseWeights(p), std::vector<float>(40, 0.0f));
  ThreadPool pool(1);
  RoundCodebooksToInt8(p, {}, pool);
  PolishInt8Codebooks(p, weights, {}, pool);
  EXPECT_EQ(DenseWeights(p), std::vector<float>(40, 0.0f));
}

TEST(PruneTest, MagnitudeMaskTakesTheSmallestAndTheEarlierOfEquals) {
  const std::vector<float> weights = {3, -1, 2, 1, -2, 0};
  EXPECT_EQ(*MagnitudeMask(weights, 0.5), (std::vector<uint8_t>{0, 1, 0, 1, 0, 1}));
  EXPECT_EQ(*MagnitudeMask(weights, 0.67), (std::vector<uint8_t>{0, 1, 1, 1, 0, 1}));
  EXPECT_EQ(*MagnitudeMask(weights, 0), (std::vector<uint8_t>(6, 0)));
  EXPECT_EQ(*MagnitudeMask(weights, 1), (std::vector<uint8_t>(6, 1)));
  EXPECT_EQ(MagnitudeMask(weights, 1.5).error().code, ErrorCode::kUsage);
  EXPECT_FALSE(MagnitudeMask(weights, std::nan("")).ok());
}

}  // namespace
}  // namespace deixis
