#include "kernels/aligned.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <numeric>

namespace deixis {
namespace {

TEST(AlignedVector, StartsAtACacheLineWhateverItsSize) {
  constexpr size_t kHuge = size_t{2} << 20;
  for (const size_t size : {size_t{1}, size_t{63}, size_t{4096}, kHuge - 1, kHuge, kHuge + 1,
                            3 * kHuge - 1, 3 * kHuge}) {
    AlignedVector<uint8_t> bytes(size, uint8_t{7});
    EXPECT_EQ(reinterpret_cast<uintptr_t>(bytes.data()) % kVectorAlignment, 0u) << size;
    EXPECT_EQ(bytes.front(), 7) << size;
    EXPECT_EQ(bytes.back(), 7) << size;
  }
}

TEST(AlignedVector, GrowsFromSmallPagesToLargeOnes) {
  AlignedVector<int32_t> values;
  for (int32_t i = 0; i < 1'000'000; ++i) values.push_back(i);
  const AlignedVector<int32_t> copy = values;
  values = AlignedVector<int32_t>();
  EXPECT_EQ(std::accumulate(copy.begin(), copy.end(), int64_t{0}), int64_t{499'999'500'000});
}

}  // namespace
}  // namespace deixis
