#include "compress/interval_program.h"

#include <algorithm>
#include <limits>

namespace deixis {

void FillLayer(const IntervalSums& sums, const double* previous, double* current, uint32_t* split,
               int64_t split_begin, int64_t j_begin, int64_t j_end, int64_t i_begin,
               int64_t i_end) {
  while (j_begin <= j_end) {
    const int64_t j = j_begin + (j_end - j_begin) / 2;
    double best = -std::numeric_limits<double>::infinity();
    int64_t best_i = i_begin;
    const int64_t last = std::min(i_end, j - 1);
    for (int64_t i = i_begin; i <= last; ++i) {
      const double candidate = previous[i] + sums.Gain(i, j);
      if (candidate > best) {
        best = candidate;
        best_i = i;
      }
    }
    current[j] = best;
    if (split != nullptr) split[j - split_begin] = static_cast<uint32_t>(best_i);
    FillLayer(sums, previous, current, split, split_begin, j_begin, j - 1, i_begin, best_i);
    j_begin = j + 1;
    i_begin = best_i;
  }
}

}  // namespace deixis
