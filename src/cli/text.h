// How numbers and tables are shown to people: units, aligned columns, wrapped paragraphs, and
// styles that vanish where the output is not a terminal.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace deixis::cli {

// "812 B", "24.6 kB", "5.85 MB": powers of 1000, three digits.
std::string FormatBytes(int64_t bytes);
// "41.6 M", "271 k", "812": for counts of numbers or multiply-accumulates.
std::string FormatCount(int64_t count);
// "1,840".
std::string FormatInteger(int64_t value);
// "1 tensor", "1,840 tensors".
std::string Counted(int64_t count, std::string_view noun);
// "8 s", "1 min 05 s", "2 h 03 min".
std::string FormatDuration(double seconds);
// "12.3 s", "0.84 s": an elapsed time with three digits.
std::string FormatSeconds(double seconds);
// `decimals` digits after the point.
std::string FormatFixed(double value, int decimals);
// 0.92 -> "92.00 %".
std::string FormatPercent(double fraction, int decimals = 2);

// Columns that a terminal needs: code points, not bytes (wide characters are not told apart).
int DisplayWidth(std::string_view text);

// `text` with every paragraph (separated by an empty line) wrapped at `width` columns and each line
// indented by `indent` spaces. A line that begins with a space is kept as it is.
std::string Wrap(std::string_view text, int width, int indent);

// ANSI styles, or nothing at all.
class Style {
 public:
  explicit Style(bool enabled) : enabled_(enabled) {}
  bool enabled() const { return enabled_; }
  std::string Bold(std::string_view text) const { return Wrapped("1", text); }
  std::string Dim(std::string_view text) const { return Wrapped("2", text); }
  std::string Red(std::string_view text) const { return Wrapped("31", text); }
  std::string Green(std::string_view text) const { return Wrapped("32", text); }
  std::string Yellow(std::string_view text) const { return Wrapped("33", text); }

 private:
  std::string Wrapped(std::string_view code, std::string_view text) const;
  bool enabled_;
};

enum class Align { kLeft, kRight };

// Rows of cells under headings, two spaces between columns, no lines drawn.
class Table {
 public:
  struct Column {
    std::string heading;
    Align align = Align::kRight;
  };
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // As many cells as columns; fewer leave the rest empty.
  void AddRow(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  bool empty() const { return rows_.empty(); }

  // Ends with a newline. Headings are dim; no headings at all when every heading is empty.
  std::string Render(const Style& style, int indent = 0) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// "name   value" lines with the names aligned.
class Facts {
 public:
  void Add(std::string name, std::string value) {
    facts_.emplace_back(std::move(name), std::move(value));
  }
  std::string Render(const Style& style) const;

 private:
  std::vector<std::pair<std::string, std::string>> facts_;
};

}  // namespace deixis::cli
