// Comma-separated values with a header row, as in RFC 4180: quoted fields may hold commas, quotes
// (doubled) and line breaks.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace deixis {

struct CsvTable {
  struct Row {
    int line = 0;  // in the file, from 1, for messages
    std::vector<std::string> fields;
  };
  std::vector<std::string> columns;  // of the header
  std::vector<Row> rows;             // each with as many fields as the header

  // The place of the first of `names` that is a column, or -1.
  int Column(std::initializer_list<std::string_view> names) const;
};

// A byte order mark, "\r\n" and empty lines are taken as people write them. Messages name the line.
Result<CsvTable> ParseCsv(std::string_view text);

// `text` as one field: in quotes where it has to be.
std::string CsvField(std::string_view text);

// A whole number with nothing around it but spaces; nothing otherwise.
std::optional<int64_t> ParseInteger(std::string_view text);

}  // namespace deixis
