#include "pipeline/shipped_models.h"

#include <array>
#include <filesystem>
#include <system_error>

namespace deixis {

Result<std::string> FindShippedModel(std::string_view name) {
  namespace fs = std::filesystem;
  std::error_code failure;
  const fs::path program = fs::read_symlink("/proc/self/exe", failure);
  const fs::path beside = failure ? "." : program.parent_path();
  const std::array<fs::path, 3> places = {
      beside / "../share/deixis/models" / name,  // installed
      beside / "../../../models" / name,         // build/PRESET/bin
      fs::path("models") / name,
  };
  std::string looked_at;
  for (const fs::path& place : places) {
    if (fs::is_regular_file(place, failure)) return place.lexically_normal().string();
    looked_at += (looked_at.empty() ? "" : ", ") + place.lexically_normal().string();
  }
  return NotFound("model that comes with Deixis: expected one of " + looked_at);
}

}  // namespace deixis
