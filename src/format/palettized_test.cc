// Packing at every width and length, and every way in which a palettized tensor can be wrong.
#include "format/palettized.h"

#include <limits>

#include "base/rng.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace deixis {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(BitsPerIndex, IsTheCeilingOfTheLogarithm) {
  for (int k = 2; k <= kMaxCentroids; ++k) {
    const int bits = BitsPerIndex(k);
    EXPECT_LE(k, 1 << bits) << k;
    EXPECT_GT(k, 1 << (bits - 1)) << k;
  }
  EXPECT_EQ(BitsPerIndex(1), 1);
}

TEST(PackIndices, MatchesTheDocument) {
  EXPECT_THAT(PackIndices(std::vector<uint8_t>{1, 2, 3, 4, 5, 6}, 3, 3),
              ElementsAre(0xD1, 0x00, 0xAC, 0x01));
  EXPECT_THAT(PackIndices(std::vector<uint8_t>{0, 1, 2, 3, 15}, 5, 4),
              ElementsAre(0x10, 0x32, 0x0F));
}

TEST(PackIndices, UnpackGivesThemBackForEveryWidthAndLength) {
  Rng rng(1);
  for (int bits = 1; bits <= 8; ++bits) {
    for (int64_t length = 0; length <= 67; ++length) {
      for (int64_t rows : {0, 1, 2, 5}) {
        std::vector<uint8_t> indices(static_cast<size_t>(rows * length));
        for (uint8_t& index : indices) index = static_cast<uint8_t>(rng.Below(1u << bits));
        const auto packed = PackIndices(indices, length, bits);
        ASSERT_EQ(static_cast<int64_t>(packed.size()),
                  length == 0 ? 0 : rows * ((length * bits + 7) / 8));
        ASSERT_EQ(UnpackIndices(packed, rows, length, bits), indices)
            << bits << " bits, " << rows << " x " << length;
      }
    }
  }
}

TEST(PackIndices, ExtremesFillExactlyTheirBits) {
  for (int bits = 1; bits <= 8; ++bits) {
    const auto greatest = static_cast<uint8_t>((1 << bits) - 1);
    for (size_t length : {1u, 7u, 8u, 9u, 31u}) {
      const auto packed =
          PackIndices(std::vector<uint8_t>(length, greatest), static_cast<int64_t>(length), bits);
      const size_t used_bits = length * static_cast<size_t>(bits);
      for (size_t bit = 0; bit < packed.size() * 8; ++bit) {
        EXPECT_EQ((packed[bit / 8] >> (bit % 8)) & 1, bit < used_bits ? 1 : 0);
      }
    }
  }
}

// A buffer of exactly the packed size: the sanitizer build proves that nothing beyond it is read.
TEST(UnpackIndices, ReadsNothingBeyondItsBytes) {
  for (int bits = 1; bits <= 8; ++bits) {
    for (int64_t length = 1; length <= 17; ++length) {
      const size_t bytes = static_cast<size_t>((length * bits + 7) / 8);
      std::vector<uint8_t> guarded(bytes + 2, 0xFF);
      std::fill_n(guarded.begin() + 1, bytes, uint8_t{0});
      const auto indices = UnpackIndices(std::span(guarded).subspan(1, bytes), 1, length, bits);
      EXPECT_EQ(indices, std::vector<uint8_t>(static_cast<size_t>(length), 0));
      const std::vector<uint8_t> exact(bytes, 0);
      EXPECT_EQ(UnpackIndices(exact, 1, length, bits), indices);
    }
  }
}

// Two groups of two rows and one of one; I = 3, K = 3.
PalettizedTensor MakeTensor() {
  PalettizedTensor tensor;
  tensor.shape = {5, 3};
  tensor.num_centroids = 3;
  tensor.group_rows = 2;
  tensor.indices = Tensor::FromVector<uint8_t>(
      {5}, PackIndices(std::vector<uint8_t>{0, 1, 2, 2, 1, 0, 0, 0, 0, 1, 1, 1, 2, 2, 2}, 3, 2));
  tensor.codebook = Tensor::FromVector<int8_t>({3, 3}, {-128, 0, 127, -1, 0, 1, 5, 6, 7});
  tensor.scale = Tensor::FromVector<float>({5}, {1.0f, 0.5f, 2.0f, -1.0f, 0.25f});
  return tensor;
}

TEST(Dequantize, IsScaleTimesCentroid) {
  const PalettizedTensor tensor = MakeTensor();
  ASSERT_TRUE(Validate(tensor, "t").ok());
  EXPECT_EQ(tensor.row_bytes(), 1);
  EXPECT_EQ(tensor.num_groups(), 3);
  EXPECT_EQ(tensor.num_bytes(), 5 + 9 + 20);
  EXPECT_THAT(Dequantize(tensor),
              ElementsAre(-128, 0, 127, 63.5, 0, -64, -2, -2, -2, 0, 0, 0, 1.75, 1.75, 1.75));
}

TEST(Dequantize, TakesHalfAndFloatCodebooks) {
  PalettizedTensor tensor = MakeTensor();
  std::vector<std::byte> halves;
  for (float value : {-128.0f, 0.0f, 127.0f, -1.0f, 0.0f, 1.0f, 5.0f, 6.0f, 7.0f}) {
    const uint16_t bits = FloatToHalf(value);
    halves.push_back(static_cast<std::byte>(bits & 0xFF));
    halves.push_back(static_cast<std::byte>(bits >> 8));
  }
  const auto expected = Dequantize(tensor);
  tensor.codebook = Tensor::FromBytes(DType::kF16, {3, 3}, halves);
  ASSERT_TRUE(Validate(tensor, "t").ok());
  EXPECT_EQ(Dequantize(tensor), expected);
  tensor.codebook = Tensor::FromVector<float>({3, 3}, tensor.codebook.ToFloats());
  ASSERT_TRUE(Validate(tensor, "t").ok());
  EXPECT_EQ(Dequantize(tensor), expected);
}

std::string Complaint(const PalettizedTensor& tensor) {
  const Status status = Validate(tensor, "layer1.0.conv1");
  if (status.ok()) return "";
  EXPECT_EQ(status.error().code, ErrorCode::kInvalidData);
  EXPECT_THAT(status.error().message, HasSubstr("tensor \"layer1.0.conv1\": "));
  return status.error().message;
}

TEST(Validate, NamesWhatIsWrong) {
  const float infinity = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  PalettizedTensor t = MakeTensor();
  EXPECT_EQ(Complaint(t), "");

  (t = MakeTensor()).num_centroids = 1;
  EXPECT_THAT(Complaint(t), HasSubstr("expected 2 to 256 centroids, found 1"));
  (t = MakeTensor()).num_centroids = 257;
  EXPECT_THAT(Complaint(t), HasSubstr("found 257"));
  (t = MakeTensor()).group_rows = 0;
  EXPECT_THAT(Complaint(t), HasSubstr("expected 1 to 5 rows per codebook, found 0"));
  (t = MakeTensor()).group_rows = 6;
  EXPECT_THAT(Complaint(t), HasSubstr("found 6"));
  for (const Shape& shape : {Shape{}, Shape{5}, Shape{5, 3, 1}, Shape{5, 0}, Shape{0, 3},
                             Shape{5, 3, 1, 1, 1}, Shape{-5, 3}}) {
    (t = MakeTensor()).shape = shape;
    EXPECT_THAT(Complaint(t), HasSubstr("expected a shape of 2 or 4 extents"));
  }
  (t = MakeTensor()).shape = {5, int64_t{1} << 60};
  EXPECT_THAT(Complaint(t), HasSubstr("59 bits"));

  (t = MakeTensor()).indices = Tensor::FromVector<uint8_t>({4}, {0, 0, 0, 0});
  EXPECT_THAT(Complaint(t), HasSubstr("expected indices of shape [5], found [4]"));
  t.indices = Tensor::FromVector<int8_t>({5}, {0, 0, 0, 0, 0});
  EXPECT_THAT(Complaint(t), HasSubstr("expected indices as U8, found I8"));
  t.indices = Tensor::FromVector<uint8_t>({5}, {0, 0, 0b110000, 0, 0});
  EXPECT_THAT(Complaint(t), HasSubstr("index 3 of row 2 exceeds codebook size 3"));
  t.indices = Tensor::FromVector<uint8_t>({5}, {0, 0b1000000, 0, 0, 0});
  EXPECT_THAT(Complaint(t), HasSubstr("bits after the last index of row 1"));

  (t = MakeTensor()).codebook = Tensor::FromVector<int8_t>({9}, std::vector<int8_t>(9));
  EXPECT_THAT(Complaint(t), HasSubstr("expected codebook of shape [3, 3], found [9]"));
  t.codebook = Tensor::FromVector<double>({3, 3}, std::vector<double>(9));
  EXPECT_THAT(Complaint(t), HasSubstr("expected codebook as I8, F16 or F32, found F64"));
  t.codebook = Tensor::FromVector<float>({3, 3}, {0, 0, 0, 0, infinity, 0, 0, 0, 0});
  EXPECT_THAT(Complaint(t), HasSubstr("found inf at codebook 4"));

  (t = MakeTensor()).scale = Tensor::FromVector<float>({4}, {1, 1, 1, 1});
  EXPECT_THAT(Complaint(t), HasSubstr("expected scale of shape [5], found [4]"));
  t.scale = Tensor::FromVector<double>({5}, {1, 1, 1, 1, 1});
  EXPECT_THAT(Complaint(t), HasSubstr("expected scale as F32, found F64"));
  t.scale = Tensor::FromVector<float>({5}, {1, 1, 1, nan, 1});
  EXPECT_THAT(Complaint(t), HasSubstr("nan at scale 3"));
}

TEST(Validate, FindsPaddingWhenEveryPatternIsAnIndex) {
  PalettizedTensor tensor = MakeTensor();
  tensor.num_centroids = 4;
  tensor.codebook = Tensor::FromVector<int8_t>({3, 4}, std::vector<int8_t>(12));
  tensor.indices = Tensor::FromVector<uint8_t>({5}, {0x3F, 0x3F, 0x3F, 0x3F, 0x3F});
  EXPECT_EQ(Complaint(tensor), "");
  tensor.indices = Tensor::FromVector<uint8_t>({5}, {0x3F, 0x3F, 0x3F, 0x3F, 0x7F});
  EXPECT_THAT(Complaint(tensor), HasSubstr("bits after the last index of row 4"));
}

// Of random indices, in rows.
PalettizedTensor RandomTensor(const Shape& shape, int num_centroids, uint64_t seed) {
  Rng rng(seed);
  PalettizedTensor tensor;
  tensor.shape = shape;
  tensor.num_centroids = num_centroids;
  tensor.group_rows = 1;
  std::vector<uint8_t> indices(static_cast<size_t>(*NumElements(shape)));
  for (uint8_t& index : indices) index = static_cast<uint8_t>(rng.Below(num_centroids));
  auto packed = PackIndices(indices, tensor.row_length(), tensor.bits_per_index());
  const auto num_packed = static_cast<int64_t>(packed.size());
  tensor.indices = Tensor::FromVector<uint8_t>({num_packed}, std::move(packed));
  std::vector<float> codebook(static_cast<size_t>(shape[0] * num_centroids));
  for (size_t i = 0; i < codebook.size(); ++i) codebook[i] = static_cast<float>(i);
  tensor.codebook = Tensor::FromVector({shape[0], num_centroids}, std::move(codebook));
  tensor.scale = Tensor::FromVector({shape[0]}, std::vector<float>(shape[0], 0.5f));
  return tensor;
}

TEST(Panels, HoldTheSameWeightsForEveryShape) {
  uint64_t seed = 0;
  for (const Shape& shape : {Shape{1, 1}, Shape{10, 64}, Shape{65, 7}, Shape{16, 3, 7, 7},
                             Shape{64, 64, 3, 3}, Shape{130, 5, 1, 1}, Shape{17, 2, 1, 3}}) {
    for (const int num_centroids : {9, 16}) {
      const PalettizedTensor rows = RandomTensor(shape, num_centroids, ++seed);
      const PalettizedTensor panels = ToPanels(rows);
      EXPECT_EQ(panels.layout, IndexLayout::kPanels);
      EXPECT_EQ(panels.indices.num_bytes(), panels.panels().index_bytes());
      EXPECT_TRUE(Validate(rows, "a").ok());
      EXPECT_TRUE(Validate(panels, "a").ok());
      EXPECT_EQ(UnpackIndices(panels), UnpackIndices(rows)) << ToString(shape);
      EXPECT_EQ(Dequantize(panels), Dequantize(rows)) << ToString(shape);
    }
  }
}

TEST(Panels, HandComputed) {
  // One channel of 2 rows of 5 inputs (K_w 5, C_in 1): 2 steps a row, 4 in all, in a panel of 16.
  PalettizedTensor rows = RandomTensor({1, 1, 2, 5}, 16, 1);
  rows.indices = Tensor::FromVector<uint8_t>(
      {5}, PackIndices(std::vector<uint8_t>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 10, 4));
  const PalettizedTensor panels = ToPanels(rows);
  const auto bytes = panels.indices.As<uint8_t>();
  ASSERT_EQ(bytes.size(), 2u * 4 * 16);
  std::vector<uint8_t> expected(bytes.size());
  expected[0] = 1 | 5 << 4;  // step 0: inputs 0 to 3 of row 0; step 1: input 4
  expected[1] = 2;
  expected[2] = 3;
  expected[3] = 4;
  expected[64] = 6 | 10 << 4;
  expected[65] = 7;
  expected[66] = 8;
  expected[67] = 9;
  EXPECT_EQ(std::vector<uint8_t>(bytes.begin(), bytes.end()), expected);
}

TEST(Panels, ValidateRefusesInWords) {
  const auto complaint = [](const PalettizedTensor& tensor) {
    const Status status = Validate(tensor, "a");
    return status.ok() ? std::string("none") : status.error().message;
  };
  PalettizedTensor tensor = ToPanels(RandomTensor({20, 8}, 11, 3));
  std::vector<uint8_t> bytes(tensor.indices.As<uint8_t>().begin(),
                             tensor.indices.As<uint8_t>().end());
  const int64_t size = tensor.indices.num_bytes();
  bytes[5] = 0xB0;
  tensor.indices = Tensor::FromVector({size}, bytes);
  EXPECT_THAT(complaint(tensor), HasSubstr("index 11 exceeds codebook size 11"));
  bytes[5] = 0x0A;
  bytes.pop_back();
  tensor.indices = Tensor::FromVector({size - 1}, bytes);
  EXPECT_THAT(complaint(tensor), HasSubstr("expected indices of shape"));
  tensor = RandomTensor({20, 8}, 8, 3);
  tensor.layout = IndexLayout::kPanels;
  EXPECT_THAT(complaint(tensor), HasSubstr("expected 9 to 16 centroids for indices in panels"));
}

}  // namespace
}  // namespace deixis
