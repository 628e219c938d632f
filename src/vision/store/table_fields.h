// Fields that several tables of an edited dataset have: numbers, marks, sides of the split, names
// of files.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "vision/dataset_store.h"

namespace deixis::internal {

// The shortest decimal that reads back as the same number.
std::string NumberText(double value);
// A finite number and nothing else.
std::optional<double> ParseNumber(std::string_view text);

// "", "0" or "1".
std::string SideText(const std::optional<bool>& held_out);

// "x,y", or "," without a mark.
std::string MarkFields(const Mark& mark);

// A file that lies in the dataset's folder, by its name alone.
bool IsInside(const std::string& file);

}  // namespace deixis::internal
