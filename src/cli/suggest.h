// "Did you mean": the nearest of the words that would have been right.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace deixis::cli {

// Insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b` (optimal
// string alignment). O(|a| |b|).
int EditDistance(std::string_view a, std::string_view b);

// What was probably meant by `word`: the candidates at the least distance when that is at most a
// third of the letters, else those that `word` is the beginning of. At most three, each once; may
// be none.
std::vector<std::string_view> Nearest(std::string_view word,
                                      std::span<const std::string_view> candidates);

// "did you mean --json?", each candidate between `before` and `after`; else `otherwise`.
std::string DidYouMean(std::string_view word, std::span<const std::string_view> candidates,
                       std::string_view before, std::string_view after, std::string otherwise);

}  // namespace deixis::cli
