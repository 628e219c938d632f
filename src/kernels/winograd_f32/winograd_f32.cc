#include "kernels/winograd_f32/winograd_f32.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/winograd_f32/winograd_f32.cc"
#include <hwy/foreach_target.h>  // IWYU pragma: keep
#include <hwy/highway.h>

#include "kernels/winograd_f32/winograd_f32-inl.h"

#if HWY_ONCE
namespace deixis {
namespace {

HWY_EXPORT(WinogradInput);
HWY_EXPORT(MultiplyPanel);
HWY_EXPORT(WinogradOutput);

constexpr int64_t kFloatBytes = sizeof(float);
// Weights up to here stay in the second-level cache from one block of tiles to the next.
constexpr int64_t kCachedWeightBytes = int64_t{1} << 20;
// What V and M of a block may take beside them, and where each block fetches them anew.
constexpr int64_t kBlockBytes = int64_t{512} << 10;
constexpr int64_t kLargeBlockBytes = int64_t{1536} << 10;
// A block is worth its overhead from a full register tile on.
constexpr int64_t kMinTiles = 6;
// A thread's share of the tiles from which on it may as well read all of the weights.
constexpr int64_t kTilesPerThread = 24;

int64_t CeilDivide(int64_t a, int64_t b) { return (a + b - 1) / b; }
int64_t RoundUp(int64_t channels) {
  return CeilDivide(channels, WinogradLayout::kLine) * WinogradLayout::kLine;
}

// How the work is shared out.
//   By tiles: each thread takes blocks of tiles, with a V and an M of its own.
//   By panels, where threads would have few tiles for the many weights that each has to fetch: one
//   block after the other is transformed by all threads into one V; then each takes panels of
//   output channels.
struct WinogradPlan {
  WinogradBlock block;  // without its tiles
  bool by_panels = false;
  int64_t num_blocks = 0;
  int64_t num_groups = 1;  // of a block's tiles, where there are fewer panels than threads
  int64_t num_threads = 1;
  int64_t zero_elements = 0;

  int64_t num_shared() const { return by_panels ? block.layout.input_elements() : 0; }
  int64_t num_per_thread() const {
    return block.layout.product_elements() + (by_panels ? 0 : block.layout.input_elements());
  }
  int64_t scratch_elements() const {
    return zero_elements + num_shared() + num_threads * num_per_thread();
  }
  WinogradBlock Block(int64_t index) const {
    WinogradBlock result = block;
    result.tile_begin = std::min(index * block.layout.tiles_per_block, block.grid.num_tiles);
    result.tile_end =
        std::min(result.tile_begin + block.layout.tiles_per_block, block.grid.num_tiles);
    return result;
  }
};

WinogradPlan MakePlan(const PackedWinogradF32& packed, const NhwcExtents& output, int num_threads) {
  WinogradLayout layout{.num_positions = packed.num_positions()};
  layout.input_stride = RoundUp(packed.shape.in_channels);
  layout.max_width = std::min(PackedWinogradF32::kPanelChannels, packed.padded_out_channels());
  WinogradPlan plan;
  plan.num_threads = num_threads;
  plan.zero_elements = (packed.output_tile + 2) * layout.input_stride;

  const WinogradGrid grid(packed.output_tile, output);
  const bool is_cached = packed.num_bytes() <= kCachedWeightBytes;
  const int64_t tile_bytes =
      layout.num_positions * (layout.input_stride + layout.max_width) * kFloatBytes;
  const int64_t most_tiles = std::max(
      (is_cached ? kBlockBytes : kLargeBlockBytes) / std::max<int64_t>(tile_bytes, 1), kMinTiles);
  plan.num_blocks = CeilDivide(grid.num_tiles, most_tiles);
  plan.by_panels = num_threads > 1 && !is_cached && grid.num_tiles < num_threads * kTilesPerThread;
  if (plan.by_panels) {
    plan.num_groups = CeilDivide(num_threads, packed.num_panels());
  } else {
    // As many for each thread.
    plan.num_blocks =
        std::clamp(CeilDivide(plan.num_blocks, num_threads) * num_threads, plan.num_blocks,
                   std::max(plan.num_blocks, grid.num_tiles / kMinTiles));
  }
  layout.tiles_per_block = CeilDivide(grid.num_tiles, std::max<int64_t>(plan.num_blocks, 1));
  plan.block = {.grid = grid, .layout = layout};
  return plan;
}

template <typename Body>
void ForEachChunk(ThreadPool* pool, int64_t num_chunks, const Body& body) {
  if (pool != nullptr) return pool->ParallelFor(num_chunks, body);
  for (int64_t chunk = 0; chunk < num_chunks; ++chunk) body(chunk, 0);
}

// Everything of a call.
struct WinogradCall {
  const PackedWinogradF32& packed;
  const NhwcView<const float>& input;
  const NhwcView<float>& output;
  const EpilogueF32& epilogue;
  const WinogradPlan& plan;
  const float* zeros;
  float* shared;
  float* per_thread;
  ThreadPool* pool;

  float* OfThread(int thread) const { return per_thread + thread * plan.num_per_thread(); }

  void Transform(const WinogradBlock& block, int64_t tile_begin, int64_t tile_end, float* v) const {
    HWY_DYNAMIC_DISPATCH(WinogradInput)
    (block, packed.shape, input, zeros, tile_begin, tile_end, v);
  }
  void Multiply(const WinogradBlock& block, int64_t panel_index, const float* v, float* m) const {
    const WinogradPanel panel(packed, panel_index);
    HWY_DYNAMIC_DISPATCH(MultiplyPanel)(block, packed, panel, v, m);
    HWY_DYNAMIC_DISPATCH(WinogradOutput)(block, panel, packed.bias.data(), m, output, epilogue);
  }
};

void RunByTiles(const WinogradCall& call) {
  const WinogradPlan& plan = call.plan;
  ForEachChunk(call.pool, plan.num_blocks, [&](int64_t index, int thread) {
    const WinogradBlock block = plan.Block(index);
    float* v = call.OfThread(thread);
    call.Transform(block, block.tile_begin, block.tile_end, v);
    for (int64_t panel = 0; panel < call.packed.num_panels(); ++panel) {
      call.Multiply(block, panel, v, v + plan.block.layout.input_elements());
    }
  });
}

void RunByPanels(const WinogradCall& call) {
  const WinogradPlan& plan = call.plan;
  for (int64_t index = 0; index < plan.num_blocks; ++index) {
    const WinogradBlock block = plan.Block(index);
    const auto tile_of_part = [&](int64_t part, int64_t num_parts) {
      return block.tile_begin + block.num_tiles() * part / num_parts;
    };
    const int64_t num_parts = std::min(block.num_tiles(), 4 * plan.num_threads);
    ForEachChunk(call.pool, num_parts, [&](int64_t part, int /*thread*/) {
      call.Transform(block, tile_of_part(part, num_parts), tile_of_part(part + 1, num_parts),
                     call.shared);
    });
    const int64_t num_panels = call.packed.num_panels();
    ForEachChunk(call.pool, num_panels * plan.num_groups, [&](int64_t chunk, int thread) {
      WinogradBlock group = block;
      group.tile_begin = tile_of_part(chunk / num_panels, plan.num_groups);
      group.tile_end = tile_of_part(chunk / num_panels + 1, plan.num_groups);
      const int64_t skipped = group.tile_begin - block.tile_begin;
      call.Multiply(group, chunk % num_panels,
                    call.shared + skipped * plan.block.layout.input_stride, call.OfThread(thread));
    });
  }
}

// In units of one multiply-add of a register tile; ratios as measured on a 2.3 GHz server core,
// where the sides lie far enough apart that another machine's would seldom choose otherwise.
constexpr double kPerWeight = 16;           // to fetch it from memory: 20 GB/s beside 88 GMAC/s
constexpr double kPerTransformElement = 5;  // of V or M

double WinogradCost(const Conv2dShape& shape, int64_t height, int64_t width, int64_t output_tile) {
  const auto num_tiles =
      static_cast<double>(CeilDivide(height, output_tile) * CeilDivide(width, output_tile));
  // Transforms work on whole vectors, panels are whole granules.
  const auto in = static_cast<double>(shape.in_channels);
  const auto in_vectors = static_cast<double>(RoundUp(shape.in_channels));
  const auto out = static_cast<double>(RoundUp(shape.out_channels));
  const auto num_positions = static_cast<double>((output_tile + 2) * (output_tile + 2));
  return num_positions * (in * out * (num_tiles + kPerWeight) +
                          num_tiles * kPerTransformElement * (in_vectors + out));
}

}  // namespace

int ChooseWinogradTile(const Conv2dShape& shape, int64_t height, int64_t width) {
  if (shape.filter_height != 3 || shape.filter_width != 3 || shape.stride != 1) return 0;
  double least = static_cast<double>(shape.num_terms() * RoundUp(shape.out_channels)) *
                 (static_cast<double>(height * width) + kPerWeight);
  int choice = 0;
  for (const int output_tile : {2, 4}) {
    const double cost = WinogradCost(shape, height, width, output_tile);
    if (cost < least) {
      least = cost;
      choice = output_tile;
    }
  }
  return choice;
}

int64_t WinogradScratchElements(const PackedWinogradF32& packed, const NhwcExtents& output,
                                int num_threads) {
  return MakePlan(packed, output, num_threads).scratch_elements();
}

void WinogradF32(const PackedWinogradF32& packed, const NhwcView<const float>& input,
                 const NhwcView<float>& output, const EpilogueF32& epilogue,
                 std::span<float> scratch, ThreadPool* pool) {
  const WinogradPlan plan =
      MakePlan(packed, {.batch = output.batch, .height = output.height, .width = output.width},
               pool == nullptr ? 1 : pool->num_threads());
  std::fill_n(scratch.data(), plan.zero_elements, 0.0f);
  float* shared = scratch.data() + plan.zero_elements;
  const WinogradCall call{.packed = packed,
                          .input = input,
                          .output = output,
                          .epilogue = epilogue,
                          .plan = plan,
                          .zeros = scratch.data(),
                          .shared = shared,
                          .per_thread = shared + plan.num_shared(),
                          .pool = pool};
  if (plan.by_panels) {
    RunByPanels(call);
  } else {
    RunByTiles(call);
  }
}

}  // namespace deixis
#endif  // HWY_ONCE
