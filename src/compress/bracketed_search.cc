#include "compress/bracketed_search.h"

#include <algorithm>
#include <limits>
#include <span>

#include "compress/interval_program.h"

namespace deixis {
namespace {

// Cells of the first grid; at least a few per cluster.
constexpr int64_t kFirstGridCells = 256;
constexpr int64_t kFirstGridCellsPerCluster = 4;
// A level with cells of s points costs three programs on 1/s of the bracketed points and about
// halves the brackets when cells become four times finer: below this it is cheaper to go to the
// points.
constexpr int64_t kSmallestStride = 6;
constexpr int64_t kRefinement = 4;
constexpr int kPolishRounds = 10;
// Of the second moment of all points: what their sums may be wrong by.
constexpr double kRelativeRounding = 1e-12;

// Where border c, between cluster c and the next, can lie: positions lo[c]..hi[c], c in 1..K-1.
// Border 0 is position 0 and border K is n. Both ends ascend (not strictly) with c.
struct Brackets {
  std::vector<int64_t> lo;
  std::vector<int64_t> hi;
};

// Prefix sums at the positions where a border may lie on this level, and which of them belong to
// which border.
struct Grid {
  std::vector<int64_t> position;  // ascending; the first is 0, the last is n
  std::vector<double> weight;
  std::vector<double> moment;
  std::vector<double> square;
  std::vector<int64_t> first;  // of border c, c in 0..K: indices into position
  std::vector<int64_t> last;

  int64_t size() const { return static_cast<int64_t>(position.size()); }
  int num_clusters() const { return static_cast<int>(first.size()) - 1; }
  IntervalSums Sums() const { return {weight.data(), moment.data()}; }
  double CellSquare(int64_t cell) const { return square[cell + 1] - square[cell]; }
};

// Widens the brackets to multiples of `stride` (or n) and takes all multiples inside.
Grid MakeGrid(const LinePoints& points, Brackets& brackets, int64_t stride) {
  const int64_t n = points.size();
  const int k = static_cast<int>(brackets.lo.size()) - 1;
  Grid grid;
  grid.position.push_back(0);
  for (int c = 1; c < k; ++c) {
    brackets.lo[c] = brackets.lo[c] / stride * stride;
    brackets.hi[c] = std::min(n, (brackets.hi[c] + stride - 1) / stride * stride);
    int64_t position = std::max(brackets.lo[c], grid.position.back() / stride * stride + stride);
    for (; position < brackets.hi[c]; position += stride) grid.position.push_back(position);
    if (grid.position.back() < brackets.hi[c]) grid.position.push_back(brackets.hi[c]);
  }
  if (grid.position.back() < n) grid.position.push_back(n);
  for (const int64_t position : grid.position) {
    grid.weight.push_back(points.weight_sums()[position]);
    grid.moment.push_back(points.moment_sums()[position]);
    grid.square.push_back(points.square_sums()[position]);
  }
  const auto index_of = [&](int64_t position) {
    return std::lower_bound(grid.position.begin(), grid.position.end(), position) -
           grid.position.begin();
  };
  for (int c = 0; c <= k; ++c) {
    grid.first.push_back(index_of(brackets.lo[c]));
    grid.last.push_back(index_of(brackets.hi[c]));
  }
  return grid;
}

// The same grid seen from the other end: border c becomes border K - c.
Grid Mirrored(const Grid& grid) {
  Grid mirrored;
  const int64_t last = grid.size() - 1;
  for (int64_t i = last; i >= 0; --i) {
    mirrored.position.push_back(grid.position[last] - grid.position[i]);
    mirrored.weight.push_back(grid.weight[last] - grid.weight[i]);
    mirrored.moment.push_back(grid.moment[last] - grid.moment[i]);
    mirrored.square.push_back(grid.square[last] - grid.square[i]);
  }
  for (int c = grid.num_clusters(); c >= 0; --c) {
    mirrored.first.push_back(last - grid.last[c]);
    mirrored.last.push_back(last - grid.first[c]);
  }
  return mirrored;
}

double GainFromStart(const Grid& grid, int64_t end) {
  return end == 0 ? 0.0 : grid.Sums().Gain(0, end);
}

// The best clustering whose borders lie on the grid, each in its bracket: ends of the K clusters as
// positions. On a coarse grid some clusters may be empty.
std::vector<int64_t> BestOnGrid(const Grid& grid) {
  const int k = grid.num_clusters();
  std::vector<double> previous(grid.size());
  std::vector<double> current(grid.size());
  std::vector<std::vector<uint32_t>> splits(k + 1);
  for (int64_t j = grid.first[1]; j <= grid.last[1]; ++j) previous[j] = GainFromStart(grid, j);
  for (int c = 2; c <= k; ++c) {
    const int64_t first = grid.first[c];
    splits[c].resize(grid.last[c] - first + 1);
    FillLayer(grid.Sums(), previous.data(), current.data(), splits[c].data(), first, first,
              grid.last[c], grid.first[c - 1], grid.last[c - 1]);
    for (int64_t j = first; j <= std::min(grid.last[c], grid.last[c - 1]); ++j) {
      if (previous[j] > current[j]) {  // cluster c stays empty
        current[j] = previous[j];
        splits[c][j - first] = static_cast<uint32_t>(j);
      }
    }
    std::swap(previous, current);
  }
  std::vector<int64_t> ends(k);
  int64_t index = grid.size() - 1;
  for (int c = k; c >= 1; --c) {
    ends[c - 1] = grid.position[index];
    if (c > 1) index = splits[c][index - grid.first[c]];
  }
  return ends;
}

// bound[c][j - first[c]]: at least the gain of any clustering of the points before position j into
// c clusters whose borders lie in their brackets, on the grid or not.
//
// Say border c - 1 lies in cell i (positions i..i + 1 of the grid). The first c - 1 clusters cost
// no less than they would on the points before i alone, cluster c no less than on those from i + 1:
// so the points of the cell count as if they cost nothing, a gain of their whole square. Where the
// border lies at j or beyond it, cluster c has no points before j.
std::vector<std::vector<double>> GainBounds(const Grid& grid) {
  const int k = grid.num_clusters();
  std::vector<std::vector<double>> bounds(k + 1);
  std::vector<double> previous(grid.size());
  std::vector<double> current(grid.size());
  std::vector<double> beyond_cell(grid.size());
  for (int64_t j = grid.first[1]; j <= grid.last[1]; ++j) current[j] = GainFromStart(grid, j);
  bounds[1].assign(current.begin() + grid.first[1], current.begin() + grid.last[1] + 1);
  for (int c = 2; c < k; ++c) {
    std::swap(previous, current);
    const int64_t i_begin = grid.first[c - 1];
    const int64_t i_end = grid.last[c - 1];
    for (int64_t i = i_begin; i < i_end; ++i) {
      beyond_cell[i + 1] = previous[i] + grid.CellSquare(i);
    }
    FillLayer(grid.Sums(), beyond_cell.data(), current.data(), nullptr, 0, grid.first[c],
              grid.last[c], i_begin + 1, i_end);
    for (int64_t j = grid.first[c]; j <= std::min(grid.last[c], i_end); ++j) {
      current[j] = std::max(current[j], previous[j]);
      if (j > i_begin) current[j] = std::max(current[j], beyond_cell[j]);
    }
    bounds[c].assign(current.begin() + grid.first[c], current.begin() + grid.last[c] + 1);
  }
  return bounds;
}

// Drops from both ends of every bracket the cells in which no clustering of at least `gain` can
// have its border.
void Narrow(const Grid& grid, double gain, Brackets& brackets) {
  const int k = grid.num_clusters();
  const Grid mirrored = Mirrored(grid);
  const std::vector<std::vector<double>> before = GainBounds(grid);
  const std::vector<std::vector<double>> behind = GainBounds(mirrored);
  const int64_t last_index = grid.size() - 1;
  for (int c = 1; c < k; ++c) {
    const auto possible = [&](int64_t cell) {
      const int64_t mirrored_end = last_index - (cell + 1);
      const double bound = before[c][cell - grid.first[c]] + grid.CellSquare(cell) +
                           behind[k - c][mirrored_end - mirrored.first[k - c]];
      return bound >= gain;
    };
    int64_t first = grid.first[c];
    int64_t end = grid.last[c];  // of cells
    while (first < end && !possible(first)) ++first;
    while (first < end && !possible(end - 1)) --end;
    if (first == end) continue;  // only rounding can do that: keep the bracket
    brackets.lo[c] = std::max(brackets.lo[c], grid.position[first]);
    brackets.hi[c] = std::min(brackets.hi[c], grid.position[end]);
  }
  for (int c = 1; c < k; ++c) brackets.lo[c] = std::max(brackets.lo[c], brackets.lo[c - 1]);
  for (int c = k - 1; c >= 1; --c) brackets.hi[c] = std::min(brackets.hi[c], brackets.hi[c + 1]);
}

double GainOfEnds(const LinePoints& points, std::span<const int64_t> ends) {
  const IntervalSums sums{points.weight_sums().data(), points.moment_sums().data()};
  double gain = 0;
  int64_t begin = 0;
  for (const int64_t end : ends) {
    if (end > begin) gain += sums.Gain(begin, end);
    begin = end;
  }
  return gain;
}

}  // namespace

std::vector<int64_t> BestEnds(const LinePoints& points, int k) {
  const int64_t n = points.size();
  k = static_cast<int>(std::min<int64_t>(k, n));
  Brackets brackets;
  for (int c = 0; c <= k; ++c) {
    brackets.lo.push_back(c < k ? c : n);
    brackets.hi.push_back(c > 0 ? n - (k - c) : 0);
  }
  const int64_t first_cells = std::max(kFirstGridCells, kFirstGridCellsPerCluster * k);
  int64_t stride = n / first_cells;
  double best_gain = -std::numeric_limits<double>::infinity();
  while (stride >= kSmallestStride && k > 1) {
    const Grid grid = MakeGrid(points, brackets, stride);
    std::vector<float> centroids;
    int64_t begin = 0;
    for (const int64_t end : BestOnGrid(grid)) {
      if (end > begin) centroids.push_back(static_cast<float>(points.Mean(begin, end)));
      begin = end;
    }
    const Clusters clusters = LloydPolish(points, centroids, kPolishRounds);
    best_gain = std::max(best_gain, GainOfEnds(points, clusters.ends));
    Narrow(grid, best_gain - kRelativeRounding * points.square_sums().back(), brackets);
    stride /= kRefinement;
  }
  return BestOnGrid(MakeGrid(points, brackets, 1));
}

}  // namespace deixis
