// The factor for logits under which their probabilities cost least.
#pragma once

#include <limits>

namespace deixis {

// cost(factor) is in any unit; factors from 0.5 to 40 are tried, 15 % apart.
template <typename Cost>
double ChooseSharpness(const Cost& cost) {
  double sharpness = 1.0;
  double least = std::numeric_limits<double>::infinity();
  for (double factor = 0.5; factor < 40.0; factor *= 1.15) {
    const double of_factor = cost(factor);
    if (of_factor >= least) continue;
    least = of_factor;
    sharpness = factor;
  }
  return sharpness;
}

}  // namespace deixis
