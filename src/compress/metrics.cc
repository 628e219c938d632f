#include "compress/metrics.h"

#include <algorithm>
#include <cmath>

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

}  // namespace deixis
