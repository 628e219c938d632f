// A batch of images as kernels see it: N images of H x W pixels of C channels, channels innermost,
// each image with a border of pixels around it that is really in memory. A convolution reads its
// padding from that border, so its inner loop knows no edges.
//
// Card:
//   pixel (n, y, x)   data + n * image_stride + y * row_stride + x * C, for -border <= y < H +
//   border
//                     and -border <= x < W + border; strides count elements
//   dense             row_stride = (W + 2 * border) * C, image_stride = (H + 2 * border) *
//   row_stride
#pragma once

#include <cstdint>
#include <type_traits>

#include "kernels/aligned.h"

namespace deixis {

template <typename T>
struct NhwcView {
  T* data = nullptr;  // pixel (0, 0, 0), inside the border
  int64_t batch = 1;
  int64_t height = 0;
  int64_t width = 0;
  int64_t channels = 0;
  int64_t border = 0;
  int64_t row_stride = 0;
  int64_t image_stride = 0;

  T* Pixel(int64_t n, int64_t y, int64_t x) const {
    return data + n * image_stride + y * row_stride + x * channels;
  }
  int64_t num_elements() const { return batch * height * width * channels; }

  operator NhwcView<const T>() const  // NOLINT: implicit, as T* to const T*
      requires(!std::is_const_v<T>) {
    return {data, batch, height, width, channels, border, row_stride, image_stride};
  }
};

struct NhwcExtents {
  int64_t batch = 1;
  int64_t height = 0;
  int64_t width = 0;
  int64_t channels = 0;
  int64_t border = 0;

  // With the border.
  int64_t dense_elements() const {
    return batch * (height + 2 * border) * (width + 2 * border) * channels;
  }
};

// A view of `extents.dense_elements()` elements that start at `storage` (the border's first).
template <typename T>
NhwcView<T> DenseView(T* storage, const NhwcExtents& extents) {
  const int64_t row_stride = (extents.width + 2 * extents.border) * extents.channels;
  // Without elements there is no storage to point into.
  const int64_t border = extents.dense_elements() == 0 ? 0 : extents.border;
  return {.data = storage + border * (row_stride + extents.channels),
          .batch = extents.batch,
          .height = extents.height,
          .width = extents.width,
          .channels = extents.channels,
          .border = extents.border,
          .row_stride = row_stride,
          .image_stride = (extents.height + 2 * extents.border) * row_stride};
}

// Owns what a dense view shows; zero at first, border and all.
template <typename T>
class NhwcBuffer {
 public:
  explicit NhwcBuffer(const NhwcExtents& extents)
      : extents_(extents), storage_(static_cast<size_t>(extents.dense_elements())) {}

  const NhwcExtents& extents() const { return extents_; }
  NhwcView<T> view() { return DenseView(storage_.data(), extents_); }
  NhwcView<const T> view() const { return DenseView(storage_.data(), extents_); }

 private:
  NhwcExtents extents_;
  AlignedVector<T> storage_;
};

// Sets the border of every image to `value`.
template <typename T>
void FillBorder(const NhwcView<T>& view, T value) {
  if (view.border == 0) return;
  const int64_t side = view.border * view.channels;
  for (int64_t n = 0; n < view.batch; ++n) {
    for (int64_t y = -view.border; y < view.height + view.border; ++y) {
      T* row = view.Pixel(n, y, -view.border);
      if (y < 0 || y >= view.height) {
        for (int64_t i = 0; i < 2 * side + view.width * view.channels; ++i) row[i] = value;
        continue;
      }
      T* right = row + side + view.width * view.channels;
      for (int64_t i = 0; i < side; ++i) row[i] = right[i] = value;
    }
  }
}

}  // namespace deixis
