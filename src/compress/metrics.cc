#include "compress/metrics.h"

#include <algorithm>
#include <cmath>
#include <functional>
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

namespace {

double LogSumExp(std::span<const float> logits) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - largest);
  return std::log(sum) + largest;
}

}  // namespace

double CrossEntropy(std::span<const float> logits, int label) {
  return LogSumExp(logits) - logits[label];
}

double KullbackLeibler(std::span<const float> p_logits, std::span<const float> q_logits) {
  const double p_normalizer = LogSumExp(p_logits);
  const double q_normalizer = LogSumExp(q_logits);
  double divergence = 0;
  for (size_t i = 0; i < p_logits.size(); ++i) {
    const double log_p = p_logits[i] - p_normalizer;
    divergence += std::exp(log_p) * (log_p - (q_logits[i] - q_normalizer));
  }
  return divergence;
}

LogitComparison CompareLogits(std::span<const float> first, std::span<const float> second,
                              int64_t num_outputs) {
  LogitComparison result;
  const auto pictures = static_cast<int64_t>(first.size()) / num_outputs;
  for (int64_t n = 0; n < pictures; ++n) {
    const auto p = first.subspan(n * num_outputs, num_outputs);
    const auto q = second.subspan(n * num_outputs, num_outputs);
    result.agreement += LargestLogit(p) == LargestLogit(q) ? 1 : 0;
    result.mean_kl_divergence += KullbackLeibler(p, q);
  }
  if (pictures == 0) return result;
  result.agreement /= static_cast<double>(pictures);
  result.mean_kl_divergence /= static_cast<double>(pictures);
  return result;
}

double Quantile(std::span<const double> values, double share) {
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  const double place = share * static_cast<double>(sorted.size() - 1);
  const size_t below = static_cast<size_t>(place);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

std::vector<double> Softmax(std::span<const float> logits) {
  std::vector<double> probabilities(logits.begin(), logits.end());
  if (probabilities.empty()) return probabilities;
  const double largest = *std::max_element(probabilities.begin(), probabilities.end());
  double sum = 0;
  for (double& value : probabilities) sum += value = std::exp(value - largest);
  for (double& value : probabilities) value /= sum;
  return probabilities;
}

double Logistic(double logit) { return 1 / (1 + std::exp(-logit)); }

double AreaUnderRoc(std::span<const double> positives, std::span<const double> negatives) {
  if (positives.empty() || negatives.empty()) return 0;
  std::vector<double> sorted(negatives.begin(), negatives.end());
  std::ranges::sort(sorted);
  double won = 0;
  for (const double score : positives) {
    const auto [first, last] = std::equal_range(sorted.begin(), sorted.end(), score);
    won += static_cast<double>(first - sorted.begin()) + 0.5 * static_cast<double>(last - first);
  }
  return won / (static_cast<double>(positives.size()) * static_cast<double>(negatives.size()));
}

double FalsePositivesAtRecall(std::span<const double> positives, std::span<const double> negatives,
                              double recall) {
  if (positives.empty() || negatives.empty()) return 0;
  std::vector<double> sorted(positives.begin(), positives.end());
  std::ranges::sort(sorted, std::greater<>());
  const auto wanted = static_cast<size_t>(std::ceil(recall * static_cast<double>(sorted.size())));
  const double threshold = sorted[std::clamp<size_t>(wanted, 1, sorted.size()) - 1];
  const auto accepted =
      std::ranges::count_if(negatives, [&](double score) { return score >= threshold; });
  return static_cast<double>(accepted) / static_cast<double>(negatives.size());
}

}  // namespace deixis
