#include "kernels/conv2d_f32/conv2d_f32.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/conv2d_f32/conv2d_f32.cc"
#include <hwy/foreach_target.h>  // IWYU pragma: keep
#include <hwy/highway.h>

#include "kernels/conv2d_f32/conv2d_f32-inl.h"

#if HWY_ONCE
namespace deixis {
namespace {

HWY_EXPORT(ConvolveChunk);

// A panel's weights that are read again for every tile should stay in the second-level cache; a
// larger panel is worked off in several passes over the filter's rows.
constexpr int64_t kPassBytes = int64_t{512} << 10;

int64_t FilterRowsPerPass(const Conv2dShape& shape) {
  const int64_t row_bytes = shape.filter_width * shape.in_channels *
                            PackedConv2dF32::kPanelChannels * static_cast<int64_t>(sizeof(float));
  return std::clamp<int64_t>(kPassBytes / std::max<int64_t>(row_bytes, 1), 1, shape.filter_height);
}

// Chunks per panel: enough that threads end at about the same time, and none so small that it is
// not worth handing out.
int64_t ChunksPerPanel(int64_t num_pixels, int64_t num_panels, int num_threads) {
  constexpr int64_t kChunksPerThread = 4;
  constexpr int64_t kMinPixels = 48;
  if (num_threads == 1) return 1;
  const int64_t wanted = (kChunksPerThread * num_threads + num_panels - 1) / num_panels;
  return std::clamp<int64_t>(num_pixels / kMinPixels, 1, wanted);
}

}  // namespace

void Conv2dF32(const PackedConv2dF32& packed, const NhwcView<const float>& input,
               const NhwcView<float>& output, const EpilogueF32& epilogue, ThreadPool* pool) {
  const int64_t num_pixels = output.batch * output.height * output.width;
  const int64_t num_panels = packed.num_panels();
  if (num_pixels == 0 || num_panels == 0) return;

  const int num_threads = pool == nullptr ? 1 : pool->num_threads();
  const int64_t chunks_per_panel = ChunksPerPanel(num_pixels, num_panels, num_threads);
  // Whole tiles but for the last chunk.
  constexpr int64_t kTile = 12;
  const int64_t chunk_pixels =
      ((num_pixels + chunks_per_panel - 1) / chunks_per_panel + kTile - 1) / kTile * kTile;
  const int64_t rows_per_pass = FilterRowsPerPass(packed.shape);

  const auto convolve = HWY_DYNAMIC_DISPATCH(ConvolveChunk);
  const auto body = [&](int64_t chunk, int /*thread*/) {
    const int64_t begin = chunk % chunks_per_panel * chunk_pixels;
    const int64_t end = std::min(begin + chunk_pixels, num_pixels);
    if (begin >= end) return;
    convolve(packed, input, output, epilogue,
             ConvChunk{.panel = chunk / chunks_per_panel,
                       .pixel_begin = begin,
                       .pixel_end = end,
                       .rows_per_pass = rows_per_pass});
  };
  const int64_t num_chunks = num_panels * chunks_per_panel;
  if (pool == nullptr) {
    for (int64_t chunk = 0; chunk < num_chunks; ++chunk) body(chunk, 0);
  } else {
    pool->ParallelFor(num_chunks, body);
  }
}

}  // namespace deixis
#endif  // HWY_ONCE
