#include "kernels/soft_argmax_f32/soft_argmax_f32.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace deixis {
namespace {

// e^x for x <= 0, to 1e-13 of itself. Not the C library's: its tables take kilobytes that a small
// chip does not have, and its last bit is not the same everywhere.
double ExpOfNegative(double x) {
  constexpr double kLowest = -700;  // where 2^n would leave the normal numbers
  constexpr double kLn2 = 0x1.62e42fefa39efp-1;
  if (!(x >= kLowest)) return x < kLowest ? 0 : x;  // NaN stays
  const auto n = static_cast<int64_t>(x / kLn2 - 0.5);
  const double r = x - static_cast<double>(n) * kLn2;  // |r| <= ln(2) / 2
  double sum = 1;  // 1 + r (1 + r / 2 (1 + r / 3 (...))), the first terms of its series
  for (int term = 13; term >= 1; --term) sum = 1 + r / term * sum;
  return sum * std::bit_cast<double>(static_cast<uint64_t>(1023 + n) << 52);
}

// The middle of pixel i of `extent`, in -1..1.
double MiddleOf(int64_t i, int64_t extent) {
  return static_cast<double>(2 * i + 1) / static_cast<double>(extent) - 1;
}

}  // namespace

void SoftArgmaxF32(const NhwcView<const float>& map, int64_t num_answers, float* answer) {
  const int64_t num_categories = map.channels - num_answers;
  for (int64_t k = 0; k < num_categories; ++k) {
    const int64_t attention = num_answers + k;
    float largest = -std::numeric_limits<float>::max();
    for (int64_t y = 0; y < map.height; ++y) {
      for (int64_t x = 0; x < map.width; ++x) {
        largest = std::max(largest, map.Pixel(0, y, x)[attention]);
      }
    }
    const bool tells_presence = num_answers > 2 * num_categories;
    double sum_x = 0;
    double sum_y = 0;
    double sum_presence = 0;
    double sum_weights = 0;
    for (int64_t y = 0; y < map.height; ++y) {
      for (int64_t x = 0; x < map.width; ++x) {
        const float* pixel = map.Pixel(0, y, x);
        const double weight = ExpOfNegative(double{pixel[attention]} - largest);
        sum_weights += weight;
        sum_x += weight * (pixel[2 * k] + MiddleOf(x, map.width));
        sum_y += weight * (pixel[2 * k + 1] + MiddleOf(y, map.height));
        if (tells_presence) sum_presence += weight * pixel[2 * num_categories + k];
      }
    }
    answer[2 * k] = static_cast<float>(sum_x / sum_weights);
    answer[2 * k + 1] = static_cast<float>(sum_y / sum_weights);
    if (tells_presence) {
      answer[2 * num_categories + k] = static_cast<float>(sum_presence / sum_weights);
    }
  }
}

}  // namespace deixis
