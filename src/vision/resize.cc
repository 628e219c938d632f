// Bilinear resampling in the fixed-point arithmetic of PIL, bit for bit: networks are trained on
// pictures that PIL shrank, and a network notices other pixels.
//
// The filter is a triangle of radius 1, in units of the source pixel when enlarging and of the
// target pixel when shrinking. Columns are resampled first, then rows, with weights of 22
// fractional bits and the intermediate rounded to 8 bits (Pillow, src/libImaging/Resample.c).

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <vector>

#include "vision/geometry.h"
#include "vision/image.h"

namespace deixis {
namespace {

constexpr int kFractionBits = 22;
constexpr int32_t kHalf = 1 << (kFractionBits - 1);

// The source pixels [first, first + weights.size()) that make one target pixel.
struct Window {
  int64_t first = 0;
  std::vector<int32_t> weights;  // kFractionBits fractional bits, sum about 1
};

// A part of one axis of the target.
struct Span {
  int64_t begin = 0;
  int64_t length = 0;
};

// The windows of `wanted` pixels of an axis of `source_length` pixels made `target_length` long.
std::vector<Window> Windows(int64_t source_length, int64_t target_length, Span wanted) {
  const double scale = static_cast<double>(source_length) / static_cast<double>(target_length);
  const double radius = std::max(scale, 1.0);
  std::vector<Window> windows(static_cast<size_t>(wanted.length));
  std::vector<double> weights;
  for (int64_t i = 0; i < wanted.length; ++i) {
    const double center = (static_cast<double>(wanted.begin + i) + 0.5) * scale;
    // Truncated towards zero and then clamped, so that -0.3 is 0 as well.
    const int64_t first = std::max<int64_t>(static_cast<int64_t>(center - radius + 0.5), 0);
    const int64_t end = std::min(static_cast<int64_t>(center + radius + 0.5), source_length);
    weights.clear();
    double sum = 0;
    for (int64_t x = first; x < end; ++x) {
      const double distance = std::fabs((static_cast<double>(x) - center + 0.5) * (1.0 / radius));
      weights.push_back(distance < 1.0 ? 1.0 - distance : 0.0);
      sum += weights.back();
    }
    Window& window = windows[static_cast<size_t>(i)];
    window.first = first;
    for (const double weight : weights) {
      const double normalized = sum != 0.0 ? weight / sum : weight;
      window.weights.push_back(static_cast<int32_t>(0.5 + normalized * (1 << kFractionBits)));
    }
  }
  return windows;
}

uint8_t ToPixel(int32_t sum) {
  return static_cast<uint8_t>(std::clamp(sum >> kFractionBits, 0, 255));
}

// [rows.length, W, 3] -> [rows.length, windows.size(), 3], from the source's rows at rows.begin on.
std::vector<uint8_t> ResampleColumns(const Image& image, Span rows,
                                     const std::vector<Window>& windows) {
  std::vector<uint8_t> out(static_cast<size_t>(rows.length) * windows.size() * 3);
  uint8_t* target = out.data();
  for (int64_t y = 0; y < rows.length; ++y) {
    const uint8_t* row = image.pixels.data() + (rows.begin + y) * image.width_px * 3;
    for (const Window& window : windows) {
      int32_t sums[3] = {kHalf, kHalf, kHalf};
      const uint8_t* source = row + window.first * 3;
      for (const int32_t weight : window.weights) {
        for (int c = 0; c < 3; ++c) sums[c] += weight * *source++;
      }
      for (const int32_t sum : sums) *target++ = ToPixel(sum);
    }
  }
  return out;
}

// [H, W, 3] -> [windows.size(), W, 3]; `first_row` is the source row that `rows` begins with.
std::vector<uint8_t> ResampleRows(const std::vector<uint8_t>& rows, int64_t first_row,
                                  int64_t row_bytes, const std::vector<Window>& windows) {
  std::vector<uint8_t> out;
  out.reserve(windows.size() * static_cast<size_t>(row_bytes));
  std::vector<int32_t> sums(static_cast<size_t>(row_bytes));
  for (const Window& window : windows) {
    std::ranges::fill(sums, kHalf);
    const uint8_t* source = rows.data() + (window.first - first_row) * row_bytes;
    for (const int32_t weight : window.weights) {
      for (int32_t& sum : sums) sum += weight * *source++;
    }
    for (const int32_t sum : sums) out.push_back(ToPixel(sum));
  }
  return out;
}

// The part rows x columns of the picture that `image` would be at full_height x full_width. Only
// that part is computed: a narrow strip scaled up to a crop's height may be billions of pixels
// wide.
Image ResizePart(const Image& image, int64_t full_height_px, int64_t full_width_px, Span rows,
                 Span columns) {
  const std::vector<Window> row_windows = Windows(image.height_px, full_height_px, rows);
  const std::vector<Window> column_windows = Windows(image.width_px, full_width_px, columns);
  const int64_t first_row = row_windows.front().first;
  const int64_t end_row =
      row_windows.back().first + static_cast<int64_t>(row_windows.back().weights.size());
  const std::vector<uint8_t> narrowed =
      ResampleColumns(image, {.begin = first_row, .length = end_row - first_row}, column_windows);
  return {.height_px = rows.length,
          .width_px = columns.length,
          .pixels = ResampleRows(narrowed, first_row, columns.length * 3, row_windows)};
}

}  // namespace

Image Resize(const Image& image, int64_t height_px, int64_t width_px) {
  if (image.height_px < 1 || image.width_px < 1 || height_px < 1 || width_px < 1) std::abort();
  return ResizePart(image, height_px, width_px, {.begin = 0, .length = height_px},
                    {.begin = 0, .length = width_px});
}

Image PrepareForModel(const Image& image, const Preprocessing& preprocessing) {
  if (image.height_px < 1 || image.width_px < 1 || preprocessing.height_px < 1 ||
      preprocessing.width_px < 1) {
    std::abort();
  }
  const ResizedFrame frame =
      FrameFor({.height_px = image.height_px, .width_px = image.width_px}, preprocessing);
  return ResizePart(image, frame.height_px, frame.width_px,
                    {.begin = frame.top_px, .length = preprocessing.height_px},
                    {.begin = frame.left_px, .length = preprocessing.width_px});
}

}  // namespace deixis
