#include "network/rejection.h"

#include <algorithm>
#include <limits>

namespace deixis {
namespace {

// (l - m)' P (l - m)
double Distance(std::span<const float> logits, std::span<const float> mean,
                std::span<const float> precision) {
  const size_t n = logits.size();
  double distance = 0;
  for (size_t i = 0; i < n; ++i) {
    double sum = 0;
    for (size_t j = 0; j < n; ++j) {
      sum += double{precision[i * n + j]} * (double{logits[j]} - mean[j]);
    }
    distance += sum * (double{logits[i]} - mean[i]);
  }
  return distance;
}

}  // namespace

int NothingLabel(const std::vector<std::string>& class_names) {
  const auto found = std::ranges::find(class_names, kNothingName);
  return found == class_names.end() ? -1 : static_cast<int>(found - class_names.begin());
}

double KnownScore(const std::optional<Rejection>& rejection, std::span<const float> logits,
                  int nothing_label) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const size_t n = logits.size();
  double best = -kInfinity;  // the least distance, negative, or the largest logit
  for (size_t c = 0; c < n; ++c) {
    if (static_cast<int>(c) == nothing_label) continue;
    const double nearness = rejection
                                ? -Distance(logits, rejection->means.As<float>().subspan(c * n, n),
                                            rejection->precision.As<float>())
                                : double{logits[c]};
    best = std::max(best, nearness);
  }
  if (!rejection) return best;
  return best + Distance(logits, rejection->background_mean.As<float>(),
                         rejection->background_precision.As<float>());
}

bool IsUnknown(const std::optional<Rejection>& rejection, std::span<const float> logits,
               int nothing_label) {
  const auto best = std::ranges::max_element(logits);
  if (best - logits.begin() == nothing_label) return true;
  // A score that is no number is of nothing known.
  return rejection &&
         !(KnownScore(rejection, logits, nothing_label) >= double{rejection->threshold});
}

}  // namespace deixis
