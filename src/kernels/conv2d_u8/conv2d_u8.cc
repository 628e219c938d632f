#include "kernels/conv2d_u8/conv2d_u8.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/conv2d_u8/conv2d_u8.cc"
#include <hwy/foreach_target.h>  // IWYU pragma: keep
#include <hwy/highway.h>

#include "kernels/conv2d_u8/conv2d_u8-inl.h"

#if HWY_ONCE
namespace deixis {
namespace {

HWY_EXPORT(ConvolveChunkToU8);
HWY_EXPORT(ConvolveChunkToF32);

constexpr auto kAlignment = static_cast<int64_t>(kVectorAlignment);

// Of the scratch memory, one thread's: which panel it holds, and that panel.
int64_t ThreadScratchBytes(const Conv2dU8Weights& weights) {
  if (weights.form == WeightForm8::kInt8) return 0;
  const int64_t width =
      std::min(Conv2dU8Weights::kPanelChannels, weights.layout().padded_channels());
  const int64_t bytes = width * std::max<int64_t>(weights.layout().weight_channel_bytes(), 4);
  return kAlignment + (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

// Bands make every thread decode every panel, and panels make it read what others wrote. A byte
// that another core wrote costs about as much as decoding 8 (measured with two threads, where the
// layers of a ResNet-18 with 28 pixels a side gain by bands and those with 14 and 7 by panels).
bool WantsBands(const Conv2dU8Weights& weights, const NhwcView<const uint8_t>& input) {
  const WeightPanels layout = weights.layout();
  return input.num_elements() * 8 > layout.padded_channels() * layout.weight_channel_bytes();
}

template <typename Out, typename Convolve>
void Run(const Convolve& convolve, const Conv2dU8Weights& weights,
         const NhwcView<const uint8_t>& input, const NhwcView<Out>& output,
         const EpilogueU8& epilogue, uint8_t* scratch, ThreadPool* pool) {
  const int num_threads = pool == nullptr ? 1 : pool->num_threads();
  const ConvChunks chunks(output.batch * output.height * output.width, weights.num_panels(),
                          {.num_threads = num_threads,
                           .tile_pixels = output.width % 7 == 0 ? 14 : 12,
                           .in_bands = WantsBands(weights, input)});
  const int64_t thread_bytes = ThreadScratchBytes(weights);
  const auto thread_scratch = [&](int thread) {
    if (thread_bytes == 0) return PanelScratchU8{};
    uint8_t* begin = scratch + thread * thread_bytes;
    return PanelScratchU8{.panel = reinterpret_cast<int64_t*>(begin),
                          .decoded = begin + kAlignment};
  };
  if (thread_bytes > 0) {
    for (int thread = 0; thread < num_threads; ++thread) *thread_scratch(thread).panel = -1;
  }
  const auto body = [&](int64_t index, int thread) {
    const ConvChunk chunk = chunks[index];
    if (chunk.pixel_begin >= chunk.pixel_end) return;
    convolve(weights, input, output, epilogue, chunk, thread_scratch(thread));
  };
  if (pool != nullptr) return pool->ParallelFor(chunks.size(), body);
  for (int64_t index = 0; index < chunks.size(); ++index) body(index, 0);
}

}  // namespace

int64_t Conv2dU8ScratchBytes(const Conv2dU8Weights& weights, int num_threads) {
  return ThreadScratchBytes(weights) * num_threads;
}

void Conv2dU8(const Conv2dU8Weights& weights, const NhwcView<const uint8_t>& input,
              const NhwcView<uint8_t>& output, const EpilogueU8& epilogue, uint8_t* scratch,
              ThreadPool* pool) {
  Run(HWY_DYNAMIC_DISPATCH(ConvolveChunkToU8), weights, input, output, epilogue, scratch, pool);
}

void Conv2dU8ToF32(const Conv2dU8Weights& weights, const NhwcView<const uint8_t>& input,
                   const NhwcView<float>& output, uint8_t* scratch, ThreadPool* pool) {
  Run(HWY_DYNAMIC_DISPATCH(ConvolveChunkToF32), weights, input, output, EpilogueU8{}, scratch,
      pool);
}

}  // namespace deixis
#endif  // HWY_ONCE
