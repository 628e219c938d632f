// What a network's answer to one picture is worth.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace deixis {

// The index of the largest; of equal ones the first. Not empty.
int LargestLogit(std::span<const float> logits);
// How many logits are larger than that of `label`, ties counting when they come first.
int RankOf(std::span<const float> logits, int label);
// -log softmax(logits)[label], in nats.
double CrossEntropy(std::span<const float> logits, int label);
// Σ p log(p / q) in nats, p and q being the softmax of the two: what is lost by taking the second
// for the first. At least 0, up to rounding.
double KullbackLeibler(std::span<const float> p_logits, std::span<const float> q_logits);

// Two networks' answers to the same pictures.
struct LogitComparison {
  double agreement = 0;           // 0..1 of the pictures have the same largest logit
  double mean_kl_divergence = 0;  // nats, of the second network's probabilities from the first's
};
// Both are [pictures, num_outputs], of the same length; all 0 without pictures.
LogitComparison CompareLogits(std::span<const float> first, std::span<const float> second,
                              int64_t num_outputs);

// In double, so that the sum is 1.
std::vector<double> Softmax(std::span<const float> logits);
// 1 / (1 + exp(-logit)).
double Logistic(double logit);

// How well a score tells positives from negatives: the chance that a positive scores higher than a
// negative, ties counting half (the area under the ROC curve). 0 without either. O(n log n).
double AreaUnderRoc(std::span<const double> positives, std::span<const double> negatives);
// The share of negatives that score at least what `recall` (0..1) of the positives score at least:
// the false positives at that recall. 0 without either. O(n log n).
double FalsePositivesAtRecall(std::span<const double> positives, std::span<const double> negatives,
                              double recall);

// The value below which `share` (0..1) of `values` lie, linear between neighbours, as numpy's
// percentile. Not empty. O(n log n).
double Quantile(std::span<const double> values, double share);

}  // namespace deixis
