#include "compress/metrics.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace deixis {

int LargestLogit(std::span<const float> logits) {
  return static_cast<int>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

int RankOf(std::span<const float> logits, int label) {
  int rank = 0;
  for (int i = 0; i < static_cast<int>(logits.size()); ++i) {
    rank += logits[i] > logits[label] || (logits[i] == logits[label] && i < label) ? 1 : 0;
  }
  return rank;
}

double CrossEntropy(std::span<const float> logits, int label) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - largest);
  return std::log(sum) + largest - logits[label];
}

double Quantile(std::span<const double> values, double share) {
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  const double place = share * static_cast<double>(sorted.size() - 1);
  const size_t below = static_cast<size_t>(place);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

}  // namespace deixis
