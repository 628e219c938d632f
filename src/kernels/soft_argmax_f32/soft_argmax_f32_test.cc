#include "kernels/soft_argmax_f32/soft_argmax_f32.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "base/rng.h"

namespace deixis {
namespace {

using ::testing::Each;
using ::testing::IsNan;

struct Case {
  int64_t height, width, num_categories;
  bool tells_presence;

  int64_t num_answers() const { return num_categories * (tells_presence ? 3 : 2); }
};

NhwcBuffer<float> RandomMap(const Case& c, double spread, uint64_t seed) {
  NhwcBuffer<float> map({.height = c.height,
                         .width = c.width,
                         .channels = c.num_answers() + c.num_categories,
                         .border = 1});
  Rng rng(seed);
  for (int64_t y = 0; y < c.height; ++y) {
    for (int64_t x = 0; x < c.width; ++x) {
      for (int64_t i = 0; i < map.extents().channels; ++i) {
        map.view().Pixel(0, y, x)[i] = static_cast<float>(spread * rng.Normal());
      }
    }
  }
  return map;
}

// As the card says, word by word.
std::vector<double> Expected(const Case& c, const NhwcView<const float>& map) {
  std::vector<double> answer;
  for (int64_t j = 0; j < c.num_answers(); ++j) {
    const int64_t k = j < 2 * c.num_categories ? j / 2 : j - 2 * c.num_categories;
    double weights = 0;
    double sum = 0;
    for (int64_t y = 0; y < c.height; ++y) {
      for (int64_t x = 0; x < c.width; ++x) {
        const float* pixel = map.Pixel(0, y, x);
        const double weight = std::exp(double{pixel[c.num_answers() + k]});
        double place = 0;
        if (j < 2 * c.num_categories) {
          const double i = static_cast<double>(j % 2 == 0 ? x : y);
          const double extent = static_cast<double>(j % 2 == 0 ? c.width : c.height);
          place = (i + 0.5) / extent * 2 - 1;
        }
        weights += weight;
        sum += weight * (pixel[j] + place);
      }
    }
    answer.push_back(sum / weights);
  }
  return answer;
}

TEST(SoftArgmaxF32, IsTheWeightedMean) {
  for (const Case& c : {Case{14, 14, 1, true}, Case{14, 14, 2, true}, Case{3, 5, 3, false},
                        Case{1, 1, 1, false}, Case{7, 4, 1, false}}) {
    for (const double spread : {0.1, 1.0, 20.0}) {
      const NhwcBuffer<float> map = RandomMap(c, spread, 1);
      std::vector<float> answer(static_cast<size_t>(c.num_answers()));
      SoftArgmaxF32(map.view(), c.num_answers(), answer.data());
      const std::vector<double> expected = Expected(c, map.view());
      for (size_t j = 0; j < answer.size(); ++j) {
        // One rounding to float32 at the end.
        EXPECT_NEAR(answer[j], expected[j], 1e-7 * std::abs(expected[j]) + 1e-11)
            << "answer " << j << " of " << c.height << "x" << c.width << ", spread " << spread;
      }
    }
  }
}

TEST(SoftArgmaxF32, PointsAtTheOnePixelThatIsAttendedTo) {
  NhwcBuffer<float> map({.height = 4, .width = 8, .channels = 3});
  map.view().Pixel(0, 2, 5)[2] = 1000;
  map.view().Pixel(0, 2, 5)[0] = 0.125f;
  map.view().Pixel(0, 0, 0)[0] = 99;  // of no weight
  float answer[2];
  SoftArgmaxF32(map.view(), 2, answer);
  EXPECT_EQ(answer[0], (5 + 0.5f) / 8 * 2 - 1 + 0.125f);
  EXPECT_EQ(answer[1], (2 + 0.5f) / 4 * 2 - 1);
}

TEST(SoftArgmaxF32, TheMiddleWhenNothingIsAttendedTo) {
  const NhwcBuffer<float> map({.height = 6, .width = 3, .channels = 4});
  float answer[3];
  SoftArgmaxF32(map.view(), 3, answer);
  EXPECT_NEAR(answer[0], 0, 1e-7);
  EXPECT_NEAR(answer[1], 0, 1e-7);
  EXPECT_EQ(answer[2], 0);
}

TEST(SoftArgmaxF32, AttentionMayBeAnyNumber) {
  for (const float level : {-3e38f, -1e5f, 1e5f, 3e38f}) {
    NhwcBuffer<float> map({.height = 2, .width = 2, .channels = 3});
    for (int64_t p = 0; p < 4; ++p) map.view().Pixel(0, p / 2, p % 2)[2] = level;
    float answer[2];
    SoftArgmaxF32(map.view(), 2, answer);
    EXPECT_NEAR(answer[0], 0, 1e-7) << level;
  }
}

TEST(SoftArgmaxF32, NanStaysNan) {
  for (const int64_t channel : {0, 1, 2, 3}) {
    NhwcBuffer<float> map({.height = 3, .width = 3, .channels = 4});
    map.view().Pixel(0, 1, 2)[channel] = std::numeric_limits<float>::quiet_NaN();
    std::vector<float> answer(3);
    SoftArgmaxF32(map.view(), 3, answer.data());
    if (channel == 3) {
      EXPECT_THAT(answer, Each(IsNan()));
    } else {
      EXPECT_TRUE(std::isnan(answer[static_cast<size_t>(channel)])) << channel;
    }
  }
}

}  // namespace
}  // namespace deixis
