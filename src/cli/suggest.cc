#include "cli/suggest.h"

#include <algorithm>
#include <vector>

namespace deixis::cli {

int EditDistance(std::string_view a, std::string_view b) {
  // Three rows of the table are enough: a swap looks two back.
  std::vector<int> before_last(b.size() + 1), last(b.size() + 1), current(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = static_cast<int>(j);
  for (size_t i = 1; i <= a.size(); ++i) {
    current[0] = static_cast<int>(i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const int substitution = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      current[j] = std::min({last[j] + 1, current[j - 1] + 1, substitution});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        current[j] = std::min(current[j], before_last[j - 2] + 1);
      }
    }
    before_last.swap(last);
    last.swap(current);
  }
  return last[b.size()];
}

std::vector<std::string_view> Nearest(std::string_view word,
                                      std::span<const std::string_view> candidates) {
  constexpr size_t kMost = 3;
  std::vector<std::string_view> nearest;
  std::vector<std::string_view> continuations;
  const auto add = [](std::vector<std::string_view>& list, std::string_view candidate) {
    const bool is_new = std::find(list.begin(), list.end(), candidate) == list.end();
    if (is_new && list.size() < kMost) list.push_back(candidate);
  };
  if (word.empty()) return nearest;
  int least = 0;
  for (const std::string_view candidate : candidates) {
    if (candidate.starts_with(word)) add(continuations, candidate);
    const int distance = EditDistance(word, candidate);
    const auto longer = static_cast<int>(std::max(word.size(), candidate.size()));
    if (distance > std::max(1, longer / 3)) continue;
    if (nearest.empty() || distance < least) {
      nearest.clear();
      least = distance;
    }
    if (distance == least) add(nearest, candidate);
  }
  return nearest.empty() ? continuations : nearest;
}

std::string DidYouMean(std::string_view word, std::span<const std::string_view> candidates,
                       std::string_view before, std::string_view after, std::string otherwise) {
  const auto nearest = Nearest(word, candidates);
  if (nearest.empty()) return otherwise;
  std::string text = "did you mean ";
  for (size_t i = 0; i < nearest.size(); ++i) {
    if (i > 0) text += i + 1 == nearest.size() ? " or " : ", ";
    text += std::string(before) + std::string(nearest[i]) + std::string(after);
  }
  return text + "?";
}

}  // namespace deixis::cli
