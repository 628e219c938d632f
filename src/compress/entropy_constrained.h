// Entropy-constrained clustering for the archive form: a weight does not go to its nearest centroid
// but to the one that is cheapest in distortion plus the bits that its index costs once entropy
// coded, so that common indices become commoner and the file shorter.
//
// Chou, Lookabaugh and Gray, "Entropy-constrained vector quantization", 1989; for networks Choi,
// El-Khamy and Lee, "Towards the limit of network quantization", arXiv:1612.01543. One table of
// probabilities per layer, as the container's coder has it.
#pragma once

#include <span>

#include "base/result.h"
#include "base/thread_pool.h"
#include "compress/palettize.h"

namespace deixis {

struct EntropyOptions {
  // Price of a bit of the layer's coded indices, in units of what a bit is worth at the start:
  // distortion falls by a factor 4 per bit, so saving one is worth 2 ln 2 times the mean
  // distortion. 0 is plain clustering. On normal weights with K = 16, 2 saves a twentieth of the
  // bits and 4 a quarter, the latter at nearly three times the distortion: the gain is in spending
  // the bits where they count, so start from a larger K than without (32 and 4 give a tenth less
  // distortion than plain clustering of as many coded bits).
  double lambda = 1.0;
  // One centroid of each group is exactly 0, the same index in all groups, so that their zeros
  // share one short code.
  bool force_zero = true;
  int max_rounds = 30;
};

struct EntropyOutcome {
  int rounds = 0;
  double distortion = 0;       // weighted squared error
  double bits_per_weight = 0;  // entropy of the indices
  double objective = 0;        // distortion + price * bits, never rises from round to round
};

// Reassigns and refits until the objective settles. Pruned weights stay 0. Weights, importance as
// for Palettize. kUsage for a lambda that is negative or not finite. Deterministic for any number
// of threads.
Result<EntropyOutcome> ConstrainEntropy(Palettization& palettization,
                                        std::span<const float> weights,
                                        std::span<const float> importance,
                                        const EntropyOptions& options, ThreadPool& pool);

// Shannon entropy of the layer's indices, bits per weight.
double IndexEntropy(const Palettization& palettization);

}  // namespace deixis
