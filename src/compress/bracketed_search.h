// The exact clustering of many points for one K: brackets for every border between two clusters,
// narrowed on ever finer grids (see kmeans_1d.h for the idea).
#pragma once

#include <cstdint>
#include <vector>

#include "compress/kmeans_1d.h"

namespace deixis {

// Ends of the clusters of an optimal partition into min(k, points.size()) intervals, ascending, the
// last is points.size(). Optimal to the rounding of sums over all points: about 1e-12 of the second
// moment about their mean. Typically O(n) with a small constant, at worst O(k n log n).
std::vector<int64_t> BestEnds(const LinePoints& points, int k);

}  // namespace deixis
