#include "pipeline/folds.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>

namespace deixis {

std::vector<int> FoldsOf(std::span<const int> units, std::span<const int> labels, int num_folds) {
  std::vector<std::vector<size_t>> members;  // by unit, in order of first appearance
  std::map<int, size_t> place_of_unit;
  for (size_t i = 0; i < units.size(); ++i) {
    const auto [found, is_new] = place_of_unit.emplace(units[i], members.size());
    if (is_new) members.emplace_back();
    members[found->second].push_back(i);
  }
  std::vector<int> folds(units.size());
  std::map<int, std::vector<int64_t>> count;  // by label and fold
  for (const int label : labels) count[label].resize(static_cast<size_t>(num_folds));
  std::vector<int64_t> total(static_cast<size_t>(num_folds));
  for (const std::vector<size_t>& unit : members) {
    const auto load = [&](int fold) {
      int64_t same = 0;
      for (const size_t i : unit) same += count[labels[i]][fold];
      return std::pair(same, total[fold]);
    };
    int best = 0;
    for (int fold = 1; fold < num_folds; ++fold) {
      if (load(fold) < load(best)) best = fold;
    }
    for (const size_t i : unit) {
      folds[i] = best;
      ++count[labels[i]][best];
      ++total[best];
    }
  }
  for (const auto& [label, by_fold] : count) {
    const int64_t all = *std::ranges::max_element(by_fold);
    int64_t sum = 0;
    for (const int64_t n : by_fold) sum += n;
    if (all < sum) continue;
    int64_t at = 0;
    for (size_t i = 0; i < labels.size(); ++i) {
      if (labels[i] == label) folds[i] = static_cast<int>(at++ * num_folds / sum);
    }
  }
  return folds;
}

}  // namespace deixis
