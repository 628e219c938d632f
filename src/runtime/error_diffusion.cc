#include "runtime/error_diffusion.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace deixis {
namespace {

constexpr double kLargest = 127;

// Where an error goes, seen in the direction of the walk, and how much of it.
struct Share {
  int64_t down = 0;
  int64_t ahead = 0;
  double weight = 0;
};
constexpr Share kShares[] = {{0, 1, 7}, {1, -1, 3}, {1, 0, 5}, {1, 1, 1}};

}  // namespace

void DiffuseToInt8(std::span<const float> plane, int64_t width, double scale,
                   std::span<int8_t> integers) {
  const auto height = static_cast<int64_t>(plane.size()) / width;
  std::vector<double> wanted(plane.size());
  for (size_t i = 0; i < plane.size(); ++i) wanted[i] = plane[i] / scale;
  for (int64_t y = 0; y < height; ++y) {
    const int64_t step = y % 2 == 0 ? 1 : -1;
    for (int64_t i = 0; i < width; ++i) {
      const int64_t x = step > 0 ? i : width - 1 - i;
      const double rounded = std::nearbyint(std::clamp(wanted[y * width + x], -kLargest, kLargest));
      integers[y * width + x] = static_cast<int8_t>(rounded);
      const double error = wanted[y * width + x] - rounded;
      // What would fall off the edge goes to the other neighbours.
      const auto is_inside = [&](const Share& share) {
        const int64_t to_x = x + step * share.ahead;
        return y + share.down < height && to_x >= 0 && to_x < width;
      };
      double total = 0;
      for (const Share& share : kShares) total += is_inside(share) ? share.weight : 0;
      for (const Share& share : kShares) {
        if (!is_inside(share)) continue;
        wanted[(y + share.down) * width + x + step * share.ahead] += error * share.weight / total;
      }
    }
  }
}

}  // namespace deixis
