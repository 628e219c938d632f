#include "vision/csv.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace deixis {
namespace {

std::string AtLine(int line) { return "line " + std::to_string(line) + ": "; }

// Takes records off the text one by one.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {
    constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
    if (rest_.starts_with(kByteOrderMark)) rest_.remove_prefix(kByteOrderMark.size());
  }

  bool at_end() const { return rest_.empty(); }

  Result<CsvTable::Row> Next() {
    CsvTable::Row row;
    row.line = line_;
    while (true) {
      DEIXIS_ASSIGN(std::string field, NextField());
      row.fields.push_back(std::move(field));
      if (rest_.empty()) return row;
      const char separator = rest_.front();
      rest_.remove_prefix(1);
      if (separator == ',') continue;
      if (separator == '\r' && rest_.starts_with('\n')) rest_.remove_prefix(1);
      ++line_;
      return row;
    }
  }

 private:
  // Stops before the comma, the line break or the end.
  Result<std::string> NextField() {
    if (!rest_.starts_with('"')) {
      const size_t end = std::min(rest_.find_first_of(",\r\n"), rest_.size());
      std::string field(rest_.substr(0, end));
      rest_.remove_prefix(end);
      return field;
    }
    const int first_line = line_;
    rest_.remove_prefix(1);
    std::string field;
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c != '"') {
        if (c == '\n') ++line_;
        field += c;
      } else if (rest_.starts_with('"')) {
        rest_.remove_prefix(1);
        field += '"';
      } else if (rest_.empty() ||
                 std::string_view(",\r\n").find(rest_.front()) != std::string_view::npos) {
        return field;
      } else {
        return InvalidData(AtLine(line_) + "expected a comma after the closing quote, found '" +
                           std::string(rest_.substr(0, 1)) + "'");
      }
    }
    return InvalidData(AtLine(first_line) + "a quoted field is never closed");
  }

  std::string_view rest_;
  int line_ = 1;
};

}  // namespace

int CsvTable::Column(std::initializer_list<std::string_view> names) const {
  for (const std::string_view name : names) {
    for (size_t i = 0; i < columns.size(); ++i) {
      if (columns[i] == name) return static_cast<int>(i);
    }
  }
  return -1;
}

Result<CsvTable> ParseCsv(std::string_view text) {
  CsvTable table;
  Reader reader(text);
  while (!reader.at_end()) {
    DEIXIS_ASSIGN(CsvTable::Row row, reader.Next());
    if (row.fields.size() == 1 && row.fields.front().empty()) continue;
    if (table.columns.empty()) {
      table.columns = std::move(row.fields);
    } else if (row.fields.size() != table.columns.size()) {
      return InvalidData(AtLine(row.line) + "expected " + std::to_string(table.columns.size()) +
                             " fields as in the header, found " + std::to_string(row.fields.size()),
                         "put fields that hold a comma in double quotes");
    } else {
      table.rows.push_back(std::move(row));
    }
  }
  return table;
}

std::string CsvField(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string field = "\"";
  for (const char c : text) {
    if (c == '"') field += '"';
    field += c;
  }
  return field + "\"";
}

std::optional<int64_t> ParseInteger(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace deixis
