#include "cli/text.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace deixis::cli {
namespace {

// Three significant digits of a value below 1000.
std::string ThreeDigits(double value) {
  const int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return FormatFixed(value, decimals);
}

std::string Scaled(double value, std::string_view base_unit, const char* const (&units)[4]) {
  if (value < 1000) {
    std::string text = std::to_string(static_cast<int64_t>(value));
    if (!base_unit.empty()) text += " " + std::string(base_unit);
    return text;
  }
  size_t unit = 0;
  value /= 1000;
  while (value >= 999.5 && unit + 1 < std::size(units)) {
    value /= 1000;
    ++unit;
  }
  return ThreeDigits(value) + " " + units[unit];
}

void AppendPadded(std::string& line, const std::string& cell, int width, Align align) {
  const int padding = std::max(0, width - DisplayWidth(cell));
  if (align == Align::kRight) line.append(static_cast<size_t>(padding), ' ');
  line += cell;
  if (align == Align::kLeft) line.append(static_cast<size_t>(padding), ' ');
}

void TrimEnd(std::string& line) {
  while (!line.empty() && line.back() == ' ') line.pop_back();
}

}  // namespace

std::string FormatFixed(double value, int decimals) {
  if (!std::isfinite(value)) return "-";
  char buffer[64];
  std::snprintf(buffer, sizeof(buffer), "%.*f", decimals, value);
  // "-0.00" says nothing that "0.00" does not.
  std::string text = buffer;
  if (text.starts_with('-') && text.find_first_not_of("-0.") == std::string::npos) text.erase(0, 1);
  return text;
}

std::string FormatBytes(int64_t bytes) {
  static constexpr const char* kUnits[4] = {"kB", "MB", "GB", "TB"};
  return Scaled(static_cast<double>(bytes), "B", kUnits);
}

std::string FormatCount(int64_t count) {
  static constexpr const char* kUnits[4] = {"k", "M", "G", "T"};
  return Scaled(static_cast<double>(count), "", kUnits);
}

std::string FormatInteger(int64_t value) {
  std::string text = std::to_string(value);
  const size_t first = text.starts_with('-') ? 1 : 0;
  for (size_t place = text.size(); place > first + 3;) {
    place -= 3;
    text.insert(place, ",");
  }
  return text;
}

std::string Counted(int64_t count, std::string_view noun) {
  return FormatInteger(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

std::string FormatDuration(double seconds) {
  if (!std::isfinite(seconds)) return "-";
  const auto whole = static_cast<int64_t>(std::ceil(std::max(0.0, seconds)));
  char buffer[64];
  if (whole < 60) {
    std::snprintf(buffer, sizeof(buffer), "%d s", static_cast<int>(whole));
  } else if (whole < 3600) {
    std::snprintf(buffer, sizeof(buffer), "%d min %02d s", static_cast<int>(whole / 60),
                  static_cast<int>(whole % 60));
  } else {
    std::snprintf(buffer, sizeof(buffer), "%lld h %02d min", static_cast<long long>(whole / 3600),
                  static_cast<int>(whole % 3600 / 60));
  }
  return buffer;
}

std::string FormatSeconds(double seconds) {
  if (seconds >= 100) return FormatDuration(seconds);
  return ThreeDigits(seconds) + " s";
}

std::string FormatPercent(double fraction, int decimals) {
  return FormatFixed(fraction * 100, decimals) + " %";
}

int DisplayWidth(std::string_view text) {
  int width = 0;
  bool in_escape = false;
  for (const char c : text) {
    if (in_escape) {
      in_escape = c != 'm';
    } else if (c == '\x1b') {
      in_escape = true;
    } else if ((static_cast<unsigned char>(c) & 0xC0) != 0x80) {
      ++width;
    }
  }
  return width;
}

std::string Wrap(std::string_view text, int width, int indent) {
  std::string out;
  const std::string margin(static_cast<size_t>(indent), ' ');
  std::string line;
  const auto flush = [&] {
    if (!line.empty()) out += margin + line + "\n";
    line.clear();
  };
  while (!text.empty()) {
    const auto end = text.find('\n');
    std::string_view source = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (source.empty()) {
      flush();
      out += "\n";
      continue;
    }
    if (source.front() == ' ') {
      flush();
      out += margin + std::string(source) + "\n";
      continue;
    }
    while (!source.empty()) {
      const auto space = source.find(' ');
      const std::string_view word = source.substr(0, space);
      source = space == std::string_view::npos ? std::string_view() : source.substr(space + 1);
      if (word.empty()) continue;
      if (!line.empty() && indent + DisplayWidth(line) + 1 + DisplayWidth(word) > width) flush();
      if (!line.empty()) line += ' ';
      line += word;
    }
  }
  flush();
  return out;
}

std::string Style::Wrapped(std::string_view code, std::string_view text) const {
  if (!enabled_ || text.empty()) return std::string(text);
  return "\x1b[" + std::string(code) + "m" + std::string(text) + "\x1b[0m";
}

std::string Table::Render(const Style& style, int indent) const {
  std::vector<int> widths;
  bool has_headings = false;
  for (const Column& column : columns_) {
    widths.push_back(DisplayWidth(column.heading));
    has_headings = has_headings || !column.heading.empty();
  }
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size() && i < widths.size(); ++i) {
      widths[i] = std::max(widths[i], DisplayWidth(row[i]));
    }
  }
  const std::string margin(static_cast<size_t>(indent), ' ');
  const auto render = [&](const auto& cell_of) {
    std::string line = margin;
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (i > 0) line += "  ";
      AppendPadded(line, cell_of(i), widths[i], columns_[i].align);
    }
    TrimEnd(line);
    return line;
  };
  std::string out;
  if (has_headings) {
    out += style.Dim(render([&](size_t i) { return columns_[i].heading; })) + "\n";
  }
  for (const auto& row : rows_) {
    out += render([&](size_t i) { return i < row.size() ? row[i] : std::string(); }) + "\n";
  }
  return out;
}

std::string Facts::Render(const Style& style) const {
  int width = 0;
  for (const auto& [name, value] : facts_) width = std::max(width, DisplayWidth(name));
  std::string out;
  for (const auto& [name, value] : facts_) {
    std::string line;
    AppendPadded(line, name, width, Align::kLeft);
    out += style.Dim(line) + "  " + value + "\n";
  }
  return out;
}

}  // namespace deixis::cli
