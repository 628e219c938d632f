// The dynamic program of clustering on a line, over prefix sums at positions where a cluster may
// end. It maximises the sum over clusters of moment² / weight, which is the second moment of all
// points less the inertia: two prefix sums per evaluation instead of three.
#pragma once

#include <cstdint>

namespace deixis {

struct IntervalSums {
  const double* weight;  // prefix sums of weights
  const double* moment;  // prefix sums of weight times distance from a common centre
  double Gain(int64_t begin, int64_t end) const {
    const double moment_sum = moment[end] - moment[begin];
    return moment_sum * moment_sum / (weight[end] - weight[begin]);
  }
};

// One layer: for every j in [j_begin, j_end], current[j] = max of previous[i] + Gain(i, j) over i <
// j in [i_begin, i_end], and the smallest such i in split[j - split_begin] (`split` may be null).
// Where there is no i: -infinity and i_begin. O((i range + j range) log(j range)): the best i never
// falls as j rises.
void FillLayer(const IntervalSums& sums, const double* previous, double* current, uint32_t* split,
               int64_t split_begin, int64_t j_begin, int64_t j_end, int64_t i_begin, int64_t i_end);

}  // namespace deixis
