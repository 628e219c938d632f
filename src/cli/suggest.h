// "Did you mean": the nearest of the words that would have been right.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace deixis::cli {

// Insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b` (optimal
// string alignment). O(|a| |b|).
int EditDistance(std::string_view a, std::string_view b);

// The candidate nearest to `word`, or empty when none is near enough to be what was meant: at most
// a third of its letters differ, or `word` is the beginning of exactly one.
std::string_view Nearest(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace deixis::cli
