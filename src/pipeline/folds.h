// Which pictures are left out together while a head is being chosen: pictures of one unit (a
// session, near duplicates; vision/dataset_split.h) on one side, every label in every fold where
// that can be.
#pragma once

#include <span>
#include <vector>

namespace deixis {

// A fold 0..num_folds-1 for each of the pictures, of which units and labels are given. Units go one
// by one, in order of first appearance, to the fold that has the fewest of their labels so far. A
// label all of whose pictures are one unit is cut into runs of neighbours instead, since leaving
// all of it out would teach nothing about it. Deterministic. O(pictures * num_folds).
std::vector<int> FoldsOf(std::span<const int> units, std::span<const int> labels, int num_folds);

}  // namespace deixis
