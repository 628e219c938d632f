// rANS: what goes in comes out, at the size the document states, and no stream does harm.
#include "format/rans.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "base/rng.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace deixis {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Result<std::vector<uint8_t>> Decode(std::span<const uint8_t> stream, int num_symbols,
                                    int64_t num_indices) {
  DEIXIS_ASSIGN(RansDecoder decoder, RansDecoder::Create(stream, num_symbols, num_indices));
  std::vector<uint8_t> indices(static_cast<size_t>(num_indices));
  // In two runs of odd sizes: a run need not end at a state's turn.
  const size_t first = indices.size() / 3;
  DEIXIS_RETURN_IF_ERROR(decoder.Decode(std::span(indices).first(first)));
  DEIXIS_RETURN_IF_ERROR(decoder.Decode(std::span(indices).subspan(first)));
  DEIXIS_RETURN_IF_ERROR(decoder.Finish());
  return indices;
}

// The bits that the frequencies of the stream promise.
double PromisedBits(std::span<const uint8_t> stream, std::span<const uint8_t> indices) {
  double bits = 0;
  for (uint8_t index : indices) {
    const int frequency = stream[2 * index] | stream[2 * index + 1] << 8;
    bits += std::log2(static_cast<double>(kRansTotal) / frequency);
  }
  return bits;
}

void ExpectRoundTrip(const std::vector<uint8_t>& indices, int num_symbols) {
  const auto stream = RansEncode(indices, num_symbols);
  const auto decoded = Decode(stream, num_symbols, static_cast<int64_t>(indices.size()));
  ASSERT_TRUE(decoded.ok()) << decoded.error().message;
  ASSERT_EQ(*decoded, indices);
  const double word_bits = 8.0 * (static_cast<double>(stream.size()) - 2 * num_symbols - 16);
  // The document's formula, within 64 bits and the rounding of 32-bit states.
  const double promised = PromisedBits(stream, indices);
  EXPECT_LE(std::abs(word_bits - promised), 64 + 0.001 * static_cast<double>(indices.size()));
}

TEST(RansFrequencies, SumToTheTotalAndLoseNoSymbol) {
  EXPECT_THAT(RansFrequencies(std::vector<int64_t>{5, 1, 1, 1}), ElementsAre(2560, 512, 512, 512));
  EXPECT_THAT(RansFrequencies(std::vector<int64_t>{1'000'000, 0}), ElementsAre(4064, 32));
  EXPECT_THAT(RansFrequencies(std::vector<int64_t>{0, 0, 9}),
              ElementsAre(::testing::_, ::testing::_, 4064));
  Rng rng(3);
  for (int trial = 0; trial < 500; ++trial) {
    std::vector<int64_t> counts(2 + rng.Below(255));
    for (int64_t& count : counts) {
      count = static_cast<int64_t>(std::exp(rng.Uniform(-3, 20)));
    }
    const auto frequencies = RansFrequencies(counts);
    EXPECT_EQ(std::accumulate(frequencies.begin(), frequencies.end(), 0), kRansTotal);
    for (size_t s = 0; s < counts.size(); ++s) {
      EXPECT_LE(frequencies[s], kRansMaxFrequency);
      EXPECT_GE(frequencies[s], counts[s] > 0 ? 1 : 0);
    }
  }
  EXPECT_EQ(RansFrequencies(std::vector<int64_t>(256)).size(), 256u);  // nothing occurs
}

TEST(Rans, RoundTripForEveryAlphabetAndLength) {
  Rng rng(5);
  for (int num_symbols : {2, 3, 4, 7, 8, 16, 17, 64, 255, 256}) {
    for (size_t length : {0u, 1u, 2u, 3u, 4u, 5u, 8u, 63u, 1000u}) {
      std::vector<uint8_t> indices(length);
      for (uint8_t& index : indices) {
        const double skewed = std::pow(rng.Unit(), 4) * num_symbols;
        index = static_cast<uint8_t>(skewed);
      }
      ExpectRoundTrip(indices, num_symbols);
      if (HasFatalFailure()) FAIL() << num_symbols << " symbols, length " << length;
    }
  }
}

TEST(Rans, RoundTripOfConstantsKeepsTheExpansionBound) {
  for (uint8_t symbol : {uint8_t{0}, uint8_t{1}, uint8_t{255}}) {
    const std::vector<uint8_t> indices(1'000'003, symbol);
    ExpectRoundTrip(indices, 256);
  }
  ExpectRoundTrip(std::vector<uint8_t>(1'000'003, 1), 2);
}

// The sixteen cells of the best quantizer of a Gaussian (Lloyd's fixed point, found here).
std::vector<double> GaussianBorders(int num_cells) {
  std::vector<double> centroids(static_cast<size_t>(num_cells));
  for (int i = 0; i < num_cells; ++i) centroids[i] = -2.7 + 5.4 * i / (num_cells - 1);
  const auto density = [](double x) { return std::exp(-x * x / 2) / std::sqrt(2 * M_PI); };
  const auto below = [](double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); };
  std::vector<double> borders(centroids.size() - 1);
  for (int round = 0; round < 5000; ++round) {
    for (size_t i = 0; i < borders.size(); ++i) borders[i] = (centroids[i] + centroids[i + 1]) / 2;
    for (size_t i = 0; i < centroids.size(); ++i) {
      const double low = i == 0 ? -40 : borders[i - 1];
      const double high = i == borders.size() ? 40 : borders[i];
      centroids[i] = (density(low) - density(high)) / (below(high) - below(low));
    }
  }
  return borders;
}

TEST(Rans, GainsWhatTheDocumentStatesOnAGaussian) {
  const std::vector<double> borders = GaussianBorders(16);
  Rng rng(11);
  std::vector<uint8_t> indices(512 * 512 * 9);
  for (uint8_t& index : indices) {
    const double weight = rng.Normal();
    index = static_cast<uint8_t>(std::upper_bound(borders.begin(), borders.end(), weight) -
                                 borders.begin());
  }
  const auto stream = RansEncode(indices, 16);
  const double gain =
      1.0 - static_cast<double>(stream.size()) / (static_cast<double>(indices.size()) / 2);
  RecordProperty("gain_percent", std::to_string(100 * gain));
  EXPECT_NEAR(gain, 0.058, 0.001);  // 1 - 3.77 / 4
}

TEST(Rans, GainsMoreOnAPrunedLayer) {
  Rng rng(12);
  std::vector<uint8_t> indices(100'000);
  for (uint8_t& index : indices) {
    index = rng.Unit() < 0.8 ? 7 : static_cast<uint8_t>(rng.Below(16));
  }
  // p(7) = 0.8125, the others 0.0125 each: 1.43 bits instead of 4.
  const auto stream = RansEncode(indices, 16);
  EXPECT_NEAR(8.0 * static_cast<double>(stream.size()) / static_cast<double>(indices.size()), 1.43,
              0.03);
}

std::string Complaint(std::span<const uint8_t> stream, int num_symbols, int64_t num_indices) {
  const auto decoded = Decode(stream, num_symbols, num_indices);
  if (decoded.ok()) return "";
  EXPECT_EQ(decoded.error().code, ErrorCode::kInvalidData);
  return decoded.error().message;
}

TEST(Rans, RefusesBadStreamsInWords) {
  std::vector<uint8_t> indices(100);
  for (size_t i = 0; i < indices.size(); ++i) indices[i] = static_cast<uint8_t>(i % 4);
  const auto good = RansEncode(indices, 4);  // frequencies 1024 each
  ASSERT_EQ(Complaint(good, 4, 100), "");

  EXPECT_THAT(Complaint(std::span(good).first(23), 4, 100), HasSubstr("at least 24, found 23"));
  EXPECT_THAT(Complaint(std::span(good).first(good.size() - 1), 4, 100),
              HasSubstr("an even number"));
  EXPECT_THAT(Complaint(std::span(good).first(good.size() - 2), 4, 100),
              HasSubstr("the words end at index"));
  EXPECT_THAT(Complaint(good, 4, int64_t{1} << 40), HasSubstr("expected enough bytes for"));
  EXPECT_THAT(Complaint(good, 4, 99),
              ::testing::AnyOf(HasSubstr("left over"), HasSubstr("states to end")));

  auto bad = good;
  bad[1] = 0xFF;
  EXPECT_THAT(Complaint(bad, 4, 100), HasSubstr("found 65280 at index 0"));
  bad = good;
  bad[0] = 1;
  EXPECT_THAT(Complaint(bad, 4, 100), HasSubstr("sum to 4096, found 1024 at index 3"));
  bad = good;
  bad[1] = 3;
  EXPECT_THAT(Complaint(bad, 4, 100), HasSubstr("found a sum of 3840"));
  bad = good;
  bad[8 + 2] = bad[8 + 3] = 0;
  EXPECT_THAT(Complaint(bad, 4, 100), HasSubstr("expected states of at least 65536"));
  bad = good;
  bad.insert(bad.end(), {0, 0});
  EXPECT_THAT(Complaint(bad, 4, 100), HasSubstr("2 bytes left over"));
  bad = good;
  bad[8 + 3] ^= 1;
  EXPECT_THAT(Complaint(bad, 4, 100),
              ::testing::AnyOf(HasSubstr("left over"), HasSubstr("states to end"),
                               HasSubstr("the words end")));
}

// A million symbols from 32 bytes would be a bomb; the cap on frequencies rules it out.
TEST(Rans, RefusesABombBeforeMakingRoom) {
  std::vector<uint8_t> stream(2 * 2 + 16);
  const uint16_t frequencies[] = {4064, 32};
  std::memcpy(stream.data(), frequencies, 4);
  std::memset(stream.data() + 4, 0xFF, 16);
  EXPECT_THAT(Complaint(stream, 2, int64_t{1} << 60), HasSubstr("expected enough bytes"));
  const uint16_t constant[] = {4096, 0};
  std::memcpy(stream.data(), constant, 4);
  EXPECT_THAT(Complaint(stream, 2, 1000), HasSubstr("at most 4064"));
}

// Not every flip can be noticed (a symbol may become another of the same frequency), but none may
// do more than that.
TEST(Rans, AFlippedBitIsNoticedOrChangesIndicesOnly) {
  Rng rng(21);
  std::vector<uint8_t> indices(300);
  for (uint8_t& index : indices) index = static_cast<uint8_t>(std::pow(rng.Unit(), 2) * 16);
  const auto good = RansEncode(indices, 16);
  size_t num_unnoticed = 0;
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    auto bad = good;
    bad[bit / 8] ^= static_cast<uint8_t>(1 << (bit % 8));
    const auto decoded = Decode(bad, 16, 300);
    if (!decoded.ok()) continue;
    ++num_unnoticed;
    EXPECT_NE(*decoded, indices) << "bit " << bit;
    EXPECT_LT(*std::max_element(decoded->begin(), decoded->end()), 16);
  }
  EXPECT_LE(num_unnoticed, good.size() * 8 / 100);
}

}  // namespace
}  // namespace deixis
