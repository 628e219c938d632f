#include "kernels/conv_chunk.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/rng.h"

namespace deixis {
namespace {

TEST(ConvChunks, CoverEveryPixelOfEveryPanelOnce) {
  Rng rng(1);
  for (int run = 0; run < 2000; ++run) {
    const auto num_pixels = static_cast<int64_t>(rng.Below(run % 2 == 0 ? 200 : 4000));
    const auto num_panels = static_cast<int64_t>(rng.Below(9));
    const ConvSplit split{.num_threads = 1 + static_cast<int>(rng.Below(9)),
                          .tile_pixels = 1 + static_cast<int64_t>(rng.Below(20)),
                          .in_bands = rng.Below(2) == 1};
    const ConvChunks chunks(num_pixels, num_panels, split);
    std::vector<int> seen(static_cast<size_t>(num_pixels * num_panels));
    for (int64_t i = 0; i < chunks.size(); ++i) {
      const ConvChunk chunk = chunks[i];
      for (int64_t pixel = chunk.pixel_begin; pixel < chunk.pixel_end; ++pixel) {
        ++seen.at(chunk.panel * num_pixels + pixel);
      }
    }
    for (size_t i = 0; i < seen.size(); ++i) ASSERT_EQ(seen[i], 1) << "run " << run << ", at " << i;
  }
}

TEST(ConvChunks, SharesAreBandsOfPixels) {
  const ConvChunks chunks(784, 2, {.num_threads = 2, .tile_pixels = 14, .in_bands = true});
  ASSERT_EQ(chunks.size() % 2, 0);
  for (int64_t i = 0; i < chunks.size(); ++i) {
    const bool is_first_half = i < chunks.size() / 2;
    EXPECT_EQ(chunks[i].pixel_begin < 392, is_first_half);
    EXPECT_EQ(chunks[i].pixel_end <= 392, is_first_half);
  }
}

}  // namespace
}  // namespace deixis
