#include "base/tensor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <vector>

#include "base/checked.h"

namespace deixis {
namespace {

using ::testing::ElementsAre;

constexpr int64_t kHuge = int64_t{1} << 62;

TEST(CheckedTest, OverflowGivesNothing) {
  EXPECT_EQ(CheckedAdd<int64_t>(INT64_MAX, 0), INT64_MAX);
  EXPECT_EQ(CheckedAdd<int64_t>(INT64_MAX, 1), std::nullopt);
  EXPECT_EQ(CheckedAdd<int64_t>(INT64_MIN, -1), std::nullopt);
  EXPECT_EQ(CheckedAdd<uint8_t>(255, 1), std::nullopt);
  EXPECT_EQ(CheckedMul<int64_t>(kHuge, 2), std::nullopt);
  EXPECT_EQ(CheckedMul<int64_t>(kHuge, -2), INT64_MIN);
  EXPECT_EQ(CheckedMul<uint64_t>(UINT64_MAX, 1), UINT64_MAX);
}

TEST(CheckedTest, RangeFits) {
  EXPECT_TRUE(RangeFits(0, 0, 0));
  EXPECT_TRUE(RangeFits(10, 0, 10));
  EXPECT_TRUE(RangeFits(3, 7, 10));
  EXPECT_FALSE(RangeFits(3, 8, 10));
  EXPECT_FALSE(RangeFits(11, 0, 10));
  EXPECT_FALSE(RangeFits(UINT64_MAX, 2, 10));
  EXPECT_FALSE(RangeFits(2, UINT64_MAX, 10));
}

TEST(ShapeTest, NumElements) {
  EXPECT_EQ(NumElements({}), 1);
  EXPECT_EQ(NumElements({0}), 0);
  EXPECT_EQ(NumElements({64, 3, 7, 7}), 9408);
  EXPECT_EQ(NumElements({kHuge, 1}), kHuge);
  EXPECT_EQ(NumElements({kHuge, 2}), std::nullopt);
  EXPECT_EQ(NumElements({-1}), std::nullopt);
  // An extent of 0 does not excuse the others.
  EXPECT_EQ(NumElements({0, -1}), std::nullopt);
  EXPECT_EQ(NumElements({kHuge, 0, kHuge}), std::nullopt);
  EXPECT_EQ(NumElements({kHuge, 0, 1}), 0);
}

TEST(ShapeTest, ToString) {
  EXPECT_EQ(ToString(Shape{}), "[]");
  EXPECT_EQ(ToString(Shape{64, 3, 7, 7}), "[64, 3, 7, 7]");
}

template <typename T>
Tensor FromValues(DType dtype, std::initializer_list<T> values) {
  std::vector<std::byte> bytes(values.size() * sizeof(T));
  std::memcpy(bytes.data(), values.begin(), bytes.size());
  return Tensor::FromBytes(dtype, {static_cast<int64_t>(values.size())}, std::move(bytes));
}

TEST(TensorTest, EveryDTypeToFloats) {
  EXPECT_THAT(FromValues<double>(DType::kF64, {-1.5, 1e300}).ToFloats(),
              ElementsAre(-1.5f, std::numeric_limits<float>::infinity()));
  EXPECT_THAT(FromValues<float>(DType::kF32, {-1.5f, 3.0f}).ToFloats(), ElementsAre(-1.5f, 3.0f));
  EXPECT_THAT(FromValues<uint16_t>(DType::kF16, {0x3C00, 0xC000}).ToFloats(), ElementsAre(1, -2));
  EXPECT_THAT(FromValues<uint16_t>(DType::kBF16, {0x3F80, 0xC000}).ToFloats(), ElementsAre(1, -2));
  EXPECT_THAT(FromValues<int64_t>(DType::kI64, {-7, 7}).ToFloats(), ElementsAre(-7, 7));
  EXPECT_THAT(FromValues<int32_t>(DType::kI32, {-7, 7}).ToFloats(), ElementsAre(-7, 7));
  EXPECT_THAT(FromValues<int16_t>(DType::kI16, {-7, 7}).ToFloats(), ElementsAre(-7, 7));
  EXPECT_THAT(FromValues<int8_t>(DType::kI8, {-7, 7}).ToFloats(), ElementsAre(-7, 7));
  EXPECT_THAT(FromValues<uint8_t>(DType::kU8, {0, 255}).ToFloats(), ElementsAre(0, 255));
  EXPECT_THAT(FromValues<uint8_t>(DType::kBool, {0, 2}).ToFloats(), ElementsAre(0, 1));
}

TEST(TensorTest, ViewsKeepTheirOwnerAlive) {
  auto owner = std::make_shared<std::vector<float>>(std::vector<float>{1, 2, 3});
  const std::weak_ptr<std::vector<float>> watch = owner;
  Tensor tensor =
      Tensor::View(DType::kF32, {2}, owner, std::as_bytes(std::span(*owner)).subspan(4));
  owner.reset();
  EXPECT_FALSE(watch.expired());
  EXPECT_THAT(tensor.As<float>(), ElementsAre(2, 3));
  tensor = Tensor();
  EXPECT_TRUE(watch.expired());
}

TEST(TensorTest, UnalignedViewsAreReadButNotSpanned) {
  alignas(8) std::byte bytes[9] = {};
  const float value = 42;
  std::memcpy(bytes + 1, &value, 4);
  const Tensor tensor = Tensor::View(DType::kF32, {1}, nullptr, std::span(bytes + 1, 4));
  EXPECT_FALSE(tensor.is_aligned());
  EXPECT_THAT(tensor.ToFloats(), ElementsAre(42));
  EXPECT_DEATH((void)tensor.As<float>(), "");
}

TEST(TensorTest, MisuseEndsTheProcess) {
  const Tensor tensor = Tensor::FromVector<float>({2}, {1, 2});
  EXPECT_DEATH((void)tensor.As<double>(), "");
  EXPECT_DEATH(Tensor::FromVector<float>({3}, {1, 2}), "");
  EXPECT_DEATH(Tensor::FromBytes(DType::kF32, {kHuge, 4}, {}), "");
}

TEST(TensorTest, BitIdenticalComparesDTypeShapeAndBytes) {
  const Tensor tensor = Tensor::FromVector<float>({2}, {1, 2});
  EXPECT_TRUE(BitIdentical(tensor, Tensor::FromVector<float>({2}, {1, 2})));
  EXPECT_FALSE(BitIdentical(tensor, Tensor::FromVector<float>({2}, {1, -2})));
  EXPECT_FALSE(BitIdentical(tensor, Tensor::FromVector<float>({1, 2}, {1, 2})));
  EXPECT_FALSE(BitIdentical(Tensor::FromVector<float>({1}, {0.0f}),
                            Tensor::FromVector<float>({1}, {-0.0f})));
  EXPECT_FALSE(
      BitIdentical(Tensor::FromVector<float>({1}, {0.0f}), Tensor::FromVector<int32_t>({1}, {0})));
  EXPECT_TRUE(BitIdentical(Tensor::FromVector<float>({0}, {}), Tensor::FromVector<float>({0}, {})));
}

}  // namespace
}  // namespace deixis
