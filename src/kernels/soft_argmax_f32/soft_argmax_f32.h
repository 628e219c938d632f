// The last step of a soft-argmax head: from what every pixel of a map says about a place to one
// answer. After Sun et al., "Integral Human Pose Regression" (2018), with an offset per pixel.
//
// Card, for P = H * W pixels, C' answers and K categories, C = C' + K channels:
//   weight[p][k] = softmax over p of map[p][C' + k]
//   answer[j]    = sum over p of weight[p][k] * (map[p][j] + place[p][j])
//   j < 2 K      k = j / 2 and place is the middle of pixel p in -1..1, of the width for even j, of
//                the height for odd ones: x and y
//   j >= 2 K     k = j - 2 K and place is 0: the logit that category k is there at all
#pragma once

#include "kernels/nhwc.h"

namespace deixis {

// `map` is one picture with more channels than answers, and H * W > 0; `answer` is
// [num_answers], 2 or 3 per category. Sums in float64 and gives the same bits on every processor.
// A NaN in an attention or in what it weighs makes the answer NaN. O(P * C), does not allocate.
void SoftArgmaxF32(const NhwcView<const float>& map, int64_t num_answers, float* answer);

}  // namespace deixis
