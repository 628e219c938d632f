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

}  // namespace

void Conv2dF32(const PackedConv2dF32& packed, const NhwcView<const float>& input,
               const NhwcView<float>& output, const EpilogueF32& epilogue, ThreadPool* pool) {
  const int num_threads = pool == nullptr ? 1 : pool->num_threads();
  // A thread had better read weights that the other one reads too than inputs that the other one
  // wrote, whichever is less.
  const int64_t input_bytes = input.num_elements() * static_cast<int64_t>(sizeof(float));
  const ConvChunks chunks(
      output.batch * output.height * output.width, packed.num_panels(),
      {.num_threads = num_threads, .in_bands = packed.num_bytes() < input_bytes});
  const int64_t rows_per_pass = FilterRowsPerPass(packed.shape);
  const auto convolve = HWY_DYNAMIC_DISPATCH(ConvolveChunk);
  const auto body = [&](int64_t index, int /*thread*/) {
    const ConvChunk chunk = chunks[index];
    if (chunk.pixel_begin >= chunk.pixel_end) return;
    convolve(packed, input, output, epilogue, chunk, rows_per_pass);
  };
  if (pool != nullptr) return pool->ParallelFor(chunks.size(), body);
  for (int64_t index = 0; index < chunks.size(); ++index) body(index, 0);
}

}  // namespace deixis
#endif  // HWY_ONCE
