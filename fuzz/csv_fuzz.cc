// Any bytes as a table: an error that names a line, or rows that all have the header's columns.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "vision/csv.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto table = deixis::ParseCsv(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!table.ok()) {
    if (!table.error().message.starts_with("line ")) std::abort();
    return 0;
  }
  int line = 0;
  for (const auto& row : table->rows) {
    if (row.fields.size() != table->columns.size() || row.line <= line) std::abort();
    line = row.line;
    for (const auto& field : row.fields) deixis::ParseInteger(field);
  }
  return 0;
}
