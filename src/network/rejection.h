// What a classifier does with what it was never taught. Probabilities cannot tell, since they are
// shared among the categories whatever the picture shows; where the logits lie can: near those of
// some category's pictures, or where no picture was.
//
// The score is the relative Mahalanobis distance in the space of logits,
//
//   score(l) = (l - m)' P (l - m) - min over named categories c of (l - m_c)' P_c (l - m_c)
//
// with m_c the mean logits of category c, P_c the inverse of the covariance within categories, and
// m and P those of all pictures. Ren et al., "A Simple Fix to Mahalanobis Distance for Improving
// Near-OOD Detection", 2021, there on embeddings; logits are as good here and need a few numbers.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/tensor.h"

namespace deixis {

// The category for pictures of nothing that has a name.
inline constexpr std::string_view kNothingName = "nothing";

// All tensors F32, N being the number of logits.
struct Rejection {
  Tensor means;                 // m_c, by category: [N, N]
  Tensor precision;             // P_c: [N, N]
  Tensor background_mean;       // m: [N]
  Tensor background_precision;  // P: [N, N]
  float threshold = 0;          // a lower score is unknown
};

// The index of kNothingName, or -1.
int NothingLabel(const std::vector<std::string>& class_names);

// How much the logits look like those of a category with a name: the score above, or, without a
// rejection, the largest logit of those. -infinity when no category has a name. O(N^3).
double KnownScore(const std::optional<Rejection>& rejection, std::span<const float> logits,
                  int nothing_label);

// Whether the logits are of something unknown: most like "nothing", or, of a model with a
// rejection, scored below its threshold.
bool IsUnknown(const std::optional<Rejection>& rejection, std::span<const float> logits,
               int nothing_label);

}  // namespace deixis
