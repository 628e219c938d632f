#include "kernels/subsample_pad.h"

#include <gtest/gtest.h>

#include <vector>

namespace deixis {
namespace {

TEST(SubsamplePad, HandComputed) {
  // 3 x 3 pixels of 2 channels, every second one, to 5 channels: one zero before, two after.
  std::vector<float> input(18);
  for (size_t i = 0; i < input.size(); ++i) input[i] = static_cast<float>(i + 1);
  std::vector<float> output(2 * 2 * 5, -1.0f);
  SubsamplePad<float>(2, 0.0f, DenseView(input.data(), {.height = 3, .width = 3, .channels = 2}),
                      DenseView(output.data(), {.height = 2, .width = 2, .channels = 5}));
  EXPECT_EQ(output, (std::vector<float>{0, 1,  2,  0, 0, 0, 5,  6,  0, 0,  //
                                        0, 13, 14, 0, 0, 0, 17, 18, 0, 0}));
}

}  // namespace
}  // namespace deixis
