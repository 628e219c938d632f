#include "vision/store/table_fields.h"

#include <charconv>
#include <cmath>
#include <filesystem>
#include <system_error>

namespace deixis::internal {

namespace fs = std::filesystem;

std::string NumberText(double value) {
  char text[32];
  const auto [end, error] = std::to_chars(text, text + sizeof text, value);
  return error == std::errc() ? std::string(text, end) : std::string("0");
}

std::optional<double> ParseNumber(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) {
    return std::nullopt;
  }
  return value;
}

std::string SideText(const std::optional<bool>& held_out) {
  return !held_out ? "" : *held_out ? "1" : "0";
}

std::string MarkFields(const Mark& mark) {
  return mark ? NumberText(mark->x) + "," + NumberText(mark->y) : ",";
}

bool IsInside(const std::string& file) {
  const fs::path path = fs::path(file).lexically_normal();
  return !path.empty() && path.is_relative() && *path.begin() != ".." && path.has_filename();
}

}  // namespace deixis::internal
