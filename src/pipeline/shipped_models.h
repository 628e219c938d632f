// The models that come with Deixis (models/README.md): where they lie beside a build, and where an
// installation puts them.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace deixis {

inline constexpr std::string_view kShippedBackbone = "deixis-18.safetensors";
inline constexpr std::string_view kShippedPointer = "pointer.safetensors";
inline constexpr std::string_view kShippedObjects = "objects.safetensors";

// The path of the shipped file `name`. kNotFound with the places that were looked at.
Result<std::string> FindShippedModel(std::string_view name);

}  // namespace deixis
