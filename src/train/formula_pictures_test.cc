// Formula pictures: the same for the same number, every family there, and something to be seen.
#include "train/formula_pictures.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace deixis {
namespace {

const FormulaPictures& Pictures() {
  static const FormulaPictures pictures(3);
  return pictures;
}

TEST(FormulaPictures, DoNotDependOnThreadsOrCompany) {
  ThreadPool one(1);
  ThreadPool three(3);
  const PictureBatch first = Pictures().MakeBatch(1000, 24, 32, one);
  const PictureBatch second = Pictures().MakeBatch(1000, 24, 32, three);
  EXPECT_EQ(first.pixels, second.pixels);
  EXPECT_EQ(first.labels, second.labels);
  std::vector<uint8_t> alone(static_cast<size_t>(first.picture_bytes()));
  EXPECT_EQ(Pictures().Make(1007, 32, alone.data()), first.labels[7]);
  EXPECT_TRUE(
      std::equal(alone.begin(), alone.end(), first.pixels.begin() + 7 * first.picture_bytes()));
}

TEST(FormulaPictures, FollowTheSeed) {
  const FormulaPictures same(3);
  const FormulaPictures other(4);
  std::vector<uint8_t> first(3 * 32 * 32);
  std::vector<uint8_t> second = first;
  EXPECT_EQ(Pictures().Make(5, 32, first.data()), same.Make(5, 32, second.data()));
  EXPECT_EQ(first, second);
  other.Make(5, 32, second.data());
  EXPECT_NE(first, second);
}

TEST(FormulaPictures, ShowEveryFamilyAndNeverTheSameTwice) {
  ThreadPool pool(2);
  const PictureBatch batch = Pictures().MakeBatch(0, 400, 32, pool);
  std::map<std::string, int> seen;
  std::set<std::string> distinct;
  for (int64_t i = 0; i < batch.size(); ++i) {
    const int label = batch.labels[static_cast<size_t>(i)];
    ASSERT_GE(label, 0);
    ASSERT_LT(label, Pictures().num_classes());
    ++seen[Pictures().FamilyOf(label)];
    const auto begin = batch.pixels.begin() + i * batch.picture_bytes();
    const std::string pixels(begin, begin + batch.picture_bytes());
    const auto [darkest, brightest] = std::minmax_element(begin, begin + batch.picture_bytes());
    EXPECT_GT(*brightest - *darkest, 10) << "picture " << i << " of label " << label;
    distinct.insert(pixels);
  }
  EXPECT_EQ(distinct.size(), 400u);
  for (const std::string& family : Pictures().families()) EXPECT_GT(seen[family], 8) << family;
}

// How much of a drawing a formula covers, seen straight on.
double Cover(const formula::Formula& formula, uint64_t seed) {
  formula::Drawing drawing(32);
  Rng rng(seed);
  formula.Draw(formula::View{}, rng, drawing);
  double sum = 0;
  for (const float cover : drawing.cover) sum += cover;
  return sum / static_cast<double>(drawing.cover.size());
}

TEST(Formula, CoversSomethingAlways) {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    EXPECT_GT(Cover(*formula::MakeFractal(seed), seed), 0.02) << seed;
    EXPECT_GT(Cover(*formula::MakeContour(seed), seed), 0.02) << seed;
    EXPECT_GT(Cover(*formula::MakeTree(seed), seed), 0.01) << seed;
    EXPECT_GT(Cover(*formula::MakeSolid(seed), seed), 0.02) << seed;
    EXPECT_EQ(Cover(*formula::MakeTexture(seed), seed), 1) << seed;
  }
}

TEST(Formula, AStretchedFingerReachesFurther) {
  // Upright and straight on, a hand with all fingers stretched covers rows that a fist does not.
  const auto top_row = [](int stretched) {
    formula::Drawing drawing(48);
    Rng rng(1);
    formula::MakeHand(stretched, true)->Draw(formula::View{}, rng, drawing);
    const auto first = std::find_if(drawing.cover.begin(), drawing.cover.end(),
                                    [](float cover) { return cover > 0.5f; });
    return (first - drawing.cover.begin()) / 48;
  };
  EXPECT_LT(top_row(0b00010) + 6, top_row(0));
  EXPECT_LT(top_row(0b11111) + 6, top_row(0));
}

}  // namespace
}  // namespace deixis
