// The part of a convolution that one thread takes at a time, and the walk over its pixels.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/conv2d_f32/conv2d_f32.h"
#include "kernels/nhwc.h"

namespace deixis {

struct ConvChunk {
  int64_t panel = 0;        // of output channels
  int64_t pixel_begin = 0;  // output pixels, counted through rows and images
  int64_t pixel_end = 0;
};

// How a convolution is cut among threads.
struct ConvSplit {
  int num_threads = 1;
  int64_t tile_pixels =
      12;  // but for the last ones of a panel, chunks are whole tiles of this many
  // Each thread's share (base/thread_pool.h) is a band of the output's pixels, all panels of it,
  // rather than some panels for all pixels: it then reads what it wrote itself a layer before.
  bool in_bands = false;
};

// Cuts a convolution into chunks: bands of pixels, panels, pieces of a band, the last one fastest.
class ConvChunks {
 public:
  ConvChunks(int64_t num_pixels, int64_t num_panels, const ConvSplit& split)
      : num_pixels_(num_pixels), num_panels_(num_panels) {
    // Enough that threads end at about the same time, and none so small that it is not worth
    // handing out.
    constexpr int64_t kChunksPerThread = 4;
    constexpr int64_t kMinPixels = 48;
    if (split.num_threads > 1 && num_panels > 0) {
      if (split.in_bands && num_pixels >= split.num_threads * kMinPixels) {
        num_bands_ = split.num_threads;
      }
      const int64_t wanted = (kChunksPerThread * split.num_threads + num_panels * num_bands_ - 1) /
                             (num_panels * num_bands_);
      pieces_per_band_ = std::clamp<int64_t>(num_pixels / num_bands_ / kMinPixels, 1, wanted);
    }
    band_pixels_ = Tiles(num_pixels, num_bands_, split.tile_pixels);
    piece_pixels_ = Tiles(band_pixels_, pieces_per_band_, split.tile_pixels);
  }

  int64_t size() const {
    return num_pixels_ == 0 ? 0 : num_bands_ * num_panels_ * pieces_per_band_;
  }

  // May be empty: pixel_begin >= pixel_end.
  ConvChunk operator[](int64_t index) const {
    const int64_t band = index / pieces_per_band_ / num_panels_;
    const int64_t band_end = std::min((band + 1) * band_pixels_, num_pixels_);
    const int64_t begin = band * band_pixels_ + index % pieces_per_band_ * piece_pixels_;
    return {.panel = index / pieces_per_band_ % num_panels_,
            .pixel_begin = begin,
            .pixel_end = std::min(begin + piece_pixels_, band_end)};
  }

 private:
  // An equal part of `pixels`, rounded up to whole tiles.
  static int64_t Tiles(int64_t pixels, int64_t num_parts, int64_t tile_pixels) {
    const int64_t share = (pixels + num_parts - 1) / num_parts;
    return (share + tile_pixels - 1) / tile_pixels * tile_pixels;
  }

  int64_t num_pixels_;
  int64_t num_panels_;
  int64_t num_bands_ = 1;
  int64_t pieces_per_band_ = 1;
  int64_t band_pixels_ = 0;
  int64_t piece_pixels_ = 0;
};

// Walks output pixels in order through rows and images.
template <typename In, typename Out, typename Residual>
class PixelWalk {
 public:
  PixelWalk(const NhwcView<const In>& input, const NhwcView<Out>& output,
            const NhwcView<const Residual>& residual, const Conv2dShape& shape, int64_t pixel)
      : input_(input), output_(output), residual_(residual), shape_(shape) {
    x_ = pixel % output.width;
    y_ = pixel / output.width % output.height;
    n_ = pixel / output.width / output.height;
  }

  // Fills the addresses of the next `count` pixels: inputs under filter row `row`, outputs and
  // residuals at channel `channel`.
  void Next(int count, int64_t row, int64_t channel, const In** inputs, Out** outputs,
            const Residual** residuals) {
    for (int p = 0; p < count; ++p) {
      inputs[p] = input_.Pixel(n_, y_ * shape_.stride + row - shape_.padding,
                               x_ * shape_.stride - shape_.padding);
      outputs[p] = output_.Pixel(n_, y_, x_) + channel;
      residuals[p] = residual_.data == nullptr ? nullptr : residual_.Pixel(n_, y_, x_) + channel;
      if (++x_ == output_.width) {
        x_ = 0;
        if (++y_ == output_.height) {
          y_ = 0;
          ++n_;
        }
      }
    }
  }

  // The first of `count` pixels that lie in one row, and on to what follows them.
  void NextRun(int count, int64_t channel, const In*& input, Out*& output,
               const Residual*& residual) {
    Next(1, 0, channel, &input, &output, &residual);
    if (x_ == 0) return;  // the row had one pixel left
    x_ += count - 1;
    if (x_ < output_.width) return;
    x_ = 0;
    if (++y_ == output_.height) {
      y_ = 0;
      ++n_;
    }
  }

 private:
  const NhwcView<const In>& input_;
  const NhwcView<Out>& output_;
  const NhwcView<const Residual>& residual_;
  const Conv2dShape& shape_;
  int64_t x_, y_, n_;
};

}  // namespace deixis
