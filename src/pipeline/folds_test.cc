#include "pipeline/folds.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

namespace deixis {
namespace {

TEST(FoldsOf, UnitsStayTogetherAndLabelsSpread) {
  std::vector<int> units;
  std::vector<int> labels;
  for (int unit = 0; unit < 12; ++unit) {
    for (int i = 0; i < 3; ++i) {
      units.push_back(100 - unit);
      labels.push_back(unit % 2);
    }
  }
  const std::vector<int> folds = FoldsOf(units, labels, 3);
  std::map<int, std::set<int>> folds_of_unit;
  std::map<std::pair<int, int>, int> count;
  for (size_t i = 0; i < folds.size(); ++i) {
    folds_of_unit[units[i]].insert(folds[i]);
    ++count[{labels[i], folds[i]}];
  }
  for (const auto& [unit, of_unit] : folds_of_unit) EXPECT_EQ(of_unit.size(), 1u) << unit;
  for (int label : {0, 1}) {
    for (int fold : {0, 1, 2}) EXPECT_EQ((count[{label, fold}]), 6) << label << " in " << fold;
  }
}

TEST(FoldsOf, ALabelOfOneUnitIsCutIntoRuns) {
  const std::vector<int> units = {0, 1, 2, 7, 7, 7, 7};
  const std::vector<int> labels = {0, 0, 0, 1, 1, 1, 1};
  const std::vector<int> folds = FoldsOf(units, labels, 2);
  EXPECT_EQ((std::vector<int>(folds.begin() + 3, folds.end())), (std::vector<int>{0, 0, 1, 1}));
  EXPECT_EQ((std::set<int>(folds.begin(), folds.begin() + 3)), (std::set<int>{0, 1}));
}

TEST(FoldsOf, NothingHasNoFolds) { EXPECT_TRUE(FoldsOf({}, {}, 5).empty()); }

}  // namespace
}  // namespace deixis
