// JSON text: never more values, depth or memory than allowed, and what was read writes text that
// reads back the same.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "format/json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto value = deixis::ParseJson({reinterpret_cast<const char*>(data), size});
  if (!value.ok()) return 0;
  const std::string text = deixis::ToJson(*value);
  const auto again = deixis::ParseJson(text);
  if (!again.ok() || deixis::ToJson(*again) != text) std::abort();
  return 0;
}
