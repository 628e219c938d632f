#include "compress/kmeans_1d.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

#include "compress/bracketed_search.h"
#include "compress/interval_program.h"

namespace deixis {
namespace {

constexpr int kFinalPolishRounds = 4;
// Differences of prefix sums of millions of points do not tell weights below this share of the
// largest from nothing: a cluster of such points alone would have any centroid at all.
constexpr float kSmallestRelativeWeight = 1e-8f;

// A running sum that keeps what rounding drops (Neumaier): prefix sums of millions of points stay
// exact to the last digit, and so do their differences.
class CarefulSum {
 public:
  void Add(double term) {
    const double sum = sum_ + term;
    lost_ += std::fabs(sum_) >= std::fabs(term) ? (sum_ - sum) + term : (term - sum) + sum_;
    sum_ = sum;
  }
  double value() const { return sum_ + lost_; }

 private:
  double sum_ = 0;
  double lost_ = 0;
};

// Maps floats to integers in the same order, and back. Both zeros become the positive one.
uint32_t OrderedBits(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value + 0.0f);
  return (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
}
float FromOrderedBits(uint32_t bits) {
  return std::bit_cast<float>((bits & 0x80000000u) != 0 ? bits & 0x7FFFFFFFu : ~bits);
}

// A value in the upper half, its weight in the lower: sorted by both, sums do not depend on the
// order in which equal values came.
uint64_t KeyOf(float value, float weight) {
  return uint64_t{OrderedBits(value)} << 32 | std::bit_cast<uint32_t>(weight);
}
float ValueOf(uint64_t key) { return FromOrderedBits(static_cast<uint32_t>(key >> 32)); }
double WeightOf(uint64_t key) { return std::bit_cast<float>(static_cast<uint32_t>(key)); }

// Radix sort, 11 bits at a time; a digit that all keys share (the weights of unweighted values)
// costs one look.
void SortKeys(std::vector<uint64_t>& keys) {
  constexpr int kDigitBits = 11;
  constexpr size_t kNumDigits = size_t{1} << kDigitBits;
  if (keys.size() < kNumDigits / 2) {
    std::sort(keys.begin(), keys.end());
    return;
  }
  std::vector<uint64_t> sorted(keys.size());
  std::vector<size_t> place(kNumDigits);
  for (int shift = 0; shift < 64; shift += kDigitBits) {
    std::fill(place.begin(), place.end(), 0);
    for (const uint64_t key : keys) ++place[(key >> shift) % kNumDigits];
    if (place[(keys[0] >> shift) % kNumDigits] == keys.size()) continue;
    size_t next = 0;
    for (size_t& start : place) next += std::exchange(start, next);
    for (const uint64_t key : keys) sorted[place[(key >> shift) % kNumDigits]++] = key;
    keys.swap(sorted);
  }
}

Clusters ClustersFromEnds(const LinePoints& points, const std::vector<int64_t>& ends) {
  Clusters clusters;
  int64_t begin = 0;
  for (const int64_t end : ends) {
    if (end == begin) continue;
    clusters.ends.push_back(end);
    clusters.centroids.push_back(static_cast<float>(points.Mean(begin, end)));
    clusters.inertia += points.Cost(begin, end);
    begin = end;
  }
  return clusters;
}

}  // namespace

Result<LinePoints> LinePoints::Create(std::span<const float> values,
                                      std::span<const float> weights) {
  if (values.empty()) return InvalidData("k-means: expected at least one value, found none");
  if (!weights.empty() && weights.size() != values.size()) {
    return InvalidData("k-means: expected " + std::to_string(values.size()) + " weights, found " +
                       std::to_string(weights.size()));
  }
  for (size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) {
      return InvalidData("value " + std::to_string(i) + ": expected a finite number, found " +
                             std::to_string(values[i]),
                         "the model may have diverged in training: use another checkpoint");
    }
  }
  float largest_weight = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    if (!(weights[i] >= 0) || !std::isfinite(weights[i])) {
      return InvalidData("importance " + std::to_string(i) +
                         ": expected a finite number of at least 0, found " +
                         std::to_string(weights[i]));
    }
    largest_weight = std::max(largest_weight, weights[i]);
  }
  const bool any_weight = largest_weight > 0;
  const float smallest_weight = largest_weight * kSmallestRelativeWeight;

  // Value in the upper half, weight in the lower: sorted by both, sums do not depend on the order
  // in which equal values came.
  std::vector<uint64_t> keys;
  keys.reserve(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    const float weight = any_weight ? weights[i] : 1.0f;
    if (weight == 0) continue;
    keys.push_back(KeyOf(values[i], std::max(weight, smallest_weight)));
  }
  SortKeys(keys);

  LinePoints points;
  CarefulSum weight_sum;
  CarefulSum moment_sum;
  for (const uint64_t key : keys) {
    weight_sum.Add(WeightOf(key));
    moment_sum.Add(WeightOf(key) * ValueOf(key));
  }
  points.center_ = moment_sum.value() / weight_sum.value();
  weight_sum = moment_sum = {};
  CarefulSum square_sum;
  const auto store_sums = [&] {
    points.weight_sums_.push_back(weight_sum.value());
    points.moment_sums_.push_back(moment_sum.value());
    points.square_sums_.push_back(square_sum.value());
  };
  for (auto* sums : {&points.weight_sums_, &points.moment_sums_, &points.square_sums_}) {
    sums->reserve(keys.size() + 1);
  }
  points.values_.reserve(keys.size());
  store_sums();
  for (size_t i = 0; i < keys.size();) {
    const float value = ValueOf(keys[i]);
    double weight = 0;
    for (; i < keys.size() && ValueOf(keys[i]) == value; ++i) weight += WeightOf(keys[i]);
    const double distance = value - points.center_;
    weight_sum.Add(weight);
    moment_sum.Add(weight * distance);
    square_sum.Add(weight * distance * distance);
    points.values_.push_back(value);
    store_sums();
  }
  return points;
}

double LinePoints::Mean(int64_t begin, int64_t end) const {
  if (end - begin == 1) return values_[begin];
  return center_ +
         (moment_sums_[end] - moment_sums_[begin]) / (weight_sums_[end] - weight_sums_[begin]);
}

double LinePoints::Cost(int64_t begin, int64_t end) const {
  if (end - begin == 1) return 0;
  const double mean = Mean(begin, end);
  double cost = 0;
  for (int64_t i = begin; i < end; ++i) {
    const double distance = values_[i] - mean;
    cost += weight(i) * distance * distance;
  }
  return cost;
}

KMeansTable::KMeansTable(const LinePoints& points, int max_k)
    : max_k_(max_k),
      stride_(points.size() + 1),
      splits_(static_cast<size_t>(max_k) * (points.size() + 1)) {
  const int64_t n = points.size();
  const IntervalSums sums{points.weight_sums().data(), points.moment_sums().data()};
  std::vector<double> previous(n + 1, 0.0);
  std::vector<double> current(n + 1, 0.0);
  for (int64_t j = 1; j <= n; ++j) previous[j] = sums.Gain(0, j);
  for (int64_t k = 2; k <= std::min<int64_t>(max_k, n); ++k) {
    FillLayer(sums, previous.data(), current.data(), splits_.data() + (k - 1) * stride_, 0, k, n,
              k - 1, n - 1);
    std::swap(previous, current);
  }
}

Clusters KMeansTable::Cut(const LinePoints& points, int k) const {
  const int64_t n = points.size();
  std::vector<int64_t> ends;
  int64_t end = n;
  for (int64_t cluster = std::min<int64_t>(k, n); cluster >= 1; --cluster) {
    ends.push_back(end);
    end = splits_[(cluster - 1) * stride_ + end];
  }
  std::reverse(ends.begin(), ends.end());
  return ClustersFromEnds(points, ends);
}

Clusters KMeans1D(const LinePoints& points, int k) {
  Clusters best = ClustersFromEnds(points, BestEnds(points, k));
  // The program compares sums of all points; among clusterings that agree in their leading fifteen
  // digits this settles the rest.
  Clusters polished = LloydPolish(points, best.centroids, kFinalPolishRounds);
  return polished.inertia < best.inertia ? polished : best;
}

Clusters LloydPolish(const LinePoints& points, std::span<const float> centroids, int max_rounds) {
  const int64_t n = points.size();
  std::vector<double> means(centroids.begin(), centroids.end());
  std::vector<int64_t> ends;
  for (int round = 0;; ++round) {
    std::vector<int64_t> new_ends;
    int64_t begin = 0;
    for (size_t c = 0; c < means.size(); ++c) {
      int64_t end = n;
      if (c + 1 < means.size()) {
        // A point on the border belongs to the lower centroid, as in AssignNearest.
        const double border = (means[c] + means[c + 1]) / 2;
        int64_t low = begin;
        while (low < end) {
          const int64_t middle = low + (end - low) / 2;
          if (points.value(middle) <= border) {
            low = middle + 1;
          } else {
            end = middle;
          }
        }
      }
      if (end > begin) new_ends.push_back(end);
      begin = end;
    }
    if (new_ends == ends || (round > 0 && round >= max_rounds)) break;
    ends = std::move(new_ends);
    means.clear();
    begin = 0;
    for (const int64_t end : ends) {
      means.push_back(points.Mean(begin, end));
      begin = end;
    }
  }
  return ClustersFromEnds(points, ends);
}

void AssignNearest(std::span<const float> values, std::span<const float> centroids,
                   std::span<uint8_t> indices) {
  const size_t num_borders = centroids.size() - 1;
  float borders[255];
  for (size_t c = 0; c < num_borders; ++c) {
    borders[c] = static_cast<float>((double{centroids[c]} + centroids[c + 1]) / 2);
  }
  if (num_borders <= 15) {
    // The number of borders below the value; blocks, so that the inner loop is over lanes.
    constexpr size_t kBlock = 64;
    size_t i = 0;
    for (; i + kBlock <= values.size(); i += kBlock) {
      int32_t count[kBlock] = {};
      for (size_t c = 0; c < num_borders; ++c) {
        for (size_t lane = 0; lane < kBlock; ++lane) {
          count[lane] += values[i + lane] > borders[c] ? 1 : 0;
        }
      }
      for (size_t lane = 0; lane < kBlock; ++lane) {
        indices[i + lane] = static_cast<uint8_t>(count[lane]);
      }
    }
    for (; i < values.size(); ++i) {
      int count = 0;
      for (size_t c = 0; c < num_borders; ++c) count += values[i] > borders[c] ? 1 : 0;
      indices[i] = static_cast<uint8_t>(count);
    }
    return;
  }
  for (size_t i = 0; i < values.size(); ++i) {
    indices[i] =
        static_cast<uint8_t>(std::lower_bound(borders, borders + num_borders, values[i]) - borders);
  }
}

}  // namespace deixis
