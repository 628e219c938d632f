// Finding out what a classifier does with things that it was never taught: each category takes its
// turn as such a thing.
#pragma once

#include <Eigen/Core>
#include <span>
#include <vector>

#include "network/rejection.h"
#include "pipeline/quick_teach.h"

namespace deixis {

// The rejection that logits of pictures which taught nothing themselves call for; its threshold is
// open. `logits` [pictures, categories]; every category has some.
Rejection RejectionFrom(const Eigen::MatrixXf& logits, std::span<const int> labels);

// The threshold that lets the most known pictures through for the unknown ones that it stops,
// at least 9 of 10 known ones; and what it does.
float ChooseThreshold(std::span<const double> known, std::span<const double> unknown,
                      UnknownFigures& figures);

}  // namespace deixis
